//! `Config` + `Choices` + `Facts` → `Plan`: what shall run, resolved.
//!
//! Pure: it never reads a file, the environment, the clock or PATH; `Facts` is handed in. It returns
//! every error it finds, not the first.

mod choices;
mod database;
mod environ;
mod error;
mod facts;
mod flags;
mod graph;
mod one_off;
mod planner;
mod ports;
mod process;
mod scope;
mod select;
mod spec;

pub use crate::model::{Condition, Owner, RestartPolicy, RestartWhen, Rung, StopCommand, StopLadder, StopStep, Target};
pub use choices::{Address, AddressError, Choices};
pub use database::databases;
pub use error::{PlanError, PlanErrors, PlanProblem};
pub use facts::{Facts, LiveStack};
pub use one_off::one_off;
pub use planner::plan;
pub use spec::{
    Absent, Check, CheckTest, Dependency, EnvValue, Oneshot, Peer, Plan, PlannedSilo, Probe, ProcessSpec, Readiness,
    RenderedFile,
};
