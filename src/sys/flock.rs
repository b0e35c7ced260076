//! A lock that ends with its holder, and says who holds it.
//!
//! `flock(2)` through std: the kernel lets go of it when the last duplicate of the descriptor is closed,
//! however the holder ended, and std's descriptors aren't inherited by children.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// How often a record is looked for that its holder hasn't written yet, 5 ms apart.
const RECORD_TRIES: u32 = 20;

/// Why a lock wasn't taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("it is held: {record}")]
    Held {
        /// What the holder wrote about itself.
        record: String,
    },
    /// The file can't be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A lock that we hold. Dropping it removes the file and lets go.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Takes the lock and writes `record` into it, or says who has it.
    pub fn take(path: &Path, record: &str) -> Result<Self, LockError> {
        Self::acquire(path, record, |file| match file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        })
    }

    /// Waits until nobody else has the lock, then takes it. Blocks the thread.
    pub fn wait(path: &Path, record: &str) -> Result<Self, LockError> {
        Self::acquire(path, record, |file| file.lock().map(|()| true))
    }

    /// What the present holder wrote about itself; none where nobody holds it.
    pub fn holder(path: &Path) -> Option<String> {
        let mut file = OpenOptions::new().read(true).open(path).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => read_record(&mut file).ok(),
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }

    fn acquire(path: &Path, record: &str, lock: impl Fn(&File) -> io::Result<bool>) -> Result<Self, LockError> {
        let io = |source| LockError::Io { path: path.to_owned(), source };
        loop {
            let mut options = OpenOptions::new();
            let mut file =
                options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map_err(io)?;
            if !lock(&file).map_err(io)? {
                return Err(LockError::Held { record: read_record(&mut file).map_err(io)? });
            }
            // The last holder may have removed the file between our open and our lock; then we hold a
            // file that nobody else will ever find.
            if !is_at(&file, path).map_err(io)? {
                continue;
            }
            let mut held = Self { path: path.to_owned(), file };
            held.write(record).map_err(io)?;
            return Ok(held);
        }
    }

    /// Writes another record in place of the one that is there.
    pub fn write(&mut self, record: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(record.as_bytes())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While we still hold it, so that it can't be another's. A file that stays behind does no harm.
        let _ = fs::remove_file(&self.path);
    }
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[expect(clippy::disallowed_methods, reason = "flock tells nobody when a file is written; 0.1 s at most")]
fn read_record(file: &mut File) -> io::Result<String> {
    for _ in 0..RECORD_TRIES {
        let mut bytes = Vec::new();
        file.rewind()?;
        file.read_to_end(&mut bytes)?;
        if !bytes.is_empty() {
            return Ok(String::from_utf8_lossy(&bytes).into_owned());
        }
        // It was locked a moment ago and its record is on the way.
        thread::sleep(Duration::from_millis(5));
    }
    Ok(String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it_and_gets_it_after_the_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("region.lock");
        let first = Lock::take(&path, r#"{"pid":1}"#).expect("it is free");
        let Err(LockError::Held { record }) = Lock::take(&path, "second") else { panic!("it is held") };
        assert_eq!(record, r#"{"pid":1}"#);
        assert_eq!(Lock::holder(&path).as_deref(), Some(r#"{"pid":1}"#));
        let waiting = thread::spawn({
            let path = path.clone();
            move || Lock::wait(&path, "second")
        });
        drop(first);
        let second = waiting.join().expect("no panic").expect("it is free again");
        assert_eq!(Lock::holder(&path).as_deref(), Some("second"));
        drop(second);
        assert_eq!(Lock::holder(&path), None);
        assert!(!path.exists());
    }

    #[test]
    fn of_many_that_want_it_one_has_it_at_a_time() {
        use std::sync::atomic::{AtomicU32, Ordering};
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        let inside = AtomicU32::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let lock = Lock::wait(&path, "me").expect("a lock");
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
    }
}
