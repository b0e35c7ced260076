//! From a configuration and a command line to a plan: what would run, and what is said when nothing can.

mod bad;
mod golden;
mod layers;
mod schema;
mod table;
mod view;

pub(crate) use schema::against as against_schema;
