//! `devserver db`: the silos' databases at the user's word. What is decided and done is the room `database`'s;
//! here it is asked for, waited for, interrupted and told.

mod args;
mod ask;
mod job;
mod make;
mod split;
mod start;
mod voice;

pub use args::{DbView, command, reduced, view};
pub use job::db;
pub use start::notices;
