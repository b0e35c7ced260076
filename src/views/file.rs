//! Lines into files, for later. A lossless subscriber on a thread of its own; it never holds up a child for longer
//! than the disk does, and where it can't write it says so once, lets the lines go, and marks the gap.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::store::{Entry, Log, make_room};
use crate::bus::{Batch, Block, Body, Bus, Ending, Subscription};
use crate::model::{Event, Origin, ProcessName, Seq};
use crate::sys::fault;

/// Where lines are stored, and how much of them.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The folder.
    pub folder: PathBuf,
    /// How big a file may be before the next one is begun.
    pub max_size: u64,
    /// How big all of them may be together.
    pub max_total: u64,
    /// Which run of the supervisor this is: when it began, in milliseconds of the epoch.
    pub session: u64,
}

/// So often it is tried again to write, and looked whether the files are still there.
const AGAIN: Duration = Duration::from_secs(1);

/// Stores until the bus is closed. Blocks.
pub fn store(mut records: Subscription, bus: &Bus, options: StoreOptions) {
    let session = options.session;
    let mut store = Store { options, session, files: HashMap::new(), told: false };
    let mut batch = Vec::new();
    loop {
        let end = records.next_batch(&mut batch, None);
        fault::point("store");
        for record in batch.drain(..) {
            if let Body::Block(block) = &record.body {
                store.file(&block.stream.run.process).take_in(session, record.seq, block);
            }
        }
        for text in store.write(now()) {
            bus.emit(stamp(), Event::Notice { text });
        }
        if end == Batch::Closed {
            return;
        }
    }
}

struct Store {
    options: StoreOptions,
    session: u64,
    files: HashMap<ProcessName, Lines>,
    /// Whether it was told that something can't be stored.
    told: bool,
}

/// The lines of one process on their way.
#[derive(Debug, Default)]
struct Lines {
    log: Option<Log>,
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    /// Lines that aren't stored, and the number of the first of them.
    missed: Option<(Seq, u32)>,
    /// Lines that were written since the files were last seen in their place.
    unseen: Option<(Seq, u32)>,
    /// Not before then it is tried again.
    again: Option<Instant>,
    looked: Option<Instant>,
}

impl Lines {
    fn take_in(&mut self, session: u64, seq: Seq, block: &Block) {
        self.entries.push(Entry {
            session,
            at: block.at,
            seq,
            offset: 0,
            length: u32::try_from(block.bytes.len()).unwrap_or(u32::MAX),
            lines: u32::try_from(block.count()).unwrap_or(u32::MAX),
            run: block.stream.run.number,
            origin: block.stream.origin,
            ending: block.ending,
            continues: block.continues,
            gap: false,
        });
        self.bytes.extend_from_slice(&block.bytes);
    }

    fn waiting(&self) -> Option<(Seq, u32)> {
        let first = self.entries.first()?.seq;
        Some((first, self.entries.iter().map(|entry| entry.lines).sum()))
    }

    fn done(&mut self) {
        self.entries.clear();
        self.bytes.clear();
        // A flood shouldn't cost its room for ever.
        self.bytes.shrink_to(1 << 16);
    }

    /// Writes what is there. Whether the files were gone.
    fn write(&mut self, process: &ProcessName, options: &StoreOptions, now: Instant, session: u64) -> io::Result<bool> {
        let mut gone = false;
        if self.looked.is_none_or(|looked| now >= looked + AGAIN) {
            self.looked = Some(now);
            if self.log.as_ref().is_some_and(|log| !log.is_in_place()) {
                self.log = None;
                gone = true;
                self.missed = added(self.missed, self.unseen);
            }
            self.unseen = None;
        }
        let mut log = match self.log.take() {
            Some(log) => log,
            None => Log::open(&options.folder, process)?,
        };
        if log.length() > 0 && log.length() + self.bytes.len() as u64 > options.max_size {
            log = log.rotate(&options.folder)?;
            make_room(&options.folder, options.max_total)?;
        }
        if let (Some((seq, lines)), Some(first)) = (self.missed, self.entries.first()) {
            let gap = Entry {
                session,
                seq,
                lines,
                length: 0,
                gap: true,
                ending: Ending::Newline,
                continues: false,
                ..*first
            };
            self.entries.insert(0, Entry { origin: Origin::Stdout, ..gap });
        }
        let written = log.append(&mut self.entries, &self.bytes);
        if written.is_err() && self.missed.is_some() {
            self.entries.remove(0);
        }
        written?;
        self.log = Some(log);
        self.missed = None;
        self.unseen = added(self.unseen, self.waiting());
        Ok(gone)
    }
}

fn added(one: Option<(Seq, u32)>, other: Option<(Seq, u32)>) -> Option<(Seq, u32)> {
    match (one, other) {
        (Some((first, some)), Some((_, more))) => Some((first, some.saturating_add(more))),
        (one, other) => one.or(other),
    }
}

impl Store {
    fn file(&mut self, process: &ProcessName) -> &mut Lines {
        if !self.files.contains_key(process) {
            self.files.insert(process.clone(), Lines::default());
        }
        self.files.get_mut(process).expect("it was just put there")
    }

    /// Writes what has gathered. What there is to say about it.
    fn write(&mut self, now: Instant) -> Vec<String> {
        let (mut said, mut again, folder) = (Vec::new(), 0, self.options.folder.display());
        for (process, lines) in self.files.iter_mut().filter(|(_, lines)| !lines.entries.is_empty()) {
            if lines.again.is_some_and(|again| now < again) {
                lines.missed = added(lines.missed, lines.waiting());
                lines.done();
                continue;
            }
            let missed = lines.missed.map_or(0, |(_, lines)| lines);
            match lines.write(process, &self.options, now, self.session) {
                Ok(gone) => {
                    lines.again = None;
                    again += missed;
                    if gone {
                        said.push(format!("the stored lines of {process} were taken away from {folder}; stored anew"));
                    }
                }
                Err(error) => {
                    lines.again = Some(now + AGAIN);
                    lines.missed = added(lines.missed, lines.waiting());
                    if !self.told {
                        self.told = true;
                        said.push(format!(
                            "lines of {process} can't be stored in {folder}: {error}; the log here goes on, and they \
                             are stored again once that works"
                        ));
                    }
                }
            }
            lines.done();
        }
        if self.told && self.files.values().all(|lines| lines.missed.is_none()) {
            self.told = false;
            said.push(format!("lines are stored again in {folder}; {again} of them are missing there"));
        }
        said
    }
}

#[expect(clippy::disallowed_methods, reason = "when it is tried again to write decides nothing else")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "notices are stamped where they are made")]
fn stamp() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
