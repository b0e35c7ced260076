//! The tiny single-threaded parent of each run: spawns it, reports its end, kills its whole tree.
//!
//! It is our own binary, started again as `dv-shim NAME` and recognised before anything else exists: no
//! runtime, no thread, no command line. It never decides: it does what the supervisor asks, and when the
//! supervisor is gone, what the stop ladder says that it was given at the start.

mod child;
mod explain;
mod freeze;
mod protocol;
mod shell;
mod tree;
mod watch;

pub use protocol::{
    Decoder, End, Failure, Garbage, HANDOVER, LIMIT, MARKER, NAME, Raw, Report, Request, Spec, Step, Swept, Target,
    encode,
};
pub use tree::{Struck, strike};
pub use watch::{is_shim, main};
