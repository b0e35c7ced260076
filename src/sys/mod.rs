//! Thin safe wrappers over the system. The only room that names nix; it decides nothing.
//!
//! Linux is what is built and tested. macOS has no subreaper, no pidfd and no /proc: the seam is this
//! room, and nothing above it names a system call.

pub mod clock;
pub mod disk;
pub mod exec;
pub mod fault;
pub mod fd;
pub mod flock;
pub mod limits;
pub mod listeners;
pub mod memory;
pub mod pidfd;
pub mod pipe;
pub mod poll;
pub mod private;
pub mod proc;
pub mod pty;
pub mod session;
pub mod signal;
pub mod socket;
pub mod termios;
pub mod usage;
pub mod user;
pub mod wait;
