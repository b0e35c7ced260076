//! The vocabulary: names, moments, signals, phases, events and commands.
//!
//! Imports nothing and does nothing: every other room speaks in these words. No I/O, no clock, no
//! third-party runtime.

mod command;
mod database;
mod event;
mod exit;
mod hold;
mod line;
mod log_rule;
mod moment;
mod name;
mod phase;
mod policy;
mod run;
mod seconds;
mod signal;
mod size;
mod spawn;

pub use command::{Actor, Command, ProcessStatus, Reply, RequestId, Selector, Status, Via};
pub use database::{Databases, RegionColumn, SiloDatabase};
pub use event::{Event, PeerAnswer, Seq};
pub use exit::{ExitStatus, Leftovers, Stray, Verdict};
pub use hold::Hold;
pub use line::Origin;
pub use log_rule::{Level, LogKind, LogRule};
pub use moment::{DurationError, Moment, brief, parse_duration};
pub use name::{FlagName, NameError, ProcessName, ServiceName, SiloName};
pub use phase::{Failure, Health, Phase};
pub use policy::{
    Condition, Owner, RestartPolicy, RestartWhen, Rung, StopCommand, StopLadder, StopMeans, StopStep, Target,
};
pub use run::{Pid, RunId};
pub use signal::{Signal, UnknownSignal};
pub use size::parse_size;
pub use spawn::{Holder, ProbeFailure, SpawnFailure, SpawnStep};
