//! argv, discovery, preflight, wiring and the error report. The only room that knows all others.

pub mod args;
mod commands;
mod discover;
mod exit_code;
mod init;
mod logs;
mod main;
mod oneshots;
mod plan;
mod preflight;
mod report;
mod stack;
mod status;
mod up;
mod usage;

pub use exit_code::Exit;
pub use main::main;
pub use report::{Failure, Report, Trouble};
