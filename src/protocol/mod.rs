//! What is said over the control socket: one JSON object a line, each way.
//!
//! Pure types and framing; no socket, no clock. `version` says who may talk to whom, `request` what a client
//! says, `message` what the server says, `frame` where a line begins and ends. docs/protocol.md is this room in
//! prose, and has an example line of each message, which a test reads.

mod frame;
mod message;
mod request;
mod version;

pub use frame::{LONGEST_MESSAGE, LONGEST_REQUEST, LineTooLong, Lines, line};
pub use message::{
    Answer, Ending, Hello, Message, ProcessUsage, Refusal, RefusalKind, StackStatus, WaitOutcome, Waited, WireRecord,
};
pub use request::{Call, Filter, History, Request, Until};
pub use version::{PROGRAM, VERSION, VersionMismatch, check_version};
