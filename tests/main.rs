//! The one test binary, so that everything in `support` is built once.

mod output;
mod shim;
mod simulation;
mod support;
mod tidy;
