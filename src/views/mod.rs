//! What a person or a machine sees of the bus. Never imports runner, supervise, plan or config.

mod event;
mod format;
mod palette;
mod plain;
mod setup;
mod summary;

pub use plain::{Options, PrinterEnd, print};
pub use summary::{Summary, summary};
