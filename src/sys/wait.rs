//! Waiting for children.

use std::io;

use nix::errno::Errno;
use nix::libc;

use crate::model::{ExitStatus, Pid, Signal};

/// What came of asking for an ended child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaped {
    /// This one ended, and is reaped now.
    Ended(Pid, ExitStatus),
    /// There are children, and none of them ended.
    Alive,
    /// There are no children.
    Nobody,
}

/// Reaps any child that ended, without waiting. Only for a program that owns all its children.
pub fn any() -> io::Result<Reaped> {
    wait(-1, libc::WNOHANG)
}

/// Reaps this child if it ended, without waiting.
pub fn child(pid: Pid) -> io::Result<Reaped> {
    wait(pid.0, libc::WNOHANG)
}

/// Waits for this child to end, and reaps it.
pub fn block(pid: Pid) -> io::Result<Reaped> {
    wait(pid.0, 0)
}

/// By hand: nix's `WaitStatus` has no room for real-time signals and answers EINVAL after having reaped.
#[expect(unsafe_code, reason = "see above")]
fn wait(whom: i32, flags: i32) -> io::Result<Reaped> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is ours and lives through the call.
        match unsafe { libc::waitpid(whom, &raw mut status, flags) } {
            0 => return Ok(Reaped::Alive),
            -1 => match Errno::last() {
                Errno::ECHILD => return Ok(Reaped::Nobody),
                Errno::EINTR => {}
                other => return Err(other.into()),
            },
            pid => return Ok(Reaped::Ended(Pid(pid), decode(status))),
        }
    }
}

fn decode(status: i32) -> ExitStatus {
    if libc::WIFSIGNALED(status) {
        let signal = Signal::from_number(libc::WTERMSIG(status));
        ExitStatus::Signal { signal, core: libc::WCOREDUMP(status) }
    } else {
        ExitStatus::Code(libc::WEXITSTATUS(status))
    }
}
