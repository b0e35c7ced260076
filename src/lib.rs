//! One supervisor for every process of a multi-silo app.
//!
//! The rooms, in the order in which data passes through them: `model` → `config` → `plan` → `supervise`
//! → `runner` → `control` → `views` → `cli`, with `protocol`, `sys`, `logs`, `bus`, `shim` and `database` as side
//! rooms. Who may import whom is a table in `tests/tidy.rs`; ARCHITECTURE.md says why.

pub mod model;
pub mod protocol;

pub mod config;
pub mod plan;
pub mod supervise;

pub mod bus;
pub mod import;
pub mod logs;
pub mod sys;

pub mod control;
pub mod runner;
pub mod shim;

pub mod views;

pub mod database;

pub mod cli;
