//! Pseudo terminals.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use nix::fcntl::OFlag;
use nix::libc;
use nix::pty::{Winsize, grantpt, posix_openpt, unlockpt};

/// How large a terminal is, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

impl Default for WindowSize {
    fn default() -> Self {
        Self { rows: 24, columns: 80 }
    }
}

/// Both sides of a pseudo terminal, closed on exec from the first moment on.
///
/// Not `openpty`, which sets that flag afterwards: a slave that leaks into another child in between
/// delays the end of this one's output until that one ends.
#[derive(Debug)]
pub struct Pty {
    /// Our side. Reads don't block.
    pub master: OwnedFd,
    /// The child's side.
    pub slave: OwnedFd,
}

impl Pty {
    /// Opens a new one of this size.
    pub fn open(size: WindowSize) -> io::Result<Self> {
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let master = posix_openpt(flags)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let master = OwnedFd::from(master);
        let slave = slave_of(&master)?;
        resize(&slave, size)?;
        Ok(Self { master, slave })
    }
}

/// By ioctl rather than by name: a name may mean another terminal where /dev/pts is mounted twice.
#[expect(unsafe_code, reason = "nix has no wrapper for TIOCGPTPEER")]
fn slave_of(master: &OwnedFd) -> io::Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: takes a number and touches no memory of ours.
    let number = unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags) };
    if number < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given us this descriptor, and nobody else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Gives a terminal this size; its foreground processes get WINCH.
#[expect(unsafe_code, reason = "nix has no wrapper for TIOCSWINSZ")]
pub fn resize(terminal: impl AsFd, size: WindowSize) -> io::Result<()> {
    let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: `size` is what this request reads, and lives through the call.
    let result = unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// How large a terminal is; none where the descriptor isn't one.
#[expect(unsafe_code, reason = "nix has no wrapper for TIOCGWINSZ")]
pub fn size_of(terminal: impl AsFd) -> Option<WindowSize> {
    let mut size = Winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: `size` is what this request fills in, and lives through the call.
    let result = unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    (result == 0 && size.ws_col > 0).then_some(WindowSize { rows: size.ws_row, columns: size.ws_col })
}
