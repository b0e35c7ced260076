//! Ends: of a run, of its tree, and of the whole session.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Pid, ProcessName, Signal};

/// How the main process of a run ended. True to `wait(2)`: no `128 + n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExitStatus {
    /// It returned this code, 0 to 255.
    Code(i32),
    /// A signal ended it.
    Signal {
        /// Which one.
        signal: Signal,
        /// Whether a core was dumped.
        core: bool,
    },
}

impl ExitStatus {
    /// Whether it ended with code 0.
    pub const fn success(self) -> bool {
        matches!(self, Self::Code(0))
    }

    /// The status as a shell shows it: the code, or 128 and the signal's number.
    pub const fn shell_code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal { signal, .. } => 128 + signal.number(),
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(0) => f.write_str("exited with 0"),
            Self::Code(code) => write!(f, "exited with {code}"),
            Self::Signal { signal, core: false } => write!(f, "was ended by SIG{signal}"),
            Self::Signal { signal, core: true } => write!(f, "was ended by SIG{signal} (core dumped)"),
        }
    }
}

/// A process of a run's tree that was still there when it should not have been.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stray {
    /// Its process id at that time.
    pub pid: Pid,
    /// Its command line, cut.
    pub command: String,
}

impl fmt::Display for Stray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pid, self.command)
    }
}

/// What was left of a run's tree after its main process.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leftovers {
    /// Nothing.
    None,
    /// These had to be killed.
    Swept(Vec<Stray>),
}

/// How the session ended; the command line turns it into an exit code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Stopped in order, or everything that was to be done is done.
    Fine,
    /// A second interrupt killed what was left.
    Killed,
    /// A third interrupt: we left at once, the shims clean up.
    Abandoned,
    /// Nothing is left that could run: these gave up.
    GaveUp(Vec<ProcessName>),
    /// A service with `exit_on_end` ended, and the session with it.
    Ended {
        /// Whose end it was.
        process: ProcessName,
        /// Its status, which becomes ours.
        status: ExitStatus,
    },
    /// These could not be stopped, not even by KILL.
    Unstoppable(Vec<ProcessName>),
}
