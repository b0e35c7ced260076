//! Where the socket is: its name in the file system, and what becomes of one that was left behind.

use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crate::sys;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Something else has its name.
    #[error("{} is there, and is no socket", path.display())]
    Taken {
        /// The name.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("{} can't be made: {source}", path.display())]
    Io {
        /// The name.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Whether a socket may have this name: the system cuts off none, it refuses.
pub fn short_enough(path: &Path) -> bool {
    path.as_os_str().len() <= sys::socket::LONGEST_NAME
}

/// Listens at this path. A socket that was left there is taken over: whoever calls this holds the lock that goes
/// with the name, so nobody listens at it.
///
/// # Errors
/// When something else has the name, or the system refuses.
pub fn listen(path: &Path) -> Result<UnixListener, SocketError> {
    let io = |source| SocketError::Io { path: path.to_owned(), source };
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => std::fs::remove_file(path).map_err(io)?,
        Ok(_) => return Err(SocketError::Taken { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io(error)),
    }
    sys::socket::listen(path).map_err(io)
}

/// Removes the socket at its end. Whoever calls this still holds the lock.
pub fn remove(path: &Path) {
    // One that stays behind does no harm: the next one takes it over.
    let _ = std::fs::remove_file(path);
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_socket_is_for_its_owner_and_one_that_was_left_is_taken_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s");
        let first = listen(&path).expect("the name is free");
        let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(first);
        assert!(path.exists(), "nobody removed it");
        drop(listen(&path).expect("it is taken over"));
        remove(&path);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_in_its_place_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s");
        std::fs::write(&path, "precious").expect("it is ours");
        assert!(matches!(listen(&path), Err(SocketError::Taken { .. })));
        std::fs::remove_file(&path).expect("it is ours");
        std::os::unix::fs::symlink("/nowhere", &path).expect("the name is free");
        assert!(matches!(listen(&path), Err(SocketError::Taken { .. })), "a link is no socket either");
    }

    #[test]
    fn a_name_of_107_bytes_is_the_longest() {
        let folder = tempfile::tempdir().expect("a folder");
        let room = sys::socket::LONGEST_NAME - folder.path().as_os_str().len() - 1;
        let (longest, longer) = (folder.path().join("s".repeat(room)), folder.path().join("s".repeat(room + 1)));
        assert!(short_enough(&longest) && listen(&longest).is_ok());
        assert!(!short_enough(&longer) && listen(&longer).is_err());
    }
}
