//! The journal of a stack: every event, one JSON line each, only ever added to; and reading it.
//!
//! It is written by a thread of its own. Where it can't be written that is said once, and nothing else suffers.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::bus::{Batch, Body, Bus, Subscription};
use crate::model::{Event, Seq};
use crate::protocol::line;
use crate::sys::private;

/// A journal that is longer when a stack starts is put aside, in bytes; the one put aside before goes.
const LONGEST: u64 = 8 * 1024 * 1024;

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "journal", rename_all = "kebab-case")]
pub enum Entry {
    /// A stack began.
    Began {
        /// When.
        at: Timestamp,
        /// Its supervisor.
        pid: i32,
        /// How it was started, as one types it.
        command: String,
        /// Its silos.
        silos: Vec<String>,
    },
    /// Something happened.
    Happened {
        /// When.
        at: Timestamp,
        /// Its place among everything that was said and happened.
        seq: Seq,
        /// What.
        #[serde(flatten)]
        event: Event,
    },
}

/// Something that happened, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// One life of a stack, as the journal has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// When it began.
    pub at: Timestamp,
    /// Its supervisor.
    pub pid: i32,
    /// How it was started, as one types it.
    pub command: String,
    /// Everything that happened.
    pub events: Vec<Happened>,
}

/// Where the journal of a stack with these silos is.
pub fn journal_path(folder: &Path, silos: &[String]) -> PathBuf {
    let mut silos = silos.to_vec();
    silos.sort();
    let mut name = silos.join("+");
    // A file's name has 255 bytes; so many silos in one stack are told apart by their beginning.
    name.truncate(200);
    folder.join(format!("{name}.jsonl"))
}

/// Writes the journal until the bus is closed. Blocks.
pub fn keep_journal(mut records: Subscription, bus: &Bus, path: &Path, began: &Entry) {
    let mut file = open(path).and_then(|mut file| file.write_all(&line(began)).map(|()| file));
    let mut told = false;
    let mut batch = Vec::new();
    loop {
        let end = records.next_batch(&mut batch, None);
        let mut bytes = Vec::new();
        for record in batch.drain(..) {
            if let Body::Event(event) = &record.body {
                let (at, seq, event) = (record.at, record.seq, (**event).clone());
                bytes.extend(line(&Entry::Happened { at, seq, event }));
            }
        }
        if let Ok(open) = &mut file
            && let Err(error) = open.write_all(&bytes)
        {
            file = Err(error);
        }
        if let Err(error) = &file
            && !told
        {
            told = true;
            let text = format!(
                "the journal {} can't be written: {error}; `why` and `timeline` know less then",
                path.display()
            );
            bus.emit(stamp(), Event::Notice { text });
        }
        if end == Batch::Closed {
            return;
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        private::folder(folder)?;
    }
    if path.symlink_metadata().is_ok_and(|meta| meta.len() > LONGEST) {
        std::fs::rename(path, old(path))?;
    }
    private::append(path)
}

fn old(path: &Path) -> PathBuf {
    path.with_extension("jsonl.1")
}

/// The lives of a stack that the journal knows, oldest first. A line that can't be read (it was cut by a crash, or a
/// newer version wrote it) is passed over.
pub fn read_journal(path: &Path) -> Vec<Session> {
    let mut sessions: Vec<Session> = Vec::new();
    for file in [old(path), path.to_path_buf()].iter().filter_map(|path| File::open(path).ok()) {
        for text in BufReader::new(file).split(b'\n').map_while(Result::ok) {
            match serde_json::from_slice(&text) {
                Ok(Entry::Began { at, pid, command, .. }) => {
                    sessions.push(Session { at, pid, command, events: Vec::new() });
                }
                Ok(Entry::Happened { at, event, .. }) => {
                    if let Some(session) = sessions.last_mut() {
                        session.events.push(Happened { at, event });
                    }
                }
                Err(_) => {}
            }
        }
    }
    sessions
}

#[expect(clippy::disallowed_methods, reason = "what the journal says of itself is stamped here")]
fn stamp() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::bus::{From, Kind, Limits, Wants};

    fn began(command: &str) -> Entry {
        let at = Timestamp::UNIX_EPOCH;
        Entry::Began { at, pid: 1, command: command.to_owned(), silos: vec!["region".to_owned()] }
    }

    fn keep(path: &Path, command: &str, texts: &[&str]) -> Bus {
        let bus = Bus::new(Limits::default());
        let records = bus.subscribe_to(Wants::Events, From::Start, Kind::Lossless);
        for text in texts {
            bus.emit(Timestamp::UNIX_EPOCH, Event::Notice { text: (*text).to_owned() });
        }
        bus.close();
        keep_journal(records, &bus, path, &began(command));
        bus
    }

    #[test]
    fn each_life_is_added_and_what_cannot_be_read_is_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = journal_path(&folder.path().join("journal"), &["region".to_owned(), "control".to_owned()]);
        assert!(path.ends_with("journal/control+region.jsonl"));
        keep(&path, "first", &["one", "two"]);
        let mut text = std::fs::read(&path).expect("it is there");
        text.extend(b"{\"journal\":\"happened\",\"at\":\"2026-11-23T09:1\n\xff\n{\"journal\":\"dreamt\"}\n");
        std::fs::write(&path, text).expect("it is ours");
        keep(&path, "second", &["three"]);
        let sessions = read_journal(&path);
        let told: Vec<(&str, usize)> =
            sessions.iter().map(|session| (session.command.as_str(), session.events.len())).collect();
        assert_eq!(told, [("first", 2), ("second", 1)]);
        let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_long_journal_is_put_aside_when_a_stack_starts_and_still_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("region.jsonl");
        keep(&path, "first", &["one"]);
        let file = std::fs::OpenOptions::new().append(true).open(&path).expect("it is there");
        file.set_len(LONGEST + 1).expect("there is room");
        keep(&path, "second", &["two"]);
        assert!(std::fs::metadata(&path).expect("it is there").len() < 1000);
        assert_eq!(read_journal(&path).len(), 2);
    }

    #[test]
    fn one_that_cannot_be_written_is_said_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file/region.jsonl");
        std::fs::write(folder.path().join("file"), "").expect("it is ours");
        let bus = Bus::new(Limits::default());
        let records = bus.subscribe_to(Wants::Events, From::Start, Kind::Lossless);
        let mut seen = bus.subscribe(From::Start, Kind::Lossless);
        let writer = std::thread::spawn({
            let bus = bus.clone();
            move || keep_journal(records, &bus, &path, &began("x"))
        });
        bus.emit(Timestamp::UNIX_EPOCH, Event::Notice { text: "one".into() });
        let mut said = Vec::new();
        while said.len() < 2 {
            let mut batch = Vec::new();
            assert_eq!(seen.next_batch(&mut batch, Some(std::time::Duration::from_secs(30))), Batch::Records);
            said.extend(batch.into_iter().map(|record| format!("{:?}", record.body)));
        }
        bus.close();
        writer.join().expect("no panic");
        assert!(said[1].contains("can't be written"), "{said:?}");
    }
}
