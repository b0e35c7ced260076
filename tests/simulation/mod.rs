//! Supervision, shown on the pure machine: scenarios that read as sentences, and random worlds that hold
//! it against its invariants. No process, no clock.

mod dice;
mod fixture;
mod kernel;
mod oracle;
mod scenarios;
mod stops;
mod worlds;
