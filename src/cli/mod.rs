//! argv, discovery, preflight, wiring and the error report. The only room that knows all others.

pub mod args;
mod commands;
mod control;
mod crash;
mod ctl;
mod db;
mod detach;
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
mod ps;
mod reach;
mod report;
mod run;
mod stack;
mod story;
mod up;
mod usage;
mod wait;

pub use exit_code::Exit;
pub use main::main;
pub use report::{Failure, Report, Trouble};
