//! Processes, ptys, probes and the loop: does what the supervisor says. It never decides.

mod children;
mod environ;
mod pump;
mod spawn;
mod splitter;

pub use children::{Children, Helper};
pub use environ::child_environment;
pub use pump::{LogProbe, Pump, PumpEnd, PumpFailure};
pub use spawn::{Control, Output, Report, Reports, Spawned, Spawner, stop_request};
