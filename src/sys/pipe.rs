//! Pipes that no other child inherits, with room for a burst.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::fd;

/// How much a pipe should hold: what a chatty child writes while we are busy with the others.
const ROOM: i32 = 1 << 20;

/// The two ends of a pipe, both closed on exec.
#[derive(Debug)]
pub struct Pipe {
    /// Where bytes come out.
    pub read: OwnedFd,
    /// Where they go in.
    pub write: OwnedFd,
}

impl Pipe {
    /// A pipe as the kernel makes it.
    pub fn new() -> io::Result<Self> {
        let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        Ok(Self { read, write })
    }

    /// A pipe for output: as large as we are allowed, and its read end doesn't block.
    pub fn for_output() -> io::Result<Self> {
        let pipe = Self::new()?;
        // Refused when this user's pipes hold too much already (pipe-user-pages-soft); the usual 64 KiB
        // work as well, only slower.
        let _ = fcntl(&pipe.read, FcntlArg::F_SETPIPE_SZ(ROOM));
        fd::set_nonblocking(&pipe.read)?;
        Ok(pipe)
    }
}

/// Reads what is there. 0 is the end.
pub fn read(descriptor: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(nix::unistd::read(descriptor, buffer)?)
}

/// Writes as much as goes in.
pub fn write(descriptor: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    Ok(nix::unistd::write(descriptor, bytes)?)
}
