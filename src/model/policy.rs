//! How a process is stopped, brought back, and waited for: written in the configuration, carried in the
//! plan, followed by the supervisor.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Signal;

/// The state in which a dependency lets its dependents start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// It was spawned.
    Started,
    /// It is ready; for a oneshot: it succeeded.
    #[default]
    Ready,
    /// It ended with 0.
    Succeeded,
    /// As `Ready`, and its end stops the dependent too (systemd's BindsTo).
    Bound,
}

/// Whose the listener must be that answers a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// The run's own; a provable stranger fails the probe.
    #[default]
    Own,
    /// Anybody's: somebody else is expected to listen.
    Any,
}

/// How a run is stopped, step by step. KILL of the whole tree always follows the last one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct StopLadder {
    /// A command that comes before all signals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<StopCommand>,
    /// Signals with their timeouts, in order. At least one.
    pub rungs: Vec<Rung>,
}

/// A command that asks a service to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StopCommand {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// How long it and the end of the service may take before the first signal.
    pub timeout: Duration,
}

/// One step of a stop ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopStep<'a> {
    /// Its command.
    Command(&'a StopCommand),
    /// A signal.
    Signal(Rung),
}

impl StopStep<'_> {
    /// How long to wait before the next step.
    pub const fn timeout(&self) -> Duration {
        match self {
            Self::Command(command) => command.timeout,
            Self::Signal(rung) => rung.timeout,
        }
    }
}

/// One rung of a stop ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rung {
    /// What is sent. KILL goes to the whole tree, whatever the target.
    pub signal: Signal,
    /// To whom.
    pub target: Target,
    /// How long to wait before the next rung.
    pub timeout: Duration,
}

/// What a run was told to end with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopMeans {
    /// A signal.
    Signal(Signal),
    /// Its stop command.
    Command(String),
}

/// `TERM`, or the command in backticks.
impl fmt::Display for StopMeans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(signal) => write!(f, "{signal}"),
            Self::Command(command) => write!(f, "`{command}`"),
        }
    }
}

/// Who gets the signal of a rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Its process group.
    #[default]
    Group,
    /// Its main process alone (Celery's warm shutdown wants that).
    Main,
}

impl StopLadder {
    /// How long KILL may take before a process counts as unkillable.
    pub const KILL_TIMEOUT: Duration = Duration::from_secs(2);

    /// The index of the first step that is a signal.
    pub fn first_signal(&self) -> usize {
        usize::from(self.command.is_some())
    }

    /// The step of this index; from the last one on it is KILL.
    pub fn step(&self, index: usize) -> StopStep<'_> {
        match &self.command {
            Some(command) if index == 0 => StopStep::Command(command),
            Some(_) | None => StopStep::Signal(self.signal(index)),
        }
    }

    /// The signal of this step, or the first one where it is the command.
    pub fn signal(&self, index: usize) -> Rung {
        let kill = Rung { signal: Signal::KILL, target: Target::Group, timeout: Self::KILL_TIMEOUT };
        self.rungs.get(index.saturating_sub(self.first_signal())).copied().unwrap_or(kill)
    }

    /// The index of the step that kills.
    pub fn last(&self) -> usize {
        let kill = self.rungs.iter().position(|rung| rung.signal == Signal::KILL);
        self.first_signal() + kill.unwrap_or(self.rungs.len())
    }

    /// How long the whole ladder can take.
    pub fn longest(&self) -> Duration {
        (0..=self.last()).map(|index| self.step(index).timeout()).sum()
    }
}

/// What happens when a process ends by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestartPolicy {
    /// After which ends it is started again.
    pub when: RestartWhen,
    /// The first delay; it doubles each time.
    pub min: Duration,
    /// The longest delay.
    pub max: Duration,
    /// Ready for this long, its count of failures starts anew.
    pub reset_after: Duration,
    /// After so many runs in a row that ended early it is left alone.
    pub give_up_after: u32,
}

/// After which ends a process is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartWhen {
    /// After none.
    Never,
    /// After every end but exit code 0.
    #[default]
    OnFailure,
    /// After every end.
    Always,
}
