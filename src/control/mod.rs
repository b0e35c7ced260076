//! The one door to a running stack: a unix socket that speaks `protocol`.
//!
//! `socket` is where it is, `server` who may come in, `connection` what is said to one of them, `answer` what comes
//! of a request, `records` what a subscriber gets, `wait` the requests that wait until something is true (and `judge`
//! whether it is), `usage`
//! what is measured when somebody asks. `client` is the other side: `call` and `subscribe`.
//!
//! It decides nothing: a command goes to the loop and its answer comes from there. No TCP, ever.

mod answer;
mod client;
mod connection;
mod judge;
mod records;
mod server;
mod socket;
mod usage;
mod wait;

pub use client::{CallError, Client, Records};
pub use server::{Limits, Premises, Server};
pub use socket::{SocketError, listen, remove, short_enough};
