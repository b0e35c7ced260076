//! Where a line begins and ends, in bytes that come in any portions; and what is too long to be one.

use serde::Serialize;

/// No request is longer than this, in bytes, its newline included.
pub const LONGEST_REQUEST: usize = 64 * 1024;

/// No message of a server is longer: a line of output is cut at 1 MiB, and JSON may write each byte as six.
pub const LONGEST_MESSAGE: usize = 8 * 1024 * 1024;

/// What came so far has no newline, and is longer than any line may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line has at most {most} bytes here")]
pub struct LineTooLong {
    /// So many it may have.
    pub most: usize,
}

/// Puts lines together. It holds one unfinished line at most.
#[derive(Debug)]
pub struct Lines {
    buffer: Vec<u8>,
    /// So much of the buffer was looked through and has no newline.
    seen: usize,
    most: usize,
}

impl Lines {
    /// For lines of at most so many bytes.
    pub const fn new(most: usize) -> Self {
        Self { buffer: Vec::new(), seen: 0, most }
    }

    /// Takes in what came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole line, without its end; none if there is none yet. Empty lines are passed over.
    ///
    /// # Errors
    /// When the line is too long; what follows it can't be told apart from it, so nothing can follow.
    pub fn next_line(&mut self) -> Result<Option<Vec<u8>>, LineTooLong> {
        loop {
            let end = memchr::memchr(b'\n', &self.buffer[self.seen..]).map(|at| self.seen + at);
            if end.unwrap_or(self.buffer.len()) >= self.most {
                return Err(LineTooLong { most: self.most });
            }
            let Some(end) = end else {
                self.seen = self.buffer.len();
                return Ok(None);
            };
            let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
            self.seen = 0;
            while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                line.pop();
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
    }

    /// What came after the last whole line: of a connection that goes on in another way.
    pub fn into_rest(self) -> Vec<u8> {
        self.buffer
    }
}

/// A value as one line, its newline included.
pub fn line<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes =
        serde_json::to_vec(value).expect("what is sent has text for keys, and nothing that can't be written");
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(lines: &mut Lines) -> Result<Vec<Vec<u8>>, LineTooLong> {
        let mut found = Vec::new();
        while let Some(line) = lines.next_line()? {
            found.push(line);
        }
        Ok(found)
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_portions_give_the_same_lines(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'{'), any::<u8>()], 0..400),
            portions in prop::collection::vec(1usize..9, 1..40),
        ) {
            let mut whole = Lines::new(1000);
            whole.push(&bytes);
            let expected = all(&mut whole).expect("none is too long");
            let (mut lines, mut found, mut rest) = (Lines::new(1000), Vec::new(), &bytes[..]);
            for portion in portions.iter().cycle() {
                let (now, later) = rest.split_at((*portion).min(rest.len()));
                lines.push(now);
                found.extend(all(&mut lines).expect("none is too long"));
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(found, expected);
            prop_assert_eq!(lines.into_rest(), whole.into_rest());
        }
    }

    #[test]
    fn a_line_without_end_is_refused_and_not_gathered() {
        let mut lines = Lines::new(10);
        lines.push(b"{}\n12345678");
        assert_eq!(lines.next_line(), Ok(Some(b"{}".to_vec())));
        assert_eq!(lines.next_line(), Ok(None));
        lines.push(b"90");
        assert_eq!(lines.next_line(), Err(LineTooLong { most: 10 }));
        let mut lines = Lines::new(10);
        lines.push(b"1234567890\n");
        assert_eq!(lines.next_line(), Err(LineTooLong { most: 10 }), "also when its end came with it");
    }
}
