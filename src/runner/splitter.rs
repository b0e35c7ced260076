//! Bytes as they are read, in any chunks, to lines that are whole. Changes no byte.

use bytes::{Buf, Bytes, BytesMut};

use crate::bus::Ending;

/// Lines that belong into one block.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    /// They.
    pub bytes: Bytes,
    /// Whether the first line began in an earlier piece.
    pub continues: bool,
    /// How the last one ends.
    pub ending: Ending,
}

/// Gathers what is read and gives it out at the end of lines.
#[derive(Debug)]
pub struct Splitter {
    /// What wasn't given out. Readers add at its end, at most `limit` bytes before they call `take`.
    pub buffer: BytesMut,
    /// So many bytes at its start are known to have no newline.
    scanned: usize,
    /// Whether the line at its start began in an earlier piece.
    continues: bool,
    /// No line is longer than this.
    limit: usize,
}

impl Splitter {
    /// Up to this size a piece is copied out exactly, so that it doesn't pin a whole read buffer for as
    /// long as somebody keeps it.
    const COPIED: usize = 16 * 1024;

    /// One whose lines are no longer than this, in bytes.
    pub fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), scanned: 0, continues: false, limit }
    }

    /// Whether there is a line that hasn't ended.
    pub fn has_tail(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// What can be given out now: whole lines, or the part of one that is longer than any line may be; of that
    /// only as much as `let_out` says. To be called until there is nothing.
    pub fn take(&mut self, let_out: impl FnOnce(&[u8]) -> usize) -> Option<Piece> {
        if self.buffer.len() > self.limit {
            let from = self.scanned.min(self.limit);
            if memchr::memchr(b'\n', &self.buffer[from..self.limit]).is_none() {
                let at = boundary(&self.buffer[..self.limit]);
                let at = match let_out(&self.buffer[..at]) {
                    // There must be an end to it.
                    0 => at,
                    less => less,
                };
                return Some(self.give_out(at, Ending::Cut));
            }
        }
        match memchr::memrchr(b'\n', &self.buffer[self.scanned..]) {
            Some(at) => Some(self.give_out(self.scanned + at + 1, Ending::Newline)),
            None => {
                self.scanned = self.buffer.len();
                None
            }
        }
    }

    /// What there is of a line that hasn't ended.
    pub fn tail(&mut self, ending: Ending) -> Option<Piece> {
        self.has_tail().then(|| self.give_out(self.buffer.len(), ending))
    }

    /// What there is of a line that hasn't ended.
    pub fn unfinished(&self) -> &[u8] {
        &self.buffer
    }

    /// So much of a line that hasn't ended; the rest stays. None when that is nothing.
    pub fn part(&mut self, length: usize, ending: Ending) -> Option<Piece> {
        (length > 0).then(|| self.give_out(length, ending))
    }

    fn give_out(&mut self, length: usize, ending: Ending) -> Piece {
        let bytes = if length > Self::COPIED {
            self.buffer.split_to(length).freeze()
        } else {
            let copy = Bytes::copy_from_slice(&self.buffer[..length]);
            if length == self.buffer.len() {
                // The next read begins at the start of the same buffer.
                self.buffer.clear();
            } else {
                self.buffer.advance(length);
            }
            copy
        };
        self.scanned = self.scanned.saturating_sub(length);
        let continues = std::mem::replace(&mut self.continues, matches!(ending, Ending::Cut | Ending::Paused));
        Piece { bytes, continues, ending }
    }
}

/// Where to cut a line: at its end, unless a character or an escape sequence would be cut in two.
fn boundary(line: &[u8]) -> usize {
    const LONGEST: usize = 64;
    let from = line.len().saturating_sub(LONGEST);
    if let Some(at) = memchr::memrchr(0x1b, &line[from..]) {
        let sequence = &line[from + at + 1..];
        let ended = match sequence.split_first() {
            Some((b'[', body)) => body.iter().any(|byte| (0x40..=0x7e).contains(byte)),
            Some(_) => true,
            None => false,
        };
        if !ended && from + at > 0 {
            return from + at;
        }
    }
    let continuation = line.iter().rev().take(3).take_while(|byte| (0x80..0xc0).contains(*byte)).count();
    let start = line.len() - continuation;
    match start.checked_sub(1).map(|first| (first, line[first])) {
        // A lead byte whose character needs more bytes than there are.
        Some((first, lead)) if first > 0 && lead >= 0xc0 && continuation + 1 < utf8_length(lead) => first,
        _ => line.len(),
    }
}

const fn utf8_length(lead: u8) -> usize {
    match lead {
        0xf0.. => 4,
        0xe0.. => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What comes out for these bytes in these chunks: one item for each line.
    fn lines(bytes: &[u8], chunks: &[usize], limit: usize) -> Vec<(Vec<u8>, bool, Ending)> {
        let mut splitter = Splitter::new(limit);
        let mut pieces = Vec::new();
        let (mut rest, mut sizes) = (bytes, chunks.iter().cycle());
        while !rest.is_empty() {
            let size = (*sizes.next().expect("it goes round")).min(rest.len()).min(limit);
            splitter.buffer.extend_from_slice(&rest[..size]);
            rest = &rest[size..];
            while let Some(piece) = splitter.take(<[u8]>::len) {
                pieces.push(piece);
            }
        }
        pieces.extend(splitter.tail(Ending::EndOfFile));
        let mut lines = Vec::new();
        for Piece { bytes, continues, ending } in pieces {
            assert_eq!(bytes.ends_with(b"\n"), ending == Ending::Newline);
            let count = bytes.split_inclusive(|byte| *byte == b'\n').count();
            for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
                let ending = if index + 1 == count { ending } else { Ending::Newline };
                lines.push((line.to_vec(), index == 0 && continues, ending));
            }
        }
        lines
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..20),
            "\\PC{0,12}".prop_map(String::into_bytes),
            Just(b"\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"\x1b[31m".to_vec()),
        ];
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn any_bytes_in_any_chunks_give_the_same_lines_and_nothing_is_lost(
            bytes in bytes(),
            some in prop::collection::vec(1usize..90, 1..8),
            others in prop::collection::vec(1usize..90, 1..8),
            limit in prop::sample::select(vec![8usize, 70, 100_000]),
        ) {
            let split = lines(&bytes, &some, limit);
            prop_assert_eq!(&split, &lines(&bytes, &others, limit));
            let all: Vec<u8> = split.iter().flat_map(|(line, ..)| line.clone()).collect();
            prop_assert_eq!(all, bytes);
            for pair in split.windows(2) {
                prop_assert_eq!(pair[1].1, pair[0].2 == Ending::Cut, "what goes on with a line says so");
            }
            for (line, ..) in &split {
                prop_assert!(line.len() <= limit + 1);
            }
        }
    }

    #[test]
    fn a_cut_spares_characters_and_colours() {
        for (line, at) in [
            ("abcdef".as_bytes(), 6),
            ("abcd\u{20ac}".as_bytes(), 7),
            (&"abcd\u{20ac}".as_bytes()[..6], 4),
            (b"abcd\x1b[3", 4),
            (b"abcd\x1b[3m", 8),
            (b"abcd\x1b", 4),
            (b"\x1b[3", 3),
            (b"\xff\xff\x80\x80\x80\x80", 6),
        ] {
            assert_eq!(boundary(line), at, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn small_pieces_do_not_pin_the_read_buffer() {
        let mut splitter = Splitter::new(1 << 20);
        splitter.buffer.reserve(64 * 1024);
        let room = splitter.buffer.capacity();
        for _ in 0..1000 {
            splitter.buffer.extend_from_slice(b"a short line\n");
            let piece = splitter.take(<[u8]>::len).expect("a line");
            assert_eq!(piece.bytes, &b"a short line\n"[..]);
            assert_eq!(splitter.buffer.capacity(), room, "the same buffer is used again");
        }
    }
}
