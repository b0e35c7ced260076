//! Sending signals, and what a process does about those it gets. It knows no policy: whom to signal and
//! when is decided elsewhere.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::model::{Pid, Signal};

/// Blocks every signal that can be blocked, for a program with one thread.
pub fn block_all() -> io::Result<()> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None)?;
    Ok(())
}

/// Blocks none of these any more, for this thread.
///
/// # Errors
/// When one of them is no signal that a program can have blocked.
pub fn unblock(signals: &[Signal]) -> io::Result<()> {
    let mut set = SigSet::empty();
    for signal in signals {
        set.add(nix::sys::signal::Signal::try_from(signal.number())?);
    }
    set.thread_unblock()?;
    Ok(())
}

/// Gives every signal its default disposition and blocks none: what a program expects when it starts.
///
/// Makes system calls only, so that it may be called between fork and exec.
#[expect(unsafe_code, reason = "no wrapper covers the real-time signals and the two that libc keeps for itself")]
pub fn reset_all() -> io::Result<()> {
    // The kernel's own sigaction: all zero is SIG_DFL, no flags, no mask. libc's would refuse 32 and 33,
    // which posix_spawn sets to be ignored, and that outlasts an exec.
    let default = [0_u64; 4];
    for number in 1..=libc::SIGRTMAX() {
        // SAFETY: the kernel reads at most `default`, and writes nothing. KILL and STOP answer EINVAL.
        unsafe {
            libc::syscall(libc::SYS_rt_sigaction, number, default.as_ptr(), std::ptr::null::<u64>(), size_of::<u64>())
        };
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    Ok(())
}

/// Whether this process ignores a signal: whoever started it may have wanted that, as `nohup` does.
#[expect(unsafe_code, reason = "nix can't ask without changing")]
pub fn is_ignored(signal: Signal) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: with no new action it only fills in `action`, which lives through the call.
    let asked = unsafe { libc::sigaction(signal.number(), std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: all zero is a valid `sigaction`, and so is what the system filled in.
    asked == 0 && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

/// Sends a signal to one process. `false` when there is no such process any more.
pub fn send(pid: Pid, signal: Signal) -> io::Result<bool> {
    // 0 and the negative numbers mean groups, and -1 means everybody.
    if pid.0 <= 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    raw_kill(pid.0, signal)
}

/// Sends a signal to every process of a group. `false` when there is no such group any more.
pub fn send_group(group: Pid, signal: Signal) -> io::Result<bool> {
    if group.0 <= 1 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    raw_kill(-group.0, signal)
}

/// Stops this process, all threads of it, until somebody continues it.
pub fn stop_self() -> io::Result<()> {
    // To this thread: it doesn't go on before the stop has taken effect, as it may with a signal to the process.
    nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP)?;
    Ok(())
}

/// By number, so that real-time signals can be sent too.
#[expect(unsafe_code, reason = "nix can't send real-time signals")]
fn raw_kill(target: i32, signal: Signal) -> io::Result<bool> {
    // SAFETY: kill takes two numbers and touches no memory of ours.
    if unsafe { libc::kill(target, signal.number()) } == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() == Some(libc::ESRCH) { Ok(false) } else { Err(error) }
}

/// Becomes readable when a child ended. CHLD has to be blocked.
#[derive(Debug)]
pub struct ChildSignals(SignalFd);

impl ChildSignals {
    /// Starts to listen.
    pub fn new() -> io::Result<Self> {
        let mut set = SigSet::empty();
        set.add(nix::sys::signal::Signal::SIGCHLD);
        Ok(Self(SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?))
    }

    /// Forgets what was signalled so far: signals are merged, so the children have to be asked anyway.
    pub fn clear(&self) -> io::Result<()> {
        while self.0.read_signal()?.is_some() {}
        Ok(())
    }
}

impl AsFd for ChildSignals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
