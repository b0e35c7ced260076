//! A running stack as others reach it: through its socket, and through the commands.

mod commands;
mod detached;
mod site;
mod socket;
mod story;
