//! The silos' databases: made, divided, checked. A tool of its own, which supervises nothing.
//!
//! The source is only ever read. What is built is built under a temporary name, checked, and renamed in one
//! transaction; whatever happens before that leaves everything as it was. Names reach SQL by way of
//! `quote` alone, and nothing is dropped that doesn't carry our mark, unless the user says so by name.

mod assignment;
mod build;
mod catalog;
mod check;
mod clone;
mod copy;
mod create;
mod division;
mod error;
mod list;
mod overrides;
mod portrait;
mod post;
mod prune;
mod quote;
mod rows;
mod script;
mod server;
mod session;
mod split;
mod survey;
mod together;
mod tools;
mod verify;
mod voice;

pub use assignment::{Assignment, Kinds};
pub use build::{Leftover, discard};
pub use check::{Checked, Finding, Seen, check, glance};
pub use create::{Made, Named, create, drop, left, there};
pub use division::Crossing;
pub use error::{DatabaseError, Errors, Kind, Session};
pub use list::{Listed, size};
pub use quote::{identifier, literal};
pub use server::Server;
pub use split::{Line, Outcome, Split, Strategy};
pub use survey::Wanted;
pub use voice::{Silent, Voice};
