//! Stored lines: the bytes of each process as they came, and an index of when and in which run that was.
//!
//! `NAME.log` and `NAME.index` are written to; `NAME~000001.log` and its index are full. The index is written
//! before the bytes, so that what is in a log is always in its index; entries beyond the end of a log count for
//! nothing, and are cut off by whoever opens it next.

mod entry;
mod files;
mod log;
mod reader;

pub(super) use entry::{Cursor, Entry};
pub(super) use files::make_room;
pub(super) use log::Log;
pub(super) use reader::{Reader, Stored};
