//! Colours and text attributes (SGR): which of them a child may set, written one way.
//!
//! What is let through can colour text and nothing else: no blinking, no hidden text, no other fonts,
//! and a bounded number of parameters.

/// Ends every colour and attribute.
pub const RESET: &[u8] = b"\x1b[0m";

/// More parameters than this in one sequence aren't colours.
const MOST: usize = 16;
/// `38:2::r:g:b` has the most parts.
const PARTS: usize = 6;

/// One SGR sequence as it is read: its parameters, each with its parts.
#[derive(Debug, Default)]
pub(super) struct Sgr {
    params: [[u16; PARTS]; MOST],
    parts: [u8; MOST],
    count: usize,
}

impl Sgr {
    /// Adds a parameter; what is too many or has too many parts is dropped.
    pub(super) fn push(&mut self, parts: &[u16]) {
        if self.count == MOST {
            return;
        }
        let fits = parts.len() <= PARTS;
        if fits {
            self.params[self.count][..parts.len()].copy_from_slice(parts);
        }
        // A parameter of no parts is kept as a place, so that `38;<bad>;1` doesn't become `38;1`.
        self.parts[self.count] = if fits { u8::try_from(parts.len()).unwrap_or(0) } else { 0 };
        self.count += 1;
    }

    /// Reads the text between `ESC [` and `m`: digits, `;` and `:`. None if there is anything else.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let mut sgr = Self::default();
        let (mut parts, mut count, mut value) = ([0u16; PARTS + 1], 0usize, 0u16);
        for byte in text {
            match byte {
                b'0'..=b'9' => value = value.saturating_mul(10).saturating_add(u16::from(byte - b'0')),
                b':' => {
                    parts[count] = value;
                    (count, value) = ((count + 1).min(PARTS), 0);
                }
                b';' => {
                    parts[count] = value;
                    sgr.push(&parts[..=count]);
                    (count, value) = (0, 0);
                }
                _ => return None,
            }
        }
        parts[count] = value;
        sgr.push(&parts[..=count]);
        Some(sgr)
    }

    fn get(&self, index: usize) -> &[u16] {
        match self.parts.get(index) {
            Some(parts) if index < self.count => &self.params[index][..usize::from(*parts)],
            _ => &[],
        }
    }

    /// The plain value at this place, if it is one and at most 255.
    fn byte(&self, index: usize) -> Option<u8> {
        match self.get(index) {
            [value] => u8::try_from(*value).ok(),
            _ => None,
        }
    }

    /// Writes what of it is allowed, if anything is. Returns whether it was.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let mut index = 0;
        while index < self.count {
            index += self.write_one(index, start, out);
        }
        if out.len() > start {
            out.push(b'm');
        }
        out.len() > start
    }

    /// Writes the parameter at `index` with those that belong to it; returns how many they are.
    fn write_one(&self, index: usize, start: usize, out: &mut Vec<u8>) -> usize {
        let mut put = |values: &[u8], separator: u8| {
            for (at, value) in values.iter().enumerate() {
                match (at, out.len() == start) {
                    (0, true) => out.extend_from_slice(b"\x1b["),
                    (0, false) => out.push(b';'),
                    _ => out.push(separator),
                }
                push_number(*value, out);
            }
        };
        match *self.get(index) {
            [38 | 48 | 58] => {
                let kind = self.byte(index + 1);
                let arguments = match kind {
                    Some(5) => 1,
                    Some(2) => 3,
                    // Nobody knows what the rest would mean.
                    _ => return self.count - index,
                };
                let mut all = [0u8; 5];
                for (at, slot) in all.iter_mut().enumerate().take(2 + arguments) {
                    match self.byte(index + at) {
                        Some(value) => *slot = value,
                        None => return self.count - index,
                    }
                }
                put(&all[..2 + arguments], b';');
                2 + arguments
            }
            [value] => {
                if allowed(value) {
                    put(&[u8::try_from(value).unwrap_or(0)], b';');
                }
                1
            }
            // `4:3` is a curly underline; `38:5:n`, `38:2:r:g:b` and `38:2::r:g:b` are colours.
            [4, style @ 0..=5] => {
                put(&[4, u8::try_from(style).unwrap_or(0)], b':');
                1
            }
            [38 | 48 | 58, 5, _] | [38 | 48 | 58, 2, _, _, _] | [38 | 48 | 58, 2, _, _, _, _] => {
                let parts = self.get(index);
                let mut all = [0u8; PARTS];
                for (slot, part) in all.iter_mut().zip(parts) {
                    *slot = u8::try_from(*part).unwrap_or(u8::MAX);
                }
                put(&all[..parts.len()], b':');
                1
            }
            _ => 1,
        }
    }
}

/// Attributes and colours that stay: not blinking (5, 6), hiding (8), or fonts (10 to 20).
const fn allowed(value: u16) -> bool {
    matches!(value, 0..=4 | 7 | 9 | 21..=24 | 27 | 29..=37 | 39..=47 | 49 | 53 | 55 | 59 | 90..=97 | 100..=107)
}

fn push_number(value: u8, out: &mut Vec<u8>) {
    if value >= 100 {
        out.push(b'0' + value / 100);
    }
    if value >= 10 {
        out.push(b'0' + value / 10 % 10);
    }
    out.push(b'0' + value % 10);
}

/// The sequences of sanitised text that are still in force at its end: what has to be said again when
/// something else was written in between. Empty if none is.
pub fn open_sgr(text: &[u8]) -> Vec<u8> {
    let mut open = Vec::new();
    let mut rest = text;
    while let Some(at) = memchr::memchr(0x1b, rest) {
        let sequence = &rest[at..];
        let Some(end) = memchr::memchr(b'm', sequence) else { break };
        let body = sequence.get(2..end).unwrap_or_default();
        // Only a plain reset counts. One among others (`0;31`) is said again with what was before it,
        // and resets that once more.
        if body == b"0" {
            open.clear();
        } else {
            open.extend_from_slice(&sequence[..=end]);
        }
        rest = &sequence[end + 1..];
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_stay_and_everything_else_goes() {
        for (text, kept) in [
            ("", "\x1b[0m"),
            ("0", "\x1b[0m"),
            ("31", "\x1b[31m"),
            ("1;31", "\x1b[1;31m"),
            ("001;031", "\x1b[1;31m"),
            ("38;5;208", "\x1b[38;5;208m"),
            ("1;38;2;10;20;30;4", "\x1b[1;38;2;10;20;30;4m"),
            ("38:2::10:20:30", "\x1b[38:2:0:10:20:30m"),
            ("4:3", "\x1b[4:3m"),
            ("5", ""),
            ("8", ""),
            ("1;8;31", "\x1b[1;31m"),
            ("38;5;999;1", ""),
            ("38;5", ""),
            ("31;38", "\x1b[31m"),
            ("999", ""),
            ("38:5:1:1:1:1:1:1:1", ""),
        ] {
            let mut out = Vec::new();
            let sgr = Sgr::read(text.as_bytes()).expect("it is well formed");
            assert_eq!(sgr.write(&mut out), !kept.is_empty(), "{text}");
            assert_eq!(String::from_utf8(out).expect("text"), kept, "{text}");
        }
    }

    #[test]
    fn parameters_are_capped() {
        let mut out = Vec::new();
        Sgr::read("1;".repeat(4000).as_bytes()).expect("it is well formed").write(&mut out);
        assert_eq!(out.len(), "\x1b[".len() + "1;".len() * 15 + "1m".len());
    }

    #[test]
    fn what_is_in_force_at_the_end_of_a_text_is_known() {
        assert_eq!(open_sgr(b"plain"), b"");
        assert_eq!(open_sgr(b"\x1b[31mred\x1b[0m and \x1b[1mbold \x1b[32mgreen"), b"\x1b[1m\x1b[32m");
        assert_eq!(open_sgr(b"\x1b[31mred\x1b[0m"), b"");
    }
}
