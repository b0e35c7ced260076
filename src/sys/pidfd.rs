//! A process by descriptor: it can't come to mean another one when its number is given out again.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::libc;

use crate::model::{Pid, Signal};

/// One certain process, alive or not.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl PidFd {
    /// The process that has this number now. An error when there is none.
    #[expect(unsafe_code, reason = "nix has no wrapper for pidfd_open")]
    pub fn open(pid: Pid) -> io::Result<Self> {
        // SAFETY: takes two numbers; the kernel sets close-on-exec on what it returns.
        let result = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.0, 0 as libc::c_uint) };
        let number = i32::try_from(result).map_err(io::Error::other)?;
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just given us this descriptor, and nobody else knows its number.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(number) }))
    }

    /// Sends it a signal. `false` when it is gone (reaped).
    #[expect(unsafe_code, reason = "nix has no wrapper for pidfd_send_signal")]
    pub fn send(&self, signal: Signal) -> io::Result<bool> {
        // SAFETY: numbers and a null pointer, which stands for the siginfo that kill(2) would send.
        let result = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.0.as_raw_fd(),
                signal.number(),
                std::ptr::null::<libc::siginfo_t>(),
                0 as libc::c_uint,
            )
        };
        if result == 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() == Some(libc::ESRCH) { Ok(false) } else { Err(error) }
    }

    /// Whether its number still means this process: it wasn't reaped yet.
    pub fn is_current(&self) -> bool {
        // Signal 0 only asks; EPERM is an answer too.
        self.send(Signal::from_number(0)).unwrap_or(true)
    }
}
