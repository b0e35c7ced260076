//! Records to the text of the plain view: whole lines, each with the time and the name of its process.
//!
//! No line is ever torn. Where a child paused in mid-line (a prompt), its text stands there without a
//! newline, and goes on there if nobody else has spoken; else what was shown gets its newline and the
//! rest comes on a line of its own that begins with `…`.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::choose::Chooser;
use super::event::{Say, Sentence, say};
use super::palette::{Tone, colour_of};
use super::plain::Options;
use super::setup::{Setup, Step};
use super::summary::{Summary, summary};
use crate::bus::{Block, Body, Ending, Line, Record, Stream};
use crate::logs::{RESET, Sanitiser, is_clean, open_sgr};
use crate::model::{Event, ProcessName};

/// Our own name in the log.
const OURS: &str = "devserver";
/// What stands where a line goes on, or isn't at its end.
const MORE: &[u8] = "…".as_bytes();

/// A line that has begun and not ended.
#[derive(Debug, Default)]
struct Begun {
    /// All of it, as it came.
    raw: Vec<u8>,
    /// What of its text was written.
    shown: Vec<u8>,
    /// Whether anything of it stands on the screen.
    stands: bool,
}

impl Begun {
    /// A line that goes on for longer than this isn't put together any more.
    const LONGEST: usize = 64 * 1024;

    /// A line that is rewritten all the time (a progress bar), bounded: its last state is what counts.
    fn rewritten(mut raw: Vec<u8>) -> Vec<u8> {
        if raw.len() > Self::LONGEST {
            let last = memchr::memrchr(b'\r', &raw).unwrap_or(0);
            raw.drain(..last.max(raw.len() - Self::LONGEST));
        }
        raw
    }
}

/// A sentence that waits for how it goes on.
#[derive(Debug)]
struct Held {
    sentence: Sentence,
    at: Timestamp,
}

/// Makes text of records, one after the other.
#[derive(Debug)]
pub(super) struct Formatter {
    options: Options,
    sanitiser: Sanitiser,
    /// The width of the name column.
    width: usize,
    /// The second for which `time` was made, and the time of day then.
    second: i64,
    time: Vec<u8>,
    /// Lines that have begun, by the stream they are in.
    begun: HashMap<Stream, Begun>,
    /// The stream whose unfinished line is the last thing on the screen.
    cursor: Option<Stream>,
    held: Vec<Held>,
    setup: Setup,
    chooser: Chooser,
    prefix: Vec<u8>,
    text: Vec<u8>,
}

impl Formatter {
    pub(super) fn new(options: Options) -> Self {
        let names = options.names.iter().map(|name| name.as_str().len());
        Self {
            sanitiser: if options.colour { Sanitiser::coloured() } else { Sanitiser::plain() },
            width: names.chain([OURS.len()]).max().unwrap_or(0),
            second: i64::MIN,
            time: Vec::new(),
            begun: HashMap::new(),
            cursor: None,
            held: Vec::new(),
            setup: Setup::new(options.setup.clone()),
            chooser: Chooser::new(options.choice.clone()),
            options,
            prefix: Vec::new(),
            text: Vec::new(),
        }
    }

    /// Adds what is to be seen of a record.
    pub(super) fn record(&mut self, record: &Record, out: &mut Vec<u8>) {
        match &record.body {
            Body::Block(block) if self.chooser.is_open() => self.block(block, out),
            Body::Block(block) => {
                if let Some(chosen) = self.chooser.block(block) {
                    self.block(&chosen, out);
                }
            }
            Body::Event(event) => self.event(record.at, event, out),
            Body::Lagged { missed } => {
                let text = format!("{missed} lines and events are missing here: they came faster than they were read");
                self.sentence(record.at, &Sentence { process: None, text, tone: Tone::Warn }, out);
            }
        }
    }

    /// Whether a sentence waits for how it goes on.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Says what waits.
    pub(super) fn release(&mut self, out: &mut Vec<u8>) {
        for held in std::mem::take(&mut self.held) {
            self.sentence(held.at, &held.sentence, out);
        }
    }

    /// Says what waits and ends the line that stands there.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        self.release(out);
        self.break_line(out);
    }

    fn block(&mut self, block: &Block, out: &mut Vec<u8>) {
        if !block.continues && !self.begun.is_empty() {
            self.begun.remove(&block.stream);
        }
        self.set_prefix(block.at, block.stream.run.process.as_str(), None);
        let clean = is_clean(&block.bytes);
        out.reserve(block.bytes.len() + block.count() * (self.prefix.len() + 1));
        for line in block.lines() {
            if line.continues || line.ending != Ending::Newline {
                self.piece(&block.stream, line, out);
                continue;
            }
            self.break_line(out);
            out.extend_from_slice(&self.prefix);
            if clean {
                out.extend_from_slice(line.bytes);
            } else {
                self.sanitiser.line(line.bytes, out);
            }
            out.push(b'\n');
        }
    }

    /// A line that isn't there as a whole, or goes on with one that wasn't.
    fn piece(&mut self, stream: &Stream, line: Line<'_>, out: &mut Vec<u8>) {
        let begun = if line.continues { self.begun.remove(stream) } else { None };
        let goes_on = line.continues && begun.as_ref().is_none_or(|begun| begun.stands);
        let Begun { mut raw, mut shown, .. } = begun.unwrap_or_default();
        raw.extend_from_slice(line.bytes);
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        if line.ending == Ending::Paused {
            self.sanitiser.beginning(&raw, &mut text);
        } else {
            self.sanitiser.line(&raw, &mut text);
        }
        let rest = text.strip_prefix(&shown[..]);
        let at_cursor = goes_on && self.cursor.as_ref() == Some(stream);
        let wrote = match rest {
            Some([]) if goes_on => at_cursor,
            Some(rest) if at_cursor => {
                out.extend(open_sgr(&shown));
                out.extend_from_slice(rest);
                true
            }
            // It was rewritten from its start, and will be again: its last state is shown when it ends.
            None if line.ending == Ending::Paused => {
                self.text = text;
                let raw = Begun::rewritten(raw);
                self.begun.insert(stream.clone(), Begun { raw, shown, stands: true });
                return;
            }
            Some([]) if line.ending == Ending::Paused => false,
            rest => {
                self.break_line(out);
                out.extend_from_slice(&self.prefix);
                if goes_on {
                    out.extend_from_slice(MORE);
                    out.push(b' ');
                    out.extend(open_sgr(if rest.is_some() { &shown } else { b"" }));
                }
                out.extend_from_slice(rest.unwrap_or(&text));
                true
            }
        };
        match line.ending {
            Ending::Newline | Ending::EndOfFile if wrote => self.end_line(out),
            Ending::Newline | Ending::EndOfFile => {}
            Ending::Cut => {
                if wrote {
                    out.extend_from_slice(MORE);
                    self.end_line(out);
                }
                self.begun.insert(stream.clone(), Begun { stands: true, ..Begun::default() });
            }
            Ending::Paused => {
                if wrote {
                    if !open_sgr(&text).is_empty() {
                        out.extend_from_slice(RESET);
                    }
                    self.cursor = Some(stream.clone());
                }
                shown.clear();
                if raw.len() > Begun::LONGEST {
                    raw.clear();
                } else {
                    shown.extend_from_slice(&text);
                }
                self.begun.insert(stream.clone(), Begun { raw, shown, stands: wrote || goes_on });
            }
        }
        self.text = text;
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        self.cursor = None;
        out.push(b'\n');
    }

    /// Ends the unfinished line that stands there, if one does.
    fn break_line(&mut self, out: &mut Vec<u8>) {
        if self.cursor.take().is_some() {
            out.push(b'\n');
        }
    }

    /// What is being set up, for the line that is rewritten as time goes by; none where nothing is, or where an
    /// unfinished line stands.
    pub(super) fn setting_up(&self, now: Timestamp) -> Option<String> {
        let room = self.cursor.is_none() && self.setup.is_busy();
        room.then(|| Tone::Dim.paint(&self.setup.line(now, self.options.columns), self.options.colour))
    }

    /// Whether something is being set up.
    pub(super) fn is_setting_up(&self) -> bool {
        self.setup.is_busy()
    }

    fn event(&mut self, at: Timestamp, event: &Arc<Event>, out: &mut Vec<u8>) {
        match self.setup.take_in(at, event) {
            Step::Other => {}
            Step::Told(sentence) => return self.sentence(at, &sentence, out),
            Step::Silent => return,
        }
        match say(event) {
            Say::Nothing => {}
            Say::Now(sentence) => {
                if let Some(held) = sentence.process.as_ref().and_then(|process| self.take_held(process)) {
                    self.sentence(held.at, &held.sentence, out);
                }
                self.sentence(at, &sentence, out);
            }
            Say::Soon(sentence) => self.held.push(Held { sentence, at }),
            Say::GoesOn(goes_on, alone) => match alone.process.as_ref().and_then(|process| self.take_held(process)) {
                Some(mut held) => {
                    held.sentence.text.push_str(&goes_on);
                    self.sentence(held.at, &held.sentence, out);
                }
                None => self.sentence(at, &alone, out),
            },
            Say::Instead(process, sentence) => {
                self.take_held(&process);
                self.sentence(at, &sentence, out);
            }
            Say::Over(process) => {
                if let Some(held) = self.take_held(&process) {
                    self.sentence(held.at, &held.sentence, out);
                }
            }
        }
        match &**event {
            Event::Settled { status, peers } => {
                self.finish(out);
                let Options { absent, colour, columns, .. } = &self.options;
                let text = summary(&Summary { status, peers, absent, colour: *colour, columns: *columns });
                out.extend_from_slice(text.as_bytes());
            }
            // Nothing of its lines can come any more.
            Event::Gone { run, .. } => {
                self.begun.retain(|stream, _| stream.run != *run);
                self.chooser.forget(run);
            }
            _ => {}
        }
    }

    fn take_held(&mut self, process: &ProcessName) -> Option<Held> {
        let at = self.held.iter().position(|held| held.sentence.process.as_ref() == Some(process))?;
        Some(self.held.remove(at))
    }

    fn sentence(&mut self, at: Timestamp, sentence: &Sentence, out: &mut Vec<u8>) {
        self.break_line(out);
        self.set_prefix(at, OURS, Some(Tone::Strong));
        out.extend_from_slice(&self.prefix);
        let colour = self.options.colour;
        if let Some(process) = &sentence.process {
            if colour {
                out.extend_from_slice(
                    format!("\x1b[38;5;{}m{process}\x1b[0m ", colour_of(process.as_str())).as_bytes(),
                );
            } else {
                out.extend_from_slice(process.as_str().as_bytes());
                out.push(b' ');
            }
        }
        out.extend_from_slice(sentence.tone.paint(&sentence.text, colour).as_bytes());
        out.push(b'\n');
    }

    /// Makes what stands before each line of this process at this time.
    fn set_prefix(&mut self, at: Timestamp, name: &str, tone: Option<Tone>) {
        self.prefix.clear();
        if !self.options.prefix {
            return;
        }
        let colour = self.options.colour;
        if self.options.timestamps {
            if self.second != at.as_second() {
                self.second = at.as_second();
                let time = at.to_zoned_datetime(self.options.zone.clone()).strftime("%H:%M:%S ").to_string();
                self.time = Tone::Dim.paint(&time, colour).into_bytes();
            }
            self.prefix.extend_from_slice(&self.time);
        }
        let padded = format!("{name:<width$} │", width = self.width);
        match tone {
            Some(tone) => self.prefix.extend_from_slice(tone.paint(&padded, colour).as_bytes()),
            None if colour => {
                let coloured = format!("\x1b[38;5;{}m{padded}\x1b[0m", colour_of(name));
                self.prefix.extend_from_slice(coloured.as_bytes());
            }
            None => self.prefix.extend_from_slice(padded.as_bytes()),
        }
        self.prefix.push(b' ');
    }
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
