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

/// A child that ended, which stays there to be looked at until it is reaped. Only for a program that owns all its children.
#[expect(unsafe_code, reason = "nix's WaitStatus has no room for real-time signals")]
pub fn peek() -> io::Result<Option<Pid>> {
    let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: `info` is ours and lives through the call.
    if unsafe { libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), flags) } == 0 {
        // SAFETY: all zero is a valid `siginfo_t`, and so is what the system filled in; nobody ended where it stayed zero.
        let pid = unsafe { info.assume_init().si_pid() };
        return Ok((pid != 0).then_some(Pid(pid)));
    }
    match Errno::last() {
        Errno::ECHILD | Errno::EINTR => Ok(None),
        other => Err(other.into()),
    }
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
