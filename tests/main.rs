//! The one test binary, so that everything in `support` is built once.

#![expect(clippy::disallowed_methods, reason = "tests start processes, look at the clock, and prepare an environment")]

mod acme;
mod control;
mod database;
mod docs;
mod endings;
mod ends;
mod faults;
mod fuzz;
mod health;
mod import;
mod leftovers;
mod lifecycle;
mod logs;
mod make;
mod memory;
mod oneshots;
mod output;
mod owner;
mod plan;
mod preflight;
mod protocol;
mod run;
mod secrets;
mod seed;
mod shim;
mod shutdown;
mod simulation;
mod soak;
mod stopping;
mod support;
mod tidy;
