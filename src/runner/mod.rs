//! Processes, ptys, probes and the loop: does what the supervisor says. It never decides.

mod ask;
mod child;
mod children;
mod clock;
mod drive;
mod environ;
mod host;
mod last_lines;
mod ledger;
mod leftovers;
mod notify;
mod oneshot;
mod peers;
mod perform;
mod probe;
mod pump;
mod spawn;
mod splitter;

pub use children::{Children, Helper};
pub use drive::{Asked, Session, drive};
pub use environ::child_environment;
pub use host::interrupts;
pub use last_lines::last_lines;
pub use ledger::LedgerFile;
pub use leftovers::stop_leftovers;
pub use pump::{LogProbe, Pump, PumpEnd, PumpFailure};
pub use spawn::{Control, Output, Report, Reports, Spawned, Spawner, stop_request};
pub use splitter::{Piece, Splitter};
