//! What the tests share: specs to start from, sessions of real processes, and whole stacks.

pub(crate) mod plans;
pub(crate) mod session;
pub(crate) mod stack;
