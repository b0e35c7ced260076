//! The files that are written to of one process.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use super::entry::Entry;
use super::files::{Number, Pair, pairs};
use crate::model::ProcessName;
use crate::sys::private;

/// The log of one process and its index, open for writing, by us alone.
#[derive(Debug)]
pub(in crate::views) struct Log {
    pair: Pair,
    log: File,
    index: File,
    length: u64,
    entries: u64,
}

impl Log {
    /// Opens them, and mends what a crash left half done.
    ///
    /// # Errors
    /// When they can't be opened, or another supervisor writes them.
    pub(in crate::views) fn open(folder: &Path, process: &ProcessName) -> io::Result<Self> {
        private::folder(folder)?;
        let pair = Pair::of(folder, process, Number::Current);
        if !pair.log.exists() && pair.index.exists() {
            finish_rotation(folder, &pair)?;
        }
        let (log, index) = (private::append(&pair.log)?, private::append(&pair.index)?);
        match index.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("another devserver writes it")),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let length = log.metadata()?.len();
        let entries = index.metadata()?.len() / Entry::SIZE as u64;
        let mut log = Self { pair, log, index, length, entries };
        log.mend()?;
        Ok(log)
    }

    /// Cuts off entries whose bytes never came, and bytes that no entry knows.
    fn mend(&mut self) -> io::Result<()> {
        let mut end = 0;
        while self.entries > 0 {
            let at = (self.entries - 1) * Entry::SIZE as u64;
            let mut bytes = [0; Entry::SIZE];
            self.index.read_exact_at(&mut bytes, at)?;
            match Entry::read(&bytes) {
                Some(entry) if entry.end() <= self.length => {
                    end = entry.end();
                    break;
                }
                _ => self.entries -= 1,
            }
        }
        self.length = end;
        self.roll_back()
    }

    /// Cuts both files to what is known to be good.
    fn roll_back(&self) -> io::Result<()> {
        self.index.set_len(self.entries * Entry::SIZE as u64)?;
        self.log.set_len(self.length)
    }

    /// Adds lines; their entries get the place where they are. All of it is stored, or nothing.
    ///
    /// # Errors
    /// When there is no room, or the files can't be written to any more.
    pub(in crate::views) fn append(&mut self, entries: &mut [Entry], bytes: &[u8]) -> io::Result<()> {
        let (mut offset, mut index) = (self.length, Vec::with_capacity(entries.len() * Entry::SIZE));
        for entry in &mut *entries {
            entry.offset = offset;
            offset += u64::from(entry.length);
            entry.write(&mut index);
        }
        let written = self.index.write_all(&index).and_then(|()| self.log.write_all(bytes));
        if let Err(error) = written {
            self.roll_back()?;
            return Err(error);
        }
        self.length = offset;
        self.entries += entries.len() as u64;
        Ok(())
    }

    /// How many bytes are in the log.
    pub(in crate::views) fn length(&self) -> u64 {
        self.length
    }

    /// Whether the files are still those that go by their names.
    pub(in crate::views) fn is_in_place(&self) -> bool {
        let is_same = |file: &File, path: &Path| {
            let (open, named) = (file.metadata().ok(), fs::symlink_metadata(path).ok());
            open.zip(named).is_some_and(|(open, named)| (open.ino(), open.dev()) == (named.ino(), named.dev()))
        };
        is_same(&self.log, &self.pair.log) && is_same(&self.index, &self.pair.index)
    }

    /// Puts these files aside as full and begins new ones.
    ///
    /// # Errors
    /// When they can't be renamed, or new ones can't be made.
    pub(in crate::views) fn rotate(self, folder: &Path) -> io::Result<Self> {
        let process = self.pair.process.clone();
        let numbers = pairs(folder)?.into_iter().filter(|pair| pair.process == process).map(|pair| pair.number);
        let last = numbers.map(|number| if let Number::Full(number) = number { number } else { 0 }).max();
        let full = Pair::of(folder, &process, Number::Full(last.unwrap_or(0) + 1));
        fs::rename(&self.pair.log, &full.log)?;
        fs::rename(&self.pair.index, &full.index)?;
        Self::open(folder, &process)
    }
}

/// The log was put aside and its index wasn't.
fn finish_rotation(folder: &Path, current: &Pair) -> io::Result<()> {
    let lone = pairs(folder)?
        .into_iter()
        .rfind(|pair| pair.process == current.process && pair.log.exists() && !pair.index.exists());
    match lone {
        Some(full) => fs::rename(&current.index, full.index),
        None => fs::remove_file(&current.index),
    }
}
