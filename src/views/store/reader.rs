//! What is stored, while it is written and afterwards.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::entry::Entry;
use super::files::{Pair, pairs};
use crate::bus::{Block, Stream};
use crate::model::{ProcessName, RunId};

/// A block of lines that is stored.
#[derive(Debug, Clone)]
pub(in crate::views) struct Stored {
    /// Whose lines they are.
    pub(in crate::views) process: ProcessName,
    /// What is known of them.
    pub(in crate::views) entry: Entry,
    log: Arc<File>,
}

impl Stored {
    /// The lines; none for a gap.
    ///
    /// # Errors
    /// When they can't be read.
    pub(in crate::views) fn block(&self) -> io::Result<Option<Block>> {
        let mut bytes = vec![0; self.entry.length as usize];
        self.log.read_exact_at(&mut bytes, self.entry.offset)?;
        let run = RunId { process: self.process.clone(), number: self.entry.run };
        let stream = Stream { run, origin: self.entry.origin };
        Ok(Block::new(stream, self.entry.at, Bytes::from(bytes), self.entry.continues, self.entry.ending))
    }
}

/// Reads a store from its beginning, and then what is new each time.
#[derive(Debug)]
pub(in crate::views) struct Reader {
    folder: PathBuf,
    /// How far each index was read, by its inode: files are renamed.
    read: HashMap<u64, u64>,
}

impl Reader {
    pub(in crate::views) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), read: HashMap::new() }
    }

    /// Of which processes something is stored.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub(in crate::views) fn processes(&self) -> io::Result<Vec<ProcessName>> {
        let mut names: Vec<_> = pairs(&self.folder)?.into_iter().map(|pair| pair.process).collect();
        names.dedup();
        Ok(names)
    }

    /// What is new of these processes, in the order in which it was said.
    ///
    /// # Errors
    /// When something can't be read.
    pub(in crate::views) fn news(&mut self, of: impl Fn(&ProcessName) -> bool) -> io::Result<Vec<Stored>> {
        let mut open = Vec::new();
        loop {
            let found: Vec<Pair> = pairs(&self.folder)?.into_iter().filter(|pair| of(&pair.process)).collect();
            for pair in &found {
                open.extend(self.open(pair)?);
            }
            // Files that were put aside meanwhile would be missing; those that were opened count.
            if pairs(&self.folder)?.into_iter().filter(|pair| of(&pair.process)).eq(found) {
                break;
            }
            open.clear();
        }
        let mut news = Vec::new();
        for (pair, index, log) in open {
            self.entries(&pair, &index, &log, &mut news)?;
        }
        news.sort_by_key(|stored| stored.entry.order());
        Ok(news)
    }

    /// Opens a pair that has something new. None too where it was removed a moment ago.
    fn open(&self, pair: &Pair) -> io::Result<Option<(Pair, File, File)>> {
        let there = |opened: io::Result<File>| match opened {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        let Some(index) = there(File::open(&pair.index))? else { return Ok(None) };
        let meta = index.metadata()?;
        if self.read.get(&meta.ino()).is_some_and(|read| *read == meta.len()) {
            return Ok(None);
        }
        Ok(there(File::open(&pair.log))?.map(|log| (pair.clone(), index, log)))
    }

    fn entries(&mut self, pair: &Pair, index: &File, log: &File, news: &mut Vec<Stored>) -> io::Result<()> {
        let meta = index.metadata()?;
        let read = self.read.entry(meta.ino()).or_default();
        let start = (*read).min(meta.len());
        let mut bytes = vec![0; usize::try_from(meta.len() - start).unwrap_or_default()];
        // Cut off at this moment, after a full disk: the next look sees it.
        if index.read_exact_at(&mut bytes, start).is_err() {
            return Ok(());
        }
        let (length, log) = (log.metadata()?.len(), Arc::new(log.try_clone()?));
        *read = start;
        for bytes in bytes.chunks_exact(Entry::SIZE) {
            // Its bytes are on the way.
            let Some(entry) = Entry::read(bytes).filter(|entry| entry.end() <= length) else { break };
            *read += Entry::SIZE as u64;
            news.push(Stored { process: pair.process.clone(), entry, log: Arc::clone(&log) });
        }
        Ok(())
    }
}
