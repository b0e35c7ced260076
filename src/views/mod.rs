//! What a person or a machine sees of the bus. Never imports runner, supervise, plan or config.

mod choose;
mod event;
mod file;
mod format;
mod json;
mod logs;
mod palette;
mod plain;
mod prefix;
mod pretty;
mod setup;
mod store;
mod summary;

pub use choose::Choice;
pub use file::{StoreOptions, store};
pub use json::{JsonOptions, print_json};
pub use logs::{Form, Query, QueryError, logs};
pub use plain::{Options, PrinterEnd, print};
pub use pretty::PrettyOptions;
pub use summary::{Summary, summary};
