//! Records to the text of the plain view: whole lines, each with the time and the name of its process.
//!
//! No line is ever torn. Where a child paused in mid-line (a prompt), its text stands there without a
//! newline, and goes on there if nobody else has spoken; else what was shown gets its newline and the
//! rest comes on a line of its own that begins with `…`, once the line ends or nothing was added to it
//! for a second: the frames of a spinner are no news.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::choose::Chooser;
use super::event::{Say, Sentence, say};
use super::palette::{Tone, colour_of};
use super::plain::Options;
use super::prefix::{Bar, Prefixes};
use super::pretty::Pretty;
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
    /// Since when there is more of it than was written, and when that is to be written.
    waits: Option<Waits>,
}

/// More of a line than stands on the screen.
#[derive(Debug, Clone, Copy)]
struct Waits {
    since: Timestamp,
    latest: Timestamp,
    due: Timestamp,
}

/// So long a line must have been left alone before its latest state is shown.
const LEFT_ALONE: SignedDuration = SignedDuration::from_secs(1);

/// A line that only grows (dots for progress) waits no longer than this.
const GROWN: SignedDuration = SignedDuration::from_secs(5);

impl Begun {
    /// A line that goes on for longer than this isn't put together any more.
    const LONGEST: usize = 64 * 1024;

    /// More of it came, and this is its text by now.
    fn wait(&mut self, at: Timestamp, text: &[u8]) {
        let since = self.waits.map_or(at, |waits| waits.since);
        let quiet = at + LEFT_ALONE;
        let due = if text.starts_with(&self.shown) { quiet.min(since + GROWN) } else { quiet };
        self.waits = Some(Waits { since, latest: at, due });
        // One that is rewritten all the time (a progress bar), bounded: its last state is what counts.
        if self.raw.len() > Self::LONGEST {
            let last = memchr::memrchr(b'\r', &self.raw).unwrap_or(0);
            self.raw.drain(..last.max(self.raw.len() - Self::LONGEST));
        }
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
    prefixes: Prefixes,
    pretty: Option<Pretty>,
    /// Lines that have begun, by the stream they are in.
    begun: HashMap<Stream, Begun>,
    /// The stream whose unfinished line is the last thing on the screen.
    cursor: Option<Stream>,
    held: Vec<Held>,
    setup: Setup,
    chooser: Chooser,
    prefix: Vec<u8>,
    text: Vec<u8>,
    lines: Vec<u8>,
}

impl Formatter {
    pub(super) fn new(options: Options) -> Self {
        let names = options.names.iter().map(|name| name.as_str().len());
        Self {
            sanitiser: if options.colour { Sanitiser::coloured() } else { Sanitiser::plain() },
            prefixes: Prefixes::new(&options, names.chain([OURS.len()]).max().unwrap_or(0)),
            pretty: options.pretty.clone().map(|pretty| Pretty::new(pretty, options.colour)),
            begun: HashMap::new(),
            cursor: None,
            held: Vec::new(),
            setup: Setup::new(options.setup.clone()),
            chooser: Chooser::new(options.choice.clone()),
            options,
            prefix: Vec::new(),
            text: Vec::new(),
            lines: Vec::new(),
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
                self.sentence(record.at, &Sentence { process: None, text, tone: Tone::Warn, quotes: Vec::new() }, out);
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
        self.show_held(None, out);
        self.release(out);
        self.show_waiting(|_, _| true, out);
        self.break_line(out);
    }

    fn block(&mut self, block: &Block, out: &mut Vec<u8>) {
        if !block.continues && !self.begun.is_empty() {
            self.begun.remove(&block.stream);
        }
        if self.pretty.is_some() {
            return self.pretty_block(block, out);
        }
        self.set_prefix(block.at, block.stream.run.process.as_str(), None);
        let clean = is_clean(&block.bytes);
        out.reserve(block.bytes.len() + block.count() * (self.prefix.len() + 1));
        for line in block.lines() {
            if line.continues || line.ending != Ending::Newline {
                self.piece(&block.stream, block.at, line, out);
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
    fn piece(&mut self, stream: &Stream, at: Timestamp, line: Line<'_>, out: &mut Vec<u8>) {
        let begun = if line.continues { self.begun.remove(stream) } else { None };
        let goes_on = line.continues && begun.as_ref().is_none_or(|begun| begun.stands);
        let mut begun = begun.unwrap_or_default();
        begun.raw.extend_from_slice(line.bytes);
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        if line.ending == Ending::Paused {
            self.sanitiser.beginning(&begun.raw, &mut text);
        } else {
            self.sanitiser.line(&begun.raw, &mut text);
        }
        if line.ending == Ending::Paused && goes_on && self.can_wait(stream, &begun, &text) {
            begun.wait(at, &text);
            self.begun.insert(stream.clone(), begun);
        } else {
            let wrote = self.rest_of(stream, &begun, goes_on, &text, line.ending, out);
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
                Ending::Paused => self.leave(stream, begun.raw, &text, wrote, goes_on, out),
            }
        }
        self.text = text;
    }

    /// Whether what is new of a line that stands there needn't be seen yet: it takes the place of what was shown, or
    /// would need a line of its own.
    fn can_wait(&self, stream: &Stream, begun: &Begun, text: &[u8]) -> bool {
        match text.strip_prefix(&begun.shown[..]) {
            None => true,
            Some([]) => false,
            Some(_) => self.cursor.as_ref() != Some(stream) && begun.raw.len() <= Begun::LONGEST,
        }
    }

    /// Writes what wasn't written of a line with this text. Returns whether the cursor is behind it now.
    fn rest_of(
        &mut self,
        stream: &Stream,
        begun: &Begun,
        goes_on: bool,
        text: &[u8],
        ending: Ending,
        out: &mut Vec<u8>,
    ) -> bool {
        let rest = text.strip_prefix(&begun.shown[..]);
        let at_cursor = goes_on && self.cursor.as_ref() == Some(stream);
        match rest {
            Some([]) if goes_on => at_cursor,
            Some(rest) if at_cursor => {
                out.extend(open_sgr(&begun.shown));
                out.extend_from_slice(rest);
                true
            }
            // It was erased: what stands there stays, and there is nothing to add.
            None if text.is_empty() => at_cursor,
            Some([]) if ending == Ending::Paused => false,
            rest => {
                self.break_line(out);
                out.extend_from_slice(&self.prefix);
                if goes_on {
                    out.extend_from_slice(MORE);
                    out.push(b' ');
                    out.extend(open_sgr(if rest.is_some() { &begun.shown } else { b"" }));
                }
                out.extend_from_slice(rest.unwrap_or(text));
                true
            }
        }
    }

    /// Keeps a line that paused with this text.
    fn leave(&mut self, stream: &Stream, mut raw: Vec<u8>, text: &[u8], wrote: bool, goes_on: bool, out: &mut Vec<u8>) {
        if wrote {
            if !open_sgr(text).is_empty() {
                out.extend_from_slice(RESET);
            }
            self.cursor = Some(stream.clone());
        }
        let mut shown = Vec::new();
        if raw.len() > Begun::LONGEST {
            raw.clear();
        } else {
            shown.extend_from_slice(text);
        }
        self.begun.insert(stream.clone(), Begun { raw, shown, stands: wrote || goes_on, waits: None });
    }

    /// When more of a line that hasn't ended is to be shown.
    pub(super) fn lines_due(&self) -> Option<Timestamp> {
        let held = self.pretty.as_ref().and_then(Pretty::due);
        self.begun.values().filter_map(|begun| Some(begun.waits?.due)).chain(held).min()
    }

    /// Shows the lines that haven't ended as they are by now: those that are due.
    pub(super) fn release_lines(&mut self, now: Timestamp, out: &mut Vec<u8>) {
        if let Some(pretty) = &mut self.pretty {
            self.lines.clear();
            pretty.release(now, &mut self.prefixes, &mut self.lines);
            self.show_lines(out);
        }
        self.show_waiting(|_, waits| waits.due <= now, out);
    }

    fn show_waiting(&mut self, which: impl Fn(&Stream, &Waits) -> bool, out: &mut Vec<u8>) {
        let waiting = self.begun.iter().filter_map(|(stream, begun)| Some((stream.clone(), begun.waits?)));
        let mut waiting: Vec<(Stream, Waits)> = waiting.filter(|(stream, waits)| which(stream, waits)).collect();
        waiting.sort_by_key(|(_, waits)| waits.due);
        for (stream, Waits { latest, .. }) in waiting {
            let Some(begun) = self.begun.remove(&stream) else { continue };
            self.set_prefix(latest, stream.run.process.as_str(), None);
            let mut text = Vec::new();
            self.sanitiser.beginning(&begun.raw, &mut text);
            let wrote = self.rest_of(&stream, &begun, true, &text, Ending::Paused, out);
            self.leave(&stream, begun.raw, &text, wrote, true, out);
        }
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
        // The last lines of a process come before what is said of it.
        if self.pretty.is_some()
            && let Some(process) = event.process()
        {
            self.show_held(Some(process), out);
        }
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
                self.release(out);
                self.break_line(out);
                let Options { absent, colour, columns, .. } = &self.options;
                let text = summary(&Summary { status, peers, absent, colour: *colour, columns: *columns });
                out.extend_from_slice(text.as_bytes());
            }
            // Nothing of its lines can come any more.
            Event::Gone { run, .. } => {
                self.show_waiting(|stream, _| stream.run == *run, out);
                self.begun.retain(|stream, _| stream.run != *run);
                self.chooser.forget(run);
                self.pretty.iter_mut().for_each(|pretty| pretty.forget(run));
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
                out.extend_from_slice(format!("\x1b[38;5;{}m{process}\x1b[0m", colour_of(process.as_str())).as_bytes());
            } else {
                out.extend_from_slice(process.as_str().as_bytes());
            }
            if !sentence.text.starts_with(':') {
                out.push(b' ');
            }
        }
        out.extend_from_slice(sentence.tone.paint(&sentence.text, colour).as_bytes());
        out.push(b'\n');
        for quote in &sentence.quotes {
            out.extend_from_slice(&self.prefix);
            out.extend_from_slice(b"  | ");
            out.extend_from_slice(quote.as_bytes());
            out.push(b'\n');
        }
    }

    /// Makes what stands before each line of this process at this time.
    fn set_prefix(&mut self, at: Timestamp, name: &str, tone: Option<Tone>) {
        self.set_marked_prefix(at, name, tone, Bar::Thin);
    }

    fn set_marked_prefix(&mut self, at: Timestamp, name: &str, tone: Option<Tone>, bar: Bar) {
        self.prefix.clear();
        self.prefixes.write(at, name, tone, bar, &mut self.prefix);
    }

    /// Lines that are made easy to read.
    fn pretty_block(&mut self, block: &Block, out: &mut Vec<u8>) {
        let process = &block.stream.run.process;
        for line in block.lines() {
            let Some(pretty) = &mut self.pretty else { return };
            if line.continues || line.ending != Ending::Newline {
                let is_prompt =
                    line.ending == Ending::Paused && !line.continues && pretty.is_prompt(process, line.bytes);
                self.show_held(Some(process), out);
                let bar = if is_prompt { Bar::Question } else { Bar::Thin };
                self.set_marked_prefix(block.at, process.as_str(), None, bar);
                self.piece(&block.stream, block.at, line, out);
                continue;
            }
            self.lines.clear();
            pretty.line(&mut self.prefixes, &block.stream, block.at, line.bytes, &mut self.lines);
            self.show_lines(out);
        }
    }

    /// Shows what was held back to be read with ease: of this process, or all of it.
    fn show_held(&mut self, process: Option<&ProcessName>, out: &mut Vec<u8>) {
        let Some(pretty) = &mut self.pretty else { return };
        self.lines.clear();
        match process {
            Some(process) => pretty.flush(process, &mut self.prefixes, &mut self.lines),
            None => pretty.finish(&mut self.prefixes, &mut self.lines),
        }
        self.show_lines(out);
    }

    fn show_lines(&mut self, out: &mut Vec<u8>) {
        if !self.lines.is_empty() {
            self.break_line(out);
            out.append(&mut self.lines);
        }
    }
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
