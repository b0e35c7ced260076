//! Where a process is in its life.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ExitStatus, Moment, Pid, ProbeFailure, SpawnFailure, brief};

/// Where a process is in its life. The one type for it: in the machine, on the bus, on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
pub enum Phase {
    /// Not wanted, or waiting for a dependency.
    Idle,
    /// Told to spawn; nothing heard yet.
    Starting,
    /// Alive, not ready yet.
    Running {
        /// When it counts as failed if it isn't ready by then.
        ready_by: Option<Moment>,
    },
    /// Its probes passed, or it has none and was spawned.
    Ready,
    /// Told to stop, or its main process ended and the rest of its tree is being stopped.
    Stopping {
        /// Index into its stop ladder.
        rung: usize,
        /// When the next rung is due.
        escalate_at: Moment,
    },
    /// Waiting for its next start.
    Backoff {
        /// When that is.
        until: Moment,
    },
    /// A oneshot that succeeded, or a service that ended with 0 and isn't to be started again.
    Done {
        /// How it ended.
        status: ExitStatus,
    },
    /// Won't be brought back unasked.
    Failed {
        /// Why.
        failure: Failure,
    },
}

impl Phase {
    /// Whether the kernel has a process for it, or is about to.
    pub const fn is_live(&self) -> bool {
        match self {
            Self::Starting | Self::Running { .. } | Self::Ready | Self::Stopping { .. } => true,
            Self::Idle | Self::Backoff { .. } | Self::Done { .. } | Self::Failed { .. } => false,
        }
    }
}

/// One word, as `ps` shows it.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Idle => "idle",
            Self::Starting => "starting",
            Self::Running { .. } => "running",
            Self::Ready => "ready",
            Self::Stopping { .. } => "stopping",
            Self::Backoff { .. } => "backoff",
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
        })
    }
}

/// How a live process does, beside its phase. Shown; pauses probes, watch and restarts; gates nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// As far as we know.
    #[default]
    Ok,
    /// Its probe fails after it was ready.
    Degraded,
    /// Somebody debugs it.
    InDebugger,
    /// A signal stopped it (state T).
    Stopped,
}

/// Why a process won't be brought back unasked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Failure {
    /// It could not be spawned, and another try would end the same.
    Spawn {
        /// What went wrong.
        failure: SpawnFailure,
    },
    /// It ended, and its policy doesn't bring it back.
    Exited {
        /// How.
        status: ExitStatus,
    },
    /// It ended too often.
    GaveUp {
        /// How many runs in a row ended early.
        runs: u32,
        /// How the last one ended, if it came to run at all.
        last: Option<ExitStatus>,
    },
    /// It was alive but not ready in time, too often or with a policy of `never`.
    NotReady {
        /// How long it had.
        #[serde(with = "super::seconds")]
        after: Duration,
        /// What the probe said last.
        last: Option<ProbeFailure>,
    },
    /// It was ready, and then failed its probe too often.
    NotAlive {
        /// How often in a row.
        failures: u32,
        /// What the probe said last.
        last: ProbeFailure,
    },
    /// KILL didn't end it.
    Unkillable {
        /// Who is still there.
        pids: Vec<Pid>,
    },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn { failure } => write!(f, "{failure}"),
            Self::Exited { status } => write!(f, "it {status}"),
            Self::GaveUp { runs, last: Some(status) } => {
                write!(f, "{runs} runs in a row ended early; the last one {status}")
            }
            Self::GaveUp { runs, last: None } => write!(f, "{runs} tries in a row to start it failed"),
            Self::NotReady { after, last: Some(last) } => write!(f, "it wasn't ready after {}: {last}", brief(*after)),
            Self::NotReady { after, last: None } => write!(f, "it wasn't ready after {}", brief(*after)),
            Self::NotAlive { failures, last } => write!(f, "it failed its probe {failures} times in a row: {last}"),
            Self::Unkillable { pids } => {
                let pids: Vec<String> = pids.iter().map(Pid::to_string).collect();
                write!(f, "it survived SIGKILL (pid {})", pids.join(", "))
            }
        }
    }
}
