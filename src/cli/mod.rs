//! argv, discovery, preflight, wiring and the error report. The only room that knows all others.

pub mod args;
mod commands;
mod crash;
mod discover;
mod environ;
mod exit_code;
mod import;
mod init;
mod like;
mod logs;
mod main;
mod oneshots;
mod open;
mod plan;
mod preflight;
mod report;
mod run;
mod stack;
mod status;
mod up;
mod usage;

pub use exit_code::Exit;
pub use main::main;
pub use report::{Failure, Report, Trouble};
