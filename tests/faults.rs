//! Rows of docs/faults.md that no other file shows: what processes, terminals, streams and the machine can do to us.

mod machine;
mod processes;
mod streams;
mod terminals;
