//! How many files may be open: many for us, and for the children what the user had.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The soft and the hard limit of open files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFiles {
    /// What holds now.
    pub soft: u64,
    /// Up to where it may be raised.
    pub hard: u64,
}

/// The limits as they are.
pub fn open_files() -> io::Result<OpenFiles> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(OpenFiles { soft, hard })
}

/// Raises our own soft limit as far as it goes; returns what it was before.
///
/// Each run takes three to five descriptors. Children get the old limit back: programs exist that loop
/// over every possible descriptor, and `select(2)` breaks above 1024.
pub fn raise_open_files() -> io::Result<OpenFiles> {
    let before = open_files()?;
    setrlimit(Resource::RLIMIT_NOFILE, before.hard, before.hard)?;
    Ok(before)
}

/// Sets the soft limit of this process, as far as the hard one allows.
pub fn set_open_files(soft: u64) -> io::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, soft.min(hard), hard)?;
    Ok(())
}
