//! What a line means, and what of it may reach a terminal. Pure: bytes in, bytes out.

mod sanitise;
mod sgr;

pub use sanitise::{Sanitiser, escaped, is_clean};
pub use sgr::{RESET, open_sgr};
