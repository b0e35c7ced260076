//! The names of the files of a store, and how many of the full ones are kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::ProcessName;

/// The two files that belong together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    /// Whose they are.
    pub(super) process: ProcessName,
    /// None for those that are written to, which are the last.
    pub(super) number: Number,
    /// The bytes.
    pub(super) log: PathBuf,
    /// What is where.
    pub(super) index: PathBuf,
}

/// Which of the pairs of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Number {
    /// Full.
    Full(u32),
    /// Written to.
    Current,
}

impl Pair {
    pub(super) fn of(folder: &Path, process: &ProcessName, number: Number) -> Self {
        // No name has a `~` in it.
        let stem = match number {
            Number::Full(number) => format!("{process}~{number:06}"),
            Number::Current => process.to_string(),
        };
        let (log, index) = (folder.join(format!("{stem}.log")), folder.join(format!("{stem}.index")));
        Self { process: process.clone(), number, log, index }
    }

    fn size(&self) -> u64 {
        [&self.log, &self.index].iter().filter_map(|path| fs::metadata(path).ok()).map(|meta| meta.len()).sum()
    }
}

/// Every pair of a folder, in the order of processes and of writing. An index alone is one too.
///
/// # Errors
/// When the folder can't be read; one that isn't there is empty.
pub(super) fn pairs(folder: &Path) -> io::Result<Vec<Pair>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut pairs = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(".log")) else { continue };
        let (process, number) = match stem.split_once('~') {
            None => (stem, Number::Current),
            Some((process, number)) => match number.parse() {
                Ok(number) => (process, Number::Full(number)),
                Err(_) => continue,
            },
        };
        if let Ok(process) = ProcessName::new(process) {
            pairs.push(Pair::of(folder, &process, number));
        }
    }
    pairs.sort();
    Ok(pairs)
}

/// Removes full files, the oldest first, until all together are no more than this.
///
/// # Errors
/// When the folder can't be read, or one of them can't be removed.
pub(in crate::views) fn make_room(folder: &Path, most: u64) -> io::Result<()> {
    let pairs = pairs(folder)?;
    let mut total: u64 = pairs.iter().map(Pair::size).sum();
    let mut full: Vec<_> = pairs.into_iter().filter(|pair| pair.number != Number::Current).collect();
    full.sort_by_key(|pair| fs::metadata(&pair.log).and_then(|meta| meta.modified()).ok());
    for pair in full {
        if total <= most {
            break;
        }
        total = total.saturating_sub(pair.size());
        // The log last: an index alone would never be seen again.
        for path in [&pair.index, &pair.log] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}
