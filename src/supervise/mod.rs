//! The state machine: what should be happening now.
//!
//! Pure: it takes in what happened, returns what must be done about it, and does none of it. It never
//! names a runtime, a file, a clock or a process of the system, and it never sees the configuration: what
//! it needs is in the plan.
//!
//! `process` is one process and the moves between its phases, `health` how it does when it is up, `reconcile` the one rule that compares
//! intent with phase, `restart` the backoff, `ladder` how a run is stopped, `shutdown` the end, `waiting` the requests that are answered
//! later, `command` what is asked for, `picture` how everything stands, `supervisor` the door.

mod command;
mod effect;
mod health;
mod input;
mod ladder;
mod picture;
mod process;
mod reconcile;
mod restart;
mod shutdown;
mod supervisor;
mod waiting;

pub use effect::Effect;
pub use input::Input;
pub use supervisor::Supervisor;
