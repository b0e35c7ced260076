//! Processes, ptys, probes and the loop: does what the supervisor says. It never decides.

mod pump;
mod splitter;

pub use pump::{LogProbe, Pump, PumpEnd, PumpFailure};
