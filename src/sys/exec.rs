//! What the child does between fork and exec: its descriptors, its program. System calls only, nothing
//! is allocated.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::ptr;

use nix::libc;

/// Strings for `execve`: an argument list or an environment, made before the fork.
#[derive(Debug)]
pub struct Strings {
    pointers: Vec<*const libc::c_char>,
    // What the pointers point to; a `CString`'s bytes stay where they are when the vector moves.
    _owned: Vec<CString>,
}

impl Strings {
    /// Takes the strings in.
    pub fn new(owned: Vec<CString>) -> Self {
        let pointers = owned.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect();
        Self { pointers, _owned: owned }
    }
}

/// Executes a program in place of ours. Returns only when that failed, with the reason.
#[expect(unsafe_code, reason = "nix's execve allocates, which the child of a fork had better not do")]
pub fn execve(program: &CStr, arguments: &Strings, environment: &Strings) -> io::Error {
    // SAFETY: all strings are NUL-terminated and both lists end with a null pointer; see `Strings`.
    unsafe { libc::execve(program.as_ptr(), arguments.pointers.as_ptr(), environment.pointers.as_ptr()) };
    io::Error::last_os_error()
}

/// Makes `number` another name of this descriptor, kept open across exec.
#[expect(unsafe_code, reason = "the target is a number, which no owner stands for")]
pub fn install(descriptor: impl AsFd, number: i32) -> io::Result<()> {
    let source = descriptor.as_fd().as_raw_fd();
    // SAFETY: numbers only. Whoever owned `number` before now owns what we put there, which both callers
    // want: 0 to 2 belong to nobody in a child that is about to exec and in the shim.
    let result = unsafe {
        if source == number {
            // dup2 on itself would keep the close-on-exec flag.
            libc::fcntl(source, libc::F_SETFD, 0)
        } else {
            libc::dup2(source, number)
        }
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Has the kernel close every descriptor but 0, 1 and 2 at the next exec.
#[expect(unsafe_code, reason = "nix has no wrapper for close_range")]
pub fn close_others_on_exec() -> io::Result<()> {
    // SAFETY: sets flags on descriptors; closes none now, so that no owner is surprised.
    let result = unsafe {
        libc::syscall(libc::SYS_close_range, 3 as libc::c_uint, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Changes the working directory.
pub fn chdir(folder: &CStr) -> io::Result<()> {
    nix::unistd::chdir(folder)?;
    Ok(())
}

/// Whether something is there under this name.
pub fn exists(path: &CStr) -> bool {
    nix::unistd::access(path, nix::unistd::AccessFlags::F_OK).is_ok()
}

/// Ends this process at once: no destructors, no exit handlers, which belong to the process we forked from.
#[expect(unsafe_code, reason = "std has no _exit")]
pub fn exit_now(code: i32) -> ! {
    // SAFETY: doesn't return and touches nothing.
    unsafe { libc::_exit(code) }
}

/// The system's words for an error number, as a fragment: `permission denied`.
pub fn describe(errno: i32) -> String {
    let text = nix::errno::Errno::from_raw(errno).desc();
    // `Argument list too long`, but `I/O error` stays as it is.
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain([second]).chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

/// What an error number means for who got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// ENOENT.
    NotFound,
    /// ENOTDIR.
    NotAFolder,
    /// EACCES, EPERM.
    Denied,
    /// ENOEXEC.
    NotAProgram,
    /// E2BIG.
    TooLarge,
    /// Processes, memory or descriptors are short, or the file is being written: later it may work.
    Short,
    /// Anything else.
    Other,
}

/// Sorts an error number.
pub fn meaning(errno: i32) -> Meaning {
    match errno {
        libc::ENOENT => Meaning::NotFound,
        libc::ENOTDIR => Meaning::NotAFolder,
        libc::EACCES | libc::EPERM => Meaning::Denied,
        libc::ENOEXEC => Meaning::NotAProgram,
        libc::E2BIG => Meaning::TooLarge,
        libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE | libc::ETXTBSY => Meaning::Short,
        _ => Meaning::Other,
    }
}

/// Executes a program in place of ours, with the signals as whoever started us left them. Returns only when that
/// failed, with the reason.
#[expect(unsafe_code, reason = "a disposition is changed, by a call that nix can't vouch for")]
pub fn replace(program: &OsStr, arguments: &[OsString], environment: &[(OsString, OsString)]) -> io::Error {
    let text = |bytes: &OsStr| CString::new(bytes.as_bytes());
    let pair = |(name, value): &(OsString, OsString)| [name.as_bytes(), b"=", value.as_bytes()].concat();
    let strings = || -> Result<(CString, Strings, Strings), std::ffi::NulError> {
        let arguments: Result<Vec<_>, _> = arguments.iter().map(|argument| text(argument)).collect();
        let environment: Result<Vec<_>, _> = environment.iter().map(|both| CString::new(pair(both))).collect();
        Ok((text(program)?, Strings::new(arguments?), Strings::new(environment?)))
    };
    let (program, arguments, environment) = match strings() {
        Ok(strings) => strings,
        Err(error) => return io::Error::new(io::ErrorKind::InvalidInput, error),
    };
    // Ignored by the runtime of our language, which outlasts an exec; nobody who is run by a shell expects that.
    // SAFETY: sets a default disposition; no handler of ours is involved.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    execve(&program, &arguments, &environment)
}
