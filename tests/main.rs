//! The one test binary, so that everything in `support` is built once.

#![expect(clippy::disallowed_methods, reason = "tests start processes, look at the clock, and prepare an environment")]

mod make;
mod output;
mod plan;
mod shim;
mod simulation;
mod support;
mod tidy;
