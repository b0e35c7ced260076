//! What the tests share. Nothing in here sleeps, uses a fixed port, or sees the environment of whoever runs them.

mod devserver;
mod planned;

pub(crate) use devserver::Devserver;
pub(crate) use planned::{FOLDER, Planned, plan};
