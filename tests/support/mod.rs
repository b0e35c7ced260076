//! What the tests share: specs to start from, and sessions of real processes.

pub(crate) mod plans;
pub(crate) mod session;
