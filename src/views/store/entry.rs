//! One entry of an index: a block of lines, or a gap. Fixed in size, so that an index needs no index.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::bus::Ending;
use crate::model::{Origin, Seq};

/// Where a block of lines is, and what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::views) struct Entry {
    /// Which run of the supervisor: when it began, in milliseconds of the epoch.
    pub(in crate::views) session: u64,
    /// When the lines were read.
    pub(in crate::views) at: Timestamp,
    /// The number of the first line.
    pub(in crate::views) seq: Seq,
    /// Where its bytes begin.
    pub(in crate::views) offset: u64,
    /// How many they are.
    pub(in crate::views) length: u32,
    /// How many lines; in a gap: how many are missing.
    pub(in crate::views) lines: u32,
    /// Which run of the process.
    pub(in crate::views) run: u32,
    /// Through which outlet.
    pub(in crate::views) origin: Origin,
    /// How the last line ends.
    pub(in crate::views) ending: Ending,
    /// Whether the first line goes on with the one before.
    pub(in crate::views) continues: bool,
    /// Nothing was stored here.
    pub(in crate::views) gap: bool,
}

impl Entry {
    /// The size of each.
    pub(in crate::views) const SIZE: usize = 48;

    /// Where its bytes end.
    pub(in crate::views) fn end(&self) -> u64 {
        self.offset + u64::from(self.length)
    }

    /// Its place in the order of everything that is stored.
    pub(in crate::views) fn order(&self) -> (Timestamp, u64, Seq) {
        (self.at, self.session, self.seq)
    }

    pub(super) fn write(&self, into: &mut Vec<u8>) {
        let origin = match self.origin {
            Origin::Stdout => 0,
            Origin::Stderr => 1,
            Origin::Pty => 2,
        };
        let ending = match self.ending {
            Ending::Newline => 0,
            Ending::Paused => 1,
            Ending::Cut => 2,
            Ending::EndOfFile => 3,
        };
        into.extend_from_slice(&self.session.to_le_bytes());
        into.extend_from_slice(&self.at.as_microsecond().to_le_bytes());
        into.extend_from_slice(&self.seq.to_le_bytes());
        into.extend_from_slice(&self.offset.to_le_bytes());
        into.extend_from_slice(&self.length.to_le_bytes());
        into.extend_from_slice(&self.lines.to_le_bytes());
        into.extend_from_slice(&self.run.to_le_bytes());
        into.extend_from_slice(&[origin, ending, u8::from(self.continues), u8::from(self.gap)]);
    }

    /// Reads one; none where that isn't one, as after a crash of the machine.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let long = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let short = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        Some(Self {
            session: long(0)?,
            at: Timestamp::from_microsecond(long(8)?.cast_signed()).ok()?,
            seq: long(16)?,
            offset: long(24)?,
            length: short(32)?,
            lines: short(36)?,
            run: short(40)?,
            origin: match bytes.get(44)? {
                0 => Origin::Stdout,
                1 => Origin::Stderr,
                2 => Origin::Pty,
                _ => return None,
            },
            ending: match bytes.get(45)? {
                0 => Ending::Newline,
                1 => Ending::Paused,
                2 => Ending::Cut,
                3 => Ending::EndOfFile,
                _ => return None,
            },
            continues: *bytes.get(46)? == 1,
            gap: *bytes.get(47)? == 1,
        })
    }
}

/// A place in what is stored: everything up to this line of this run of the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::views) struct Cursor {
    pub(in crate::views) session: u64,
    pub(in crate::views) seq: Seq,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.session, self.seq)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (session, seq) = text.split_once('-').ok_or(())?;
        Ok(Self { session: u64::from_str_radix(session, 16).map_err(|_| ())?, seq: seq.parse().map_err(|_| ())? })
    }
}
