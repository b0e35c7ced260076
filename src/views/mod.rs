//! What a person or a machine sees of the bus. Never imports runner, supervise, plan or config.

mod choose;
mod event;
mod file;
mod format;
mod journal;
mod json;
mod logs;
mod palette;
mod plain;
mod prefix;
mod pretty;
mod setup;
mod store;
mod summary;
mod timeline;
mod why;

pub use choose::Choice;
pub use event::told;
pub use file::{StoreOptions, store};
pub use journal::{Entry, Happened, Session, journal_path, keep_journal, read_journal};
pub use json::{JsonOptions, print_json};
pub use logs::{Form, Query, QueryError, logs};
pub use plain::{Options, PrinterEnd, print};
pub use pretty::PrettyOptions;
pub use summary::{Summary, summary};
pub use timeline::{Timeline, timeline};
pub use why::{Known, Why, why};
