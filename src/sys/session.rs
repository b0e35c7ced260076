//! Sessions, process groups, parents: who belongs to whom.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

use nix::libc;
use nix::sys::prctl;
use nix::unistd::{self, ForkResult};

use super::proc;
use crate::model::{Pid, Signal};

/// Our own process id.
pub fn own_pid() -> Pid {
    Pid(unistd::getpid().as_raw())
}

/// The process id of our parent.
pub fn parent_pid() -> Pid {
    Pid(unistd::getppid().as_raw())
}

/// Our own process group.
pub fn own_group() -> Pid {
    Pid(unistd::getpgrp().as_raw())
}

/// The process group of a process; none when it is gone.
pub fn group_of(pid: Pid) -> Option<Pid> {
    unistd::getpgid(Some(unistd::Pid::from_raw(pid.0))).ok().map(|group| Pid(group.as_raw()))
}

/// Whether nobody could continue us if we were stopped: no shell with job control is above us in our session. The kernel
/// asks the same before it lets a Ctrl-Z stop anything.
pub fn is_orphaned() -> bool {
    let own = own_group();
    let Some(mut stat) = proc::stat(own_pid()) else { return true };
    let session = stat.session;
    // A chain longer than this is a chain that changed under our eyes.
    for _ in 0..1000 {
        match proc::stat(stat.parent) {
            Some(parent) if parent.group == own => stat = parent,
            Some(parent) => return parent.session != session,
            None => return true,
        }
    }
    true
}

/// Makes us the leader of a session and a process group of our own, without a terminal.
pub fn new_session() -> io::Result<()> {
    unistd::setsid()?;
    Ok(())
}

/// From now on, processes below us whose parent ends become our children rather than init's.
pub fn become_subreaper() -> io::Result<()> {
    prctl::set_child_subreaper(true)?;
    Ok(())
}

/// Asks the kernel to send us this signal when the thread that started us ends.
///
/// Only for children of programs with one thread: it is the thread that counts, not its process.
pub fn die_with_parent(signal: Signal) -> io::Result<()> {
    let signal = nix::sys::signal::Signal::try_from(signal.number())?;
    prctl::set_pdeathsig(signal)?;
    Ok(())
}

/// Sets the name that `ps -o comm` shows, cut to 15 bytes.
pub fn set_name(name: &CStr) -> io::Result<()> {
    prctl::set_name(name)?;
    Ok(())
}

/// Makes a terminal the controlling one of our session, which has to be new.
#[expect(unsafe_code, reason = "nix has no wrapper for TIOCSCTTY")]
pub fn take_terminal(terminal: impl AsFd) -> io::Result<()> {
    // SAFETY: TIOCSCTTY takes a number and touches no memory of ours; the descriptor is borrowed and so open.
    let result = unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCSCTTY, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Which side of a fork we are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// The new process.
    Child,
    /// The old one; this is the child.
    Parent(Pid),
}

/// Forks.
///
/// # Safety
///
/// The program must have one thread: in the child of a program with several, a lock that another thread
/// held (malloc's, for one) is never released.
#[expect(unsafe_code, reason = "forking is unsafe by nature; the one caller has a single thread")]
pub unsafe fn fork() -> io::Result<Fork> {
    // SAFETY: passed on to the caller.
    match unsafe { unistd::fork() }? {
        ForkResult::Child => Ok(Fork::Child),
        ForkResult::Parent { child } => Ok(Fork::Parent(Pid(child.as_raw()))),
    }
}
