//! Files and folders for our own eyes: made with a mode that lets nobody else in, never through a symbolic link.

use std::fs::{DirBuilder, File, OpenOptions, symlink_metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Makes a folder of mode 0700, its parents with the usual one. One that is there stays as it is.
///
/// # Errors
/// When it can't be made, or something else has its name; a symbolic link counts as something else.
pub fn folder(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match symlink_metadata(path)?.is_dir() {
            true => Ok(()),
            false => Err(io::Error::new(io::ErrorKind::NotADirectory, "it isn't a folder")),
        },
        made => made,
    }
}

/// Opens a file to read it and to write at its end; makes it with mode 0600 if it isn't there.
///
/// # Errors
/// When it can't be opened, or is a symbolic link.
pub fn append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600).custom_flags(nix::libc::O_NOFOLLOW);
    options.open(path)
}
