//! Why a process isn't running: as data, and as a sentence.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Failure, Moment, ProcessName};

/// Why a process isn't running now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hold", rename_all = "kebab-case")]
pub enum Hold {
    /// Nobody wants it: it was stopped, or everything stops.
    NotWanted,
    /// A dependency isn't ready yet.
    Waiting {
        /// Which ones.
        dependencies: Vec<ProcessName>,
    },
    /// A dependency won't become ready any more without somebody's help.
    Blocked {
        /// Which one.
        dependency: ProcessName,
        /// Why it won't.
        failure: Failure,
    },
    /// It ended and is about to be started again.
    Backoff {
        /// When.
        until: Moment,
    },
    /// It failed and won't be started again unasked.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// It did what it had to do.
    Done,
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWanted => f.write_str("it was stopped"),
            Self::Waiting { dependencies } => {
                let names: Vec<&str> = dependencies.iter().map(ProcessName::as_str).collect();
                write!(f, "waiting for {} to be ready", names.join(", "))
            }
            Self::Blocked { dependency, failure } => write!(f, "waiting for {dependency}, which failed: {failure}"),
            Self::Backoff { until } => write!(f, "starting again at {until}"),
            Self::Failed { failure } => write!(f, "{failure}"),
            Self::Done => f.write_str("done"),
        }
    }
}
