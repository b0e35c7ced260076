//! What the tests share: configurations, plans, sessions of real processes, and whole stacks. Nothing in here uses a
//! fixed port or sees the environment of whoever runs them.

mod devserver;
pub(crate) mod isolated;
mod planned;
pub(crate) mod plans;
pub(crate) mod postgres;
pub(crate) mod session;
pub(crate) mod stack;
pub(crate) mod terminal;
pub(crate) mod window;

pub(crate) use devserver::Devserver;
pub(crate) use planned::{FOLDER, Planned, plan};
