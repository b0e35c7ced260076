//! What the supervisor and a shim say to each other: JSON behind a length of four bytes.
//!
//! Both ends are the same binary of the same build, so there is no version. Nothing is read or written here.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::{ExitStatus, Pid, Signal, SpawnStep};

/// What a shim calls itself. Not the name of our program, so that a kill by name doesn't take both.
pub const NAME: &str = "dv-shim";

/// The variable by which everything that belongs to one run is known, unless it clears its environment.
pub const MARKER: &str = "DEVSERVER_RUN";

/// The byte that comes first, with the descriptors that the shim keeps.
pub const HANDOVER: u8 = b'>';

/// The longest message. The kernel refuses arguments and environments long before.
pub const LIMIT: usize = 16 << 20;

/// Bytes that need not be text: arguments, variables, paths.
///
/// On the wire a string with one character for each byte: plain text stays plain.
#[derive(Clone, PartialEq, Eq)]
pub struct Raw(pub Vec<u8>);

impl Raw {
    /// As the system's functions take it.
    pub fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }

    /// For messages.
    pub fn lossy(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

impl<T: AsRef<OsStr> + ?Sized> From<&T> for Raw {
    fn from(text: &T) -> Self {
        Self(text.as_ref().as_bytes().to_vec())
    }
}

impl std::fmt::Debug for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_os_str().fmt(f)
    }
}

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.iter().map(|byte| char::from(*byte)).collect::<String>())
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
        bytes.map(Self).map_err(|_| D::Error::custom("a character above 255"))
    }
}

/// Everything that a shim must know to run something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The program and its arguments.
    pub argv: Vec<Raw>,
    /// The whole environment.
    pub env: Vec<(Raw, Raw)>,
    /// The working directory, absolute.
    pub cwd: Raw,
    /// Whether the shim's output is a terminal, which then becomes the run's.
    pub pty: bool,
    /// The soft limit of open files that the user had; none to leave it as it is.
    pub open_files: Option<u64>,
    /// Whether the end of a shell that has started something in its group isn't the end of the run.
    pub outlived: bool,
    /// What the shim does when the supervisor is gone. KILL of the whole tree always follows.
    pub ladder: Vec<Step>,
}

/// One rung of the ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The number of the signal.
    pub signal: i32,
    /// To whom.
    pub target: Target,
    /// How long to wait after it.
    pub millis: u64,
}

/// Who gets a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// The process group of the main process.
    Group,
    /// The main process alone.
    Main,
}

/// What the supervisor may ask of a shim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// End: the signal, and CONT so that it is heard. Once the main process has ended, what is left of its
    /// tree gets it instead.
    Stop {
        /// The number of the signal.
        signal: i32,
        /// To whom.
        target: Target,
    },
    /// Kill the whole tree, until nothing is left.
    Kill,
    /// Stop the whole tree where it stands, until `Thaw`.
    Freeze,
    /// Let it go on; not what stood still before.
    Thaw,
    /// Just this signal, nothing more.
    Signal {
        /// The number of the signal.
        signal: i32,
        /// To whom.
        target: Target,
    },
}

/// What a shim says. `SpawnFailed` and `Gone` are last words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// The program is executing.
    Started {
        /// The main process.
        pid: i32,
    },
    /// The main process was a shell, and what it left behind goes on in its place.
    Inherited {
        /// The main process from now on.
        pid: i32,
    },
    /// It couldn't be started.
    SpawnFailed(Failure),
    /// The main process ended and was reaped.
    Exited(End),
    /// KILL was sent, and these are still there two seconds later. `Gone` may follow.
    Survivors {
        /// Who.
        pids: Vec<i32>,
    },
    /// Nothing of the tree is left.
    Gone {
        /// What had to be told apart from the main process and its group.
        swept: Vec<Swept>,
    },
}

/// Why a program couldn't be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// It is in no folder of its PATH.
    NotFound {
        /// The first word of the command.
        program: String,
    },
    /// The system refused a step.
    System {
        /// Which.
        step: SpawnStep,
        /// What it was about.
        what: String,
        /// The reason, in words.
        why: String,
        /// Whether another try may end otherwise.
        transient: bool,
    },
}

/// How the main process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// It returned this.
    Code(i32),
    /// A signal ended it.
    Signal {
        /// Its number.
        number: i32,
        /// Whether a core was dumped.
        core: bool,
    },
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        match status {
            ExitStatus::Code(code) => Self::Code(code),
            ExitStatus::Signal { signal, core } => Self::Signal { number: signal.number(), core },
        }
    }
}

impl From<End> for ExitStatus {
    fn from(end: End) -> Self {
        match end {
            End::Code(code) => Self::Code(code),
            End::Signal { number, core } => Self::Signal { signal: Signal::from_number(number), core },
        }
    }
}

/// A process that was still there after the main one, or out of reach of its group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    /// Its process id.
    pub pid: i32,
    /// Its command line, cut.
    pub command: String,
}

impl Swept {
    /// The process id.
    pub const fn pid(&self) -> Pid {
        Pid(self.pid)
    }
}

/// The other end said something that isn't the protocol.
#[derive(Debug, thiserror::Error)]
pub enum Garbage {
    /// A message can't be this long.
    #[error("a message of {0} bytes")]
    Length(usize),
    /// It isn't what was expected.
    #[error("{0}")]
    Content(#[from] serde_json::Error),
}

/// A message as it goes over the wire.
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, Garbage> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message)?;
    let length = frame.len() - 4;
    let header = u32::try_from(length).ok().filter(|_| length <= LIMIT).ok_or(Garbage::Length(length))?;
    frame[..4].copy_from_slice(&header.to_le_bytes());
    Ok(frame)
}

/// Cuts what comes in into messages.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
}

impl Decoder {
    /// Takes in what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next message, if all of it is there.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Garbage> {
        let Some((header, rest)) = self.buffer.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*header) as usize;
        if length > LIMIT {
            return Err(Garbage::Length(length));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let message = serde_json::from_slice(body)?;
        // A spec is large and comes once; what follows is small.
        self.buffer = self.buffer.split_off(4 + length);
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_whole_however_they_are_cut() {
        let spec = Spec {
            argv: vec![Raw(b"caf\xc3\xa9 \xff\x00".to_vec()), Raw(Vec::new())],
            env: vec![(Raw::from("PATH"), Raw::from("/bin"))],
            cwd: Raw::from("/"),
            pty: true,
            open_files: Some(1024),
            outlived: true,
            ladder: vec![Step { signal: 15, target: Target::Main, millis: 10 }],
        };
        let mut wire = encode(&spec).expect("it is short");
        wire.extend(encode(&Request::Kill).expect("it is short"));
        let mut decoder = Decoder::default();
        let mut specs = Vec::new();
        for byte in wire {
            decoder.push(&[byte]);
            if specs.is_empty() {
                specs.extend(decoder.take::<Spec>().expect("a spec"));
            }
        }
        assert_eq!(specs, [spec]);
        assert_eq!(decoder.take::<Request>().expect("a request"), Some(Request::Kill));
        assert_eq!(decoder.take::<Request>().expect("nothing"), None);
    }

    #[test]
    fn what_is_not_the_protocol_is_refused() {
        let mut long = Decoder::default();
        long.push(&u32::MAX.to_le_bytes());
        assert!(matches!(long.take::<Request>(), Err(Garbage::Length(_))));
        let mut other = Decoder::default();
        other.push(b"\x04\0\0\0oops");
        assert!(matches!(other.take::<Request>(), Err(Garbage::Content(_))));
    }
}
