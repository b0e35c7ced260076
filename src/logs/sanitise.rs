//! What a child prints can't drive the terminal.
//!
//! What comes out of here is printable text, tabs, and (where colours are wanted) the colour sequences
//! of `sgr`, whatever went in. Three tiers, since most lines are harmless: a clean block is copied by
//! its view as it stands (`is_clean`); a line with nothing but colours and a carriage return at its end
//! is walked with memchr; only the rest meets the parser.
//!
//! It works on whole lines, so how they were chunked doesn't matter.

use std::borrow::Cow;

use vte::{Params, Parser, Perform};

use super::sgr::{RESET, Sgr};

/// A string sequence (OSC, DCS and the like) that is longer than this was never ended.
const STRING: usize = 4096;

/// Whether bytes can be shown as they are: printable UTF-8, tabs and newlines.
pub fn is_clean(bytes: &[u8]) -> bool {
    match classify(bytes) {
        0 => true,
        HIGH => is_printable_utf8(bytes),
        _ => false,
    }
}

const HIGH: u8 = 1;
const CONTROL: u8 = 2;

/// One pass without branches, so that the compiler can take many bytes at a time.
fn classify(bytes: &[u8]) -> u8 {
    let class = |byte: u8| {
        let control = (byte < 0x20) & (byte != b'\n') & (byte != b'\t') | (byte == 0x7f);
        (u8::from(byte >= 0x80) * HIGH) | (u8::from(control) * CONTROL)
    };
    // In steps, so that a block that isn't clean doesn't cost a whole pass.
    let mut found = 0;
    for chunk in bytes.chunks(4096) {
        found |= chunk.iter().fold(0, |found, byte| found | class(*byte));
        if found & CONTROL != 0 {
            break;
        }
    }
    found
}

/// Whether bytes without ASCII controls are UTF-8 without C1 controls (U+0080 to U+009F).
fn is_printable_utf8(bytes: &[u8]) -> bool {
    let c1 = || memchr::memchr_iter(0xc2, bytes).any(|at| bytes.get(at + 1).is_some_and(|next| *next < 0xa0));
    std::str::from_utf8(bytes).is_ok() && !c1()
}

/// Whether a line is there as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    /// More of it may come: what can't be judged yet is left out.
    Beginning,
}

/// Makes lines harmless.
#[derive(Debug, Clone, Copy)]
pub struct Sanitiser {
    colour: bool,
}

impl Sanitiser {
    /// One that keeps colours.
    pub const fn coloured() -> Self {
        Self { colour: true }
    }

    /// One that drops colours too.
    pub const fn plain() -> Self {
        Self { colour: false }
    }

    /// Adds a whole line (without its newline) to `out`; a colour that it leaves open is ended.
    pub fn line(&self, line: &[u8], out: &mut Vec<u8>) {
        if self.text(line, Extent::Whole, out) {
            out.extend_from_slice(RESET);
        }
    }

    /// Adds the beginning of a line to `out`, without what can't be judged before the rest is there, and
    /// with its colours left open.
    ///
    /// When the line goes on and isn't rewritten or erased, its text begins with this one's.
    pub fn beginning(&self, line: &[u8], out: &mut Vec<u8>) {
        self.text(line, Extent::Beginning, out);
    }

    /// Returns whether a colour is open at the end.
    fn text(&self, line: &[u8], extent: Extent, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let trimmed = match line.iter().rposition(|byte| *byte != b'\r') {
            Some(last) => &line[..=last],
            None => &[],
        };
        match self.simple(trimmed, out) {
            Some(open) => open,
            None => {
                out.truncate(start);
                self.parse(trimmed, extent, out)
            }
        }
    }

    /// Printable text and colours. None if there is anything else.
    fn simple(&self, line: &[u8], out: &mut Vec<u8>) -> Option<bool> {
        let mut open = false;
        let mut rest = line;
        while let Some(at) = memchr::memchr(0x1b, rest) {
            let (text, sequence) = rest.split_at(at);
            if !is_clean(text) {
                return None;
            }
            out.extend_from_slice(text);
            let body = sequence.strip_prefix(b"\x1b[")?;
            // Longer than any colour needs: the parser decides.
            let end = body.iter().take(64).position(|byte| (0x40..=0x7e).contains(byte))?;
            let sgr = if body[end] == b'm' { Sgr::read(&body[..end])? } else { return None };
            if self.colour {
                let before = out.len();
                if sgr.write(out) {
                    open = &out[before..] != RESET;
                }
            }
            rest = &body[end + 1..];
        }
        if !is_clean(rest) {
            return None;
        }
        out.extend_from_slice(rest);
        Some(open)
    }

    /// Everything else, with the parser; string sequences are skipped here, since they need a limit.
    fn parse(&self, line: &[u8], extent: Extent, out: &mut Vec<u8>) -> bool {
        let mut parser = Parser::new();
        let mut screen =
            Screen { colour: self.colour, start: out.len(), out, open: Vec::new(), colours: false, rewinds: false };
        let mut rest = line;
        loop {
            let string = memchr::memchr_iter(0x1b, rest)
                .find(|at| matches!(rest.get(at + 1), Some(b']' | b'P' | b'X' | b'^' | b'_')));
            let Some(at) = string else { break };
            parser.advance(&mut screen, &rest[..at]);
            // Cancel: whatever sequence or character was begun ends here.
            parser.advance(&mut screen, b"\x18");
            rest = after_string(&rest[at + 2..]);
        }
        parser.advance(&mut screen, rest);
        if extent == Extent::Whole {
            parser.advance(&mut screen, b"\x18");
        }
        screen.colours
    }
}

/// What follows a string sequence: after its end (BEL, ST, CAN or SUB), before another escape, or after
/// so many bytes that nobody would have ended it.
fn after_string(bytes: &[u8]) -> &[u8] {
    let within = &bytes[..bytes.len().min(STRING)];
    match within.iter().position(|byte| matches!(byte, 0x07 | 0x18 | 0x1a | 0x1b)) {
        Some(at) if bytes[at] == 0x1b => bytes[at..].strip_prefix(b"\x1b\\").unwrap_or(&bytes[at..]),
        Some(at) => &bytes[at + 1..],
        None => &bytes[within.len()..],
    }
}

/// What stands in for the terminal: one line that can be rewritten from its start, or erased.
struct Screen<'a> {
    colour: bool,
    out: &'a mut Vec<u8>,
    start: usize,
    /// The sequences since the last reset.
    open: Vec<u8>,
    /// Whether what was written leaves a colour open.
    colours: bool,
    /// The cursor went back to the start: the next text replaces what there is.
    rewinds: bool,
}

impl Screen<'_> {
    fn rewind(&mut self) {
        if self.rewinds {
            self.erase();
        }
    }

    fn erase(&mut self) {
        self.rewinds = false;
        self.out.truncate(self.start);
        self.out.extend_from_slice(&self.open);
        self.colours = !self.open.is_empty();
    }
}

impl Perform for Screen<'_> {
    fn print(&mut self, character: char) {
        self.rewind();
        // The parser hands controls to `execute`; DEL is the one that it prints.
        if !character.is_control() {
            self.out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\t' => {
                self.rewind();
                self.out.push(b'\t');
            }
            b'\r' => self.rewinds = true,
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if !intermediates.is_empty() || ignore {
            return;
        }
        // What is left out counts as 0.
        let first = params.iter().next().and_then(|param| param.first().copied()).unwrap_or(0);
        match (action, first) {
            ('m', _) if self.colour => self.colours(params),
            // To the first column, as the spinners of npm and pip do it.
            ('G' | '`', 0 | 1) => self.rewinds = true,
            // The line is erased: all of it, up to here, or from its start on.
            ('K', 1) if !self.rewinds => self.erase(),
            ('K', 2) => self.erase(),
            ('K' | 'J', 0) if self.rewinds => self.erase(),
            _ => {}
        }
    }
}

impl Screen<'_> {
    fn colours(&mut self, params: &Params) {
        let mut sgr = Sgr::default();
        for param in params {
            sgr.push(param);
        }
        let mut written = Vec::new();
        if !sgr.write(&mut written) {
            return;
        }
        if written == RESET {
            self.open.clear();
        } else if self.open.len() < STRING {
            self.open.extend_from_slice(&written);
        }
        // After a carriage return it belongs to text that may never come.
        if !self.rewinds {
            self.colours = written != RESET;
            self.out.extend_from_slice(&written);
        }
    }
}

/// Text for our own fields (names, addresses, messages that quote): what can't be seen or turns the
/// reading direction is shown escaped, `\u{202e}`.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_deceptive) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_deceptive(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

/// Controls, invisible characters, and those that change the reading direction.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{17b4}'
                | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
#[path = "sanitise_tests.rs"]
mod tests;
