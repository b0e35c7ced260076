//! What a line means, and what of it may reach a terminal. Pure: bytes in, bytes out.

mod mask;
mod mask_event;
mod record;
mod rules;
mod sanitise;
mod sgr;

pub use mask::{Mask, MaskError, Masking, secrets};
pub use mask_event::{mask_event, mask_status};
pub use record::{Part, Records, Seen, traceback};
#[cfg(test)]
pub(crate) use rules::tests::built_in;
pub use rules::{Access, Landmark, Reading, RuleError, Rulebook, Rules};
pub use sanitise::{Sanitiser, escaped, is_clean};
pub use sgr::{RESET, open_sgr};
