//! Other tools' files in, a devserver.toml out, with what could not be carried over.
//!
//! Pure: text in, text out. Each reader turns its format into a `Draft`; one writer turns that into TOML.
//! What a format means is taken from its documentation: foreman's Procfile, process-compose's
//! `process-compose.yaml`, mprocs' `mprocs.yaml`, pitchfork's `pitchfork.toml`.

mod compose;
mod compose_probes;
mod draft;
mod error;
mod kind;
mod mprocs;
mod name;
mod pitchfork;
mod procfile;
mod propose;
mod toml_text;
mod yaml;

pub use draft::{Draft, Lost};
pub use error::ImportError;
pub use kind::{Kind, import};
pub use propose::{LOOKED_AT, Proposal, Seen, propose};
