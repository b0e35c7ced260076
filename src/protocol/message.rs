//! What the server says: who it is, answers, refusals, records.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{Event, Origin, ProcessName, RunId, Seq, SiloName, Status};

/// One line of the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "kebab-case")]
pub enum Message {
    /// The first line, before anything was asked.
    Hello(Hello),
    /// The answer to a request, its only one.
    Answer {
        /// The request's.
        id: u64,
        /// What came of it.
        #[serde(flatten)]
        answer: Answer,
    },
    /// A request was not done.
    Refused {
        /// The request's; 0 where it couldn't be read.
        id: u64,
        /// Why not.
        #[serde(flatten)]
        refusal: Refusal,
    },
    /// Something that was said or happened, for a subscriber.
    Record {
        /// The subscription's.
        id: u64,
        /// Its place in the one order of everything. A cursor within this stack's life.
        seq: Seq,
        /// When.
        at: Timestamp,
        /// What.
        #[serde(flatten)]
        record: WireRecord,
    },
    /// Nothing more comes of this subscription.
    End {
        /// The subscription's.
        id: u64,
    },
}

/// Who the server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of the protocol.
    pub version: u32,
    /// The program.
    pub program: String,
    /// Its process id.
    pub pid: i32,
    /// The project's name.
    pub project: String,
    /// The project's folder.
    pub folder: PathBuf,
    /// The silos of this stack.
    pub silos: Vec<SiloName>,
    /// How it was started, as one types it.
    pub command: String,
    /// Since when it runs.
    pub since: Timestamp,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// It is done, for these.
    Done {
        /// Whom it concerned.
        processes: Vec<ProcessName>,
    },
    /// How everything stands.
    Status {
        /// The picture.
        #[serde(flatten)]
        status: StackStatus,
    },
    /// What a wait came to. The request is answered, whatever it came to.
    Waited {
        /// Whether it came true for all.
        outcome: WaitOutcome,
        /// How long it took, in seconds.
        seconds: f64,
        /// Each process.
        processes: Vec<Waited>,
    },
    /// Records follow.
    Subscribed,
}

/// How a stack stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StackStatus {
    /// Its processes.
    #[serde(flatten)]
    pub status: Status,
    /// When the picture was taken, by the wall clock.
    pub time: Timestamp,
    /// What each takes, where that was asked for and could be measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usage: Vec<ProcessUsage>,
}

/// What the whole tree of a process takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessUsage {
    /// Whose.
    pub name: ProcessName,
    /// How many processes of the system it is made of.
    pub count: usize,
    /// Percent of one core, over the last fifth of a second.
    pub cpu: f64,
    /// Bytes of memory; what several share counts in parts (PSS) where the system tells, else in full (RSS).
    pub memory: u64,
}

/// Whether a wait came true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitOutcome {
    /// For all.
    True,
    /// It can't any more, for at least one.
    Never,
    /// The time was up.
    TimedOut,
}

/// What a wait came to for one process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waited {
    /// Which.
    pub name: ProcessName,
    /// Whether it is so.
    pub met: bool,
    /// The line that matched; why it can't come true any more; what it is waiting for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{error}")]
pub struct Refusal {
    /// For programs.
    pub kind: RefusalKind,
    /// For people: what and why, a fragment.
    pub error: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// The kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// The line isn't a request.
    Malformed,
    /// The line is longer than any request. The connection ends.
    TooLong,
    /// The client speaks another version. The connection ends.
    Version,
    /// Nobody goes by such a name.
    UnknownProcess,
    /// It can't be done, or didn't come true.
    Failed,
    /// There are too many clients. The connection ends.
    Busy,
    /// No request came in time. The connection ends.
    Idle,
    /// Somebody else's: only the owner of a stack may talk to it. The connection ends.
    Forbidden,
    /// The stack has ended meanwhile.
    Ended,
}

impl Refusal {
    /// One without help.
    pub fn new(kind: RefusalKind, error: impl Into<String>) -> Self {
        Self { kind, error: error.into(), help: None }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// What a record is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum WireRecord {
    /// Something happened.
    Event {
        /// What.
        #[serde(flatten)]
        event: Event,
    },
    /// A line, or the piece of one.
    Line {
        /// Whose.
        run: RunId,
        /// Through which outlet.
        origin: Origin,
        /// Its text; bytes that are no UTF-8 are replaced. Escapes of terminals are still in it.
        text: String,
        /// Whether it goes on with the line before, of the same run and outlet.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        continues: bool,
        /// How it ends.
        #[serde(default)]
        ending: Ending,
    },
    /// So many lines and events are missing here: they came faster than they were read.
    Lagged {
        /// How many.
        missed: u64,
    },
}

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// With its newline.
    #[default]
    Newline,
    /// The child paused in mid-line, as it does for a prompt.
    Paused,
    /// It is longer than any line may be; the next one goes on with it.
    Cut,
    /// The output ended there.
    EndOfFile,
}
