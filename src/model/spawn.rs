//! Why a run could not be started, and why a probe didn't pass.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Pid;

/// Who listens on a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process id.
    pub pid: Pid,
    /// Its command line, cut.
    pub command: String,
    /// The folder it runs in, where that can be read.
    pub cwd: Option<PathBuf>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {} ({}", self.pid, self.command)?;
        match &self.cwd {
            Some(cwd) => write!(f, ", in {})", cwd.display()),
            None => f.write_str(")"),
        }
    }
}

/// The step at which starting a run failed, between fork and exec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpawnStep {
    /// Forking the service.
    Fork,
    /// Making it a session of its own.
    Session,
    /// Giving it its terminal.
    Terminal,
    /// Going to its working directory.
    Chdir,
    /// Executing its program.
    Exec,
}

/// Why a run could not be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum SpawnFailure {
    /// Its program is on no folder of its PATH.
    ProgramNotFound {
        /// The first word of its command.
        program: String,
    },
    /// The system refused a step.
    System {
        /// Which step.
        step: SpawnStep,
        /// What it was about: the program, the folder.
        what: String,
        /// The error in the system's words.
        why: String,
        /// Whether another try may end otherwise (too many processes, no memory).
        transient: bool,
    },
    /// The port it is to listen on is taken.
    PortTaken {
        /// The port.
        port: u16,
        /// By whom, where that can be seen.
        holder: Option<Holder>,
    },
    /// The shim itself could not be started, or broke off.
    Shim {
        /// What it said.
        why: String,
    },
}

impl SpawnFailure {
    /// Whether another try later may end otherwise.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::ProgramNotFound { .. } => false,
            Self::System { transient, .. } => *transient,
            Self::PortTaken { .. } | Self::Shim { .. } => true,
        }
    }
}

impl fmt::Display for SpawnFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProgramNotFound { program } => write!(f, "`{program}` is not on its PATH"),
            Self::System { step, what, why, .. } => match step {
                SpawnStep::Chdir => write!(f, "can't enter the folder `{what}`: {why}"),
                SpawnStep::Exec => write!(f, "can't execute `{what}`: {why}"),
                SpawnStep::Fork => write!(f, "can't start a process: {why}"),
                SpawnStep::Session | SpawnStep::Terminal => write!(f, "can't set up its terminal: {why}"),
            },
            Self::PortTaken { port, holder: Some(holder) } => write!(f, "port {port} is taken by {holder}"),
            Self::PortTaken { port, holder: None } => write!(f, "port {port} is taken"),
            Self::Shim { why } => write!(f, "its shim failed: {why}"),
        }
    }
}

/// Why a probe didn't pass, this time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ProbeFailure {
    /// Nobody answers at the address.
    Refused {
        /// `host:port` or URL.
        target: String,
    },
    /// Somebody answers, and it isn't the run: its port is another's.
    Foreign {
        /// `host:port` or URL.
        target: String,
        /// Who listens there.
        holder: Holder,
    },
    /// The answer isn't the one that is asked for.
    Answer {
        /// The URL.
        target: String,
        /// `answered 503`, `didn't answer within 2s`.
        why: String,
    },
    /// The command ended with another code than 0.
    Command {
        /// The command line.
        command: String,
        /// How it ended.
        why: String,
    },
    /// It hasn't said `READY=1`, or somebody else has.
    Unnotified {
        /// Who said it and isn't of the run, where somebody did.
        stranger: Option<Pid>,
    },
    /// The line that is waited for hasn't come.
    NoLine {
        /// The pattern.
        pattern: String,
    },
}

impl fmt::Display for ProbeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { target } => write!(f, "nothing answers at {target}"),
            Self::Foreign { target, holder } => write!(f, "{target} is answered by {holder}, not by this run"),
            Self::Answer { target, why } => write!(f, "{target} {why}"),
            Self::Command { command, why } => write!(f, "`{command}` {why}"),
            Self::Unnotified { stranger: None } => f.write_str("it hasn't said READY=1 at NOTIFY_SOCKET yet"),
            Self::Unnotified { stranger: Some(pid) } => {
                write!(f, "READY=1 was said by process {pid}, which can't be seen to be of this run")
            }
            Self::NoLine { pattern } => write!(f, "no line matched `{pattern}` yet"),
        }
    }
}
