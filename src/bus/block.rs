//! What travels on the bus: blocks of lines, and the numbered record around them.
//!
//! A block is what one read brought, whole lines as they came. Where a line can't be whole (a prompt
//! that waits, a line beyond all bounds, the end of the file) the block says so: `ending` for its last
//! line, `continues` for its first. So a view can put the pieces together again, or mark where it can't,
//! and concatenating the blocks of a stream always gives the bytes of the child.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use crate::model::{Event, Origin, RunId, Seq};

/// Which outlet of which run: within one stream the order of bytes is the child's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stream {
    /// Whose output it is.
    pub run: RunId,
    /// Through which outlet it came.
    pub origin: Origin,
}

/// How the last line of a block ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With its newline.
    Newline,
    /// The child paused in mid-line, as it does for a prompt. The next block of the stream, if there is
    /// one, goes on with it.
    Paused,
    /// The line is longer than any line may be. The next block goes on with it.
    Cut,
    /// The output ended there.
    EndOfFile,
}

/// Some lines of one stream, as they came: newlines included, no byte changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Whose lines they are.
    pub stream: Stream,
    /// When they were read.
    pub at: Timestamp,
    /// The bytes, from the first line to the last.
    pub bytes: Bytes,
    /// Where each line ends in `bytes`, its newline included. At least one; the last is the length.
    pub ends: Box<[u32]>,
    /// Whether the first line goes on with the last one of the block before (of the same stream).
    pub continues: bool,
    /// How the last line ends. All others end with their newline.
    pub ending: Ending,
}

/// One line of a block, or the piece of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its bytes, without the newline.
    pub bytes: &'a [u8],
    /// Whether it goes on with the line before.
    pub continues: bool,
    /// How it ends.
    pub ending: Ending,
}

impl Block {
    /// Takes in bytes and finds their lines. None when there are no bytes.
    ///
    /// The last byte is a newline exactly if `ending` says so.
    pub fn new(stream: Stream, at: Timestamp, bytes: Bytes, continues: bool, ending: Ending) -> Option<Self> {
        if bytes.is_empty() {
            return None;
        }
        debug_assert_eq!(bytes.ends_with(b"\n"), ending == Ending::Newline, "the ending is the one of the bytes");
        let mut ends: Vec<u32> = Vec::with_capacity(bytes.len() / 64 + 1);
        ends.extend(memchr::memchr_iter(b'\n', &bytes).map(|at| offset(at + 1)));
        if ending != Ending::Newline {
            ends.push(offset(bytes.len()));
        }
        Some(Self { stream, at, bytes, ends: ends.into_boxed_slice(), continues, ending })
    }

    /// How many lines there are; each has a number.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// Its lines, in order.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let mut start = 0;
        let last = self.ends.len() - 1;
        self.ends.iter().enumerate().map(move |(index, end)| {
            let end = *end as usize;
            let ending = if index == last { self.ending } else { Ending::Newline };
            let stop = if ending == Ending::Newline { end - 1 } else { end };
            let line = Line { bytes: &self.bytes[start..stop], continues: index == 0 && self.continues, ending };
            start = end;
            line
        })
    }

    /// One of its lines as a block of its own; none if there is nothing in it.
    #[must_use]
    pub fn one(&self, line: &Line<'_>) -> Option<Self> {
        let mut bytes = Vec::with_capacity(line.bytes.len() + 1);
        bytes.extend_from_slice(line.bytes);
        if line.ending == Ending::Newline {
            bytes.push(b'\n');
        }
        Self::new(self.stream.clone(), self.at, bytes.into(), line.continues, line.ending)
    }

    /// The same block from its line of this index on; the bytes are shared.
    ///
    /// # Panics
    /// When it hasn't more lines than that, or none are to be skipped.
    #[must_use]
    pub fn skip(&self, lines: usize) -> Self {
        let start = self.ends[lines - 1];
        Self {
            stream: self.stream.clone(),
            at: self.at,
            bytes: self.bytes.slice(start as usize..),
            ends: self.ends[lines..].iter().map(|end| end - start).collect(),
            continues: false,
            ending: self.ending,
        }
    }
}

/// A block is at most some megabytes: a line is cut long before.
fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("a block is far smaller than 4 GiB")
}

/// What a record is about.
#[derive(Debug, Clone)]
pub enum Body {
    /// Lines.
    Block(Arc<Block>),
    /// Something that happened.
    Event(Arc<Event>),
    /// This subscriber was too slow: so many numbers were dropped here, for it alone.
    Lagged {
        /// How many.
        missed: u64,
    },
}

/// Something that was said or happened, with its place in the one order of all that was.
#[derive(Debug, Clone)]
pub struct Record {
    /// The number of its first line, or its own. A block of n lines has n numbers.
    pub seq: Seq,
    /// When.
    pub at: Timestamp,
    /// What.
    pub body: Body,
}

impl Record {
    /// How many numbers it has.
    pub fn numbers(&self) -> u64 {
        match &self.body {
            Body::Block(block) => block.count() as u64,
            Body::Event(_) => 1,
            Body::Lagged { missed } => *missed,
        }
    }

    /// What it costs to keep, roughly, in bytes.
    pub(super) fn weight(&self) -> usize {
        const RECORD: usize = 200;
        match &self.body {
            Body::Block(block) => RECORD + block.bytes.len() + 4 * block.ends.len(),
            Body::Event(event) => match &**event {
                Event::Settled { status, .. } => RECORD + 400 * status.processes.len(),
                _ => RECORD + 200,
            },
            Body::Lagged { .. } => RECORD,
        }
    }

    /// The same record without its first numbers, fewer than it has.
    pub(super) fn skip(self, numbers: u64) -> Self {
        let body = match self.body {
            body if numbers == 0 => body,
            Body::Block(block) => Body::Block(Arc::new(block.skip(usize::try_from(numbers).unwrap_or(usize::MAX)))),
            Body::Event(event) => Body::Event(event),
            Body::Lagged { missed } => Body::Lagged { missed: missed - numbers },
        };
        Self { seq: self.seq + numbers, at: self.at, body }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::ProcessName;

    /// The stdout of a process's first run.
    pub(in crate::bus) fn stream(process: &str) -> Stream {
        let process = ProcessName::new(process).expect("a name");
        Stream { run: RunId { process, number: 1 }, origin: Origin::Stdout }
    }

    /// A block of these bytes; without a newline at the end it is paused.
    pub(in crate::bus) fn block(process: &str, bytes: &[u8]) -> Block {
        let ending = if bytes.ends_with(b"\n") { Ending::Newline } else { Ending::Paused };
        let bytes = Bytes::copy_from_slice(bytes);
        Block::new(stream(process), Timestamp::UNIX_EPOCH, bytes, false, ending).expect("there are bytes")
    }

    #[test]
    fn a_block_knows_its_lines_and_how_the_last_one_ends() {
        let block = Block { continues: true, ..block("web", b"one\n\ntwo\nName: ") };
        let lines: Vec<_> = block.lines().collect();
        assert_eq!(
            lines,
            [
                Line { bytes: b"one", continues: true, ending: Ending::Newline },
                Line { bytes: b"", continues: false, ending: Ending::Newline },
                Line { bytes: b"two", continues: false, ending: Ending::Newline },
                Line { bytes: b"Name: ", continues: false, ending: Ending::Paused },
            ]
        );
    }

    #[test]
    fn a_block_without_its_first_lines_shares_the_bytes() {
        let whole = block("web", b"one\ntwo\nthree\n");
        let record = Record { seq: 7, at: whole.at, body: Body::Block(Arc::new(whole)) };
        let rest = record.skip(2);
        let Body::Block(block) = &rest.body else { panic!("a block stays one") };
        assert_eq!((rest.seq, &block.bytes[..], &block.ends[..]), (9, &b"three\n"[..], &[6][..]));
    }
}
