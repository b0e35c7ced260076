//! TOML text → `Config`, with the origin of every value.
//!
//! Pure: it never reads a file, the environment, the clock or PATH. It reports everything that is wrong,
//! each with its place and its fix, never just the first.

mod check;
mod database;
mod decode;
mod error;
mod expr;
mod json_schema;
mod layer;
mod load;
mod log;
mod names;
mod preset;
mod schema;
mod shape;
mod show;
mod silos;
mod source;
mod stop;
mod suggest;
mod syntax;
mod validate;
mod value;

pub use check::silo_list;
pub use database::Database;
pub use error::{ConfigError, ConfigErrors, Problem};
pub use expr::{Engine, EvalError, Expr, Scope, Template};
pub use json_schema::json_schema;
pub use layer::{Assignment, Layer};
pub use load::{Texts, load, recognisable};
pub use preset::{Preset, find as preset, preset_names};
pub use schema::{
    Check, Command, Config, Each, EnvBlock, Flag, FlagValue, InSilos, ListPart, Notice, Ready, Reference, Render,
    Service, Setting, Silo, Stop,
};
pub use shape::{Field, Map as ShapeMap, ROOT, Record, Shape};
pub use show::show;
pub use source::{Origin, Source, SourceId, Sources};
pub use suggest::{listed, nearest};
