//! Numbering, history and fan-out of blocks of lines and events. No I/O, no clock.
//!
//! One lock, one order: `publish` and `emit` give a record its numbers, keep it in the history and put
//! it into the queue of every subscriber, and never wait. It must never know what a subscriber does
//! with a record.

mod block;
mod fanout;
mod history;
mod queue;
mod subscription;

pub use block::{Block, Body, Ending, Line, Record, Stream};
pub use fanout::{Bus, From, Limits, Pressure, Wants};
pub use queue::Kind;
pub use subscription::{Batch, Subscription};
