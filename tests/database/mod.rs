//! `devserver db` on a real PostgreSQL: the server is the tests' own (tests/support/postgres.rs).

mod apps;
mod check;
mod create;
mod refusals;
mod split;
