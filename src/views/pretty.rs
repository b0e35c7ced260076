//! Lines made easy to read: what matters is marked, tracebacks are kept together, repeated lines folded.
//!
//! A traceback is held back until it is over, for a moment at most, so that no other process's lines come between
//! its own; nobody else's lines wait for it. Within a process the order stays, and no line is lost. What is stored
//! isn't touched.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::palette::Tone;
use super::prefix::{Bar, Prefixes};
use crate::bus::Stream;
use crate::logs::{Access, Landmark, Part, Records, Rulebook, Sanitiser, Seen};
use crate::model::{Level, ProcessName, RunId};

/// A traceback to which nothing was added for so long is over.
const QUIET: SignedDuration = SignedDuration::from_millis(100);
/// And none is held back for longer than this, in bytes not more than that.
const MOMENT: SignedDuration = SignedDuration::from_millis(300);
const MOST: usize = 64 * 1024;

/// So often it is said how often a line was repeated.
const REPEATED: SignedDuration = SignedDuration::from_secs(1);

/// How lines are made easy to read.
#[derive(Debug, Clone)]
pub struct PrettyOptions {
    /// What lines mean.
    pub book: Arc<Rulebook>,
    /// Whether repeated lines are folded.
    pub fold: bool,
}

/// Makes lines easy to read.
#[derive(Debug)]
pub(super) struct Pretty {
    options: PrettyOptions,
    colour: bool,
    shown: Sanitiser,
    lanes: HashMap<ProcessName, Lane>,
    plain: Vec<u8>,
    text: Vec<u8>,
}

/// What is under way of one process.
#[derive(Debug, Default)]
struct Lane {
    /// Which outlet spoke last.
    stream: Option<Stream>,
    records: Vec<(Stream, Records)>,
    held: Option<Held>,
    last: Option<Said>,
}

/// Lines of a traceback, ready to be shown.
#[derive(Debug)]
struct Held {
    lines: Vec<u8>,
    since: Timestamp,
    latest: Timestamp,
}

/// The line that was shown last, and how often it came again since.
#[derive(Debug)]
struct Said {
    raw: Vec<u8>,
    text: Vec<u8>,
    bar: Bar,
    shown: Timestamp,
    latest: Timestamp,
    repeats: u64,
}

impl Said {
    fn flush(&mut self, name: &str, colour: bool, prefixes: &mut Prefixes, out: &mut Vec<u8>) {
        match std::mem::take(&mut self.repeats) {
            0 => return,
            // As long as the sentence, and says more.
            1 => {
                prefixes.write(self.latest, name, None, self.bar, out);
                out.extend_from_slice(&self.text);
            }
            repeats => {
                prefixes.write(self.latest, name, None, Bar::Thin, out);
                out.extend_from_slice(Tone::Dim.paint(&format!("… repeated {repeats} times"), colour).as_bytes());
            }
        }
        out.push(b'\n');
        self.shown = self.latest;
    }
}

impl Lane {
    fn flush(&mut self, name: &str, colour: bool, prefixes: &mut Prefixes, out: &mut Vec<u8>) {
        if let Some(said) = &mut self.last {
            said.flush(name, colour, prefixes, out);
        }
        out.extend(self.held.take().map(|held| held.lines).unwrap_or_default());
    }

    /// When it has something to show, and since when.
    fn due(&self) -> Option<(Timestamp, Timestamp)> {
        let held = self.held.as_ref().map(|held| ((held.latest + QUIET).min(held.since + MOMENT), held.since));
        let said = self.last.as_ref().filter(|said| said.repeats > 0).map(|said| (said.shown + REPEATED, said.shown));
        held.into_iter().chain(said).min()
    }

    fn records(&mut self, stream: &Stream) -> &mut Records {
        let at = match self.records.iter().position(|(known, _)| known == stream) {
            Some(at) => at,
            None => {
                self.records.retain(|(known, _)| known.run == stream.run);
                self.records.push((stream.clone(), Records::default()));
                self.records.len() - 1
            }
        };
        &mut self.records[at].1
    }
}

impl Pretty {
    pub(super) fn new(options: PrettyOptions, colour: bool) -> Self {
        let shown = if colour { Sanitiser::coloured() } else { Sanitiser::plain() };
        Self { options, colour, shown, lanes: HashMap::new(), plain: Vec::new(), text: Vec::new() }
    }

    /// Takes in a whole line (without its newline) and adds what is to be shown now to `out`.
    pub(super) fn line(
        &mut self,
        prefixes: &mut Prefixes,
        stream: &Stream,
        at: Timestamp,
        raw: &[u8],
        out: &mut Vec<u8>,
    ) {
        let process = &stream.run.process;
        if !self.lanes.contains_key(process) {
            self.lanes.insert(process.clone(), Lane::default());
        }
        let lane = self.lanes.get_mut(process).expect("it was just put there");
        let (name, colour) = (process.as_str(), self.colour);
        if lane.stream.as_ref() != Some(stream) {
            lane.flush(name, colour, prefixes, out);
            lane.last = None;
            lane.stream = Some(stream.clone());
        }
        self.plain.clear();
        Sanitiser::plain().line(raw, &mut self.plain);
        let rules = self.options.book.of(process);
        let seen = lane.records(stream).next(rules, &self.plain, at);
        if self.options.fold
            && seen.part.is_none()
            && !self.plain.is_empty()
            && lane.held.is_none()
            && let Some(said) = lane.last.as_mut().filter(|said| said.raw == raw)
        {
            said.repeats += 1;
            said.latest = at;
            if at >= said.shown + REPEATED || at < said.shown {
                said.flush(name, colour, prefixes, out);
            }
            return;
        }
        if let Some(said) = &mut lane.last {
            said.flush(name, colour, prefixes, out);
        }
        self.text.clear();
        if colour {
            self.shown.line(raw, &mut self.text);
        }
        let mut text = Vec::with_capacity(self.plain.len() + 16);
        // What a child coloured itself stays as it is.
        let painted = colour && self.text == self.plain;
        paint(&seen, if colour { &self.text } else { &self.plain }, painted, colour, &mut text);
        let bar = bar(&seen);
        if seen.part.is_some() {
            let held = lane.held.get_or_insert_with(|| Held { lines: Vec::new(), since: at, latest: at });
            held.latest = at;
            prefixes.write(at, name, None, bar, &mut held.lines);
            held.lines.append(&mut text);
            held.lines.push(b'\n');
            lane.last = None;
            if held.lines.len() > MOST {
                lane.flush(name, colour, prefixes, out);
            }
            return;
        }
        lane.flush(name, colour, prefixes, out);
        prefixes.write(at, name, None, bar, out);
        out.extend_from_slice(&text);
        out.push(b'\n');
        let said = Said { raw: raw.to_vec(), text, bar, shown: at, latest: at, repeats: 0 };
        lane.last = self.options.fold.then_some(said);
    }

    /// Whether this unfinished line waits for input.
    pub(super) fn is_prompt(&mut self, process: &ProcessName, raw: &[u8]) -> bool {
        self.plain.clear();
        Sanitiser::plain().beginning(raw, &mut self.plain);
        self.options.book.of(process).is_prompt(&self.plain)
    }

    /// When something that is held back is to be shown.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.lanes.values().filter_map(Lane::due).map(|(due, _)| due).min()
    }

    /// Shows what is due.
    pub(super) fn release(&mut self, now: Timestamp, prefixes: &mut Prefixes, out: &mut Vec<u8>) {
        // A clock that was set back makes nothing wait.
        let is_due = |lane: &Lane| lane.due().is_some_and(|(due, since)| due <= now || now < since);
        let mut due: Vec<(&ProcessName, &mut Lane)> = self.lanes.iter_mut().filter(|(_, lane)| is_due(lane)).collect();
        due.sort_by_key(|(_, lane)| lane.due());
        for (name, lane) in due {
            lane.flush(name.as_str(), self.colour, prefixes, out);
        }
    }

    /// Shows what is held back of a process.
    pub(super) fn flush(&mut self, process: &ProcessName, prefixes: &mut Prefixes, out: &mut Vec<u8>) {
        if let Some(lane) = self.lanes.get_mut(process) {
            lane.flush(process.as_str(), self.colour, prefixes, out);
            lane.last = None;
        }
    }

    /// Shows everything that is held back.
    pub(super) fn finish(&mut self, prefixes: &mut Prefixes, out: &mut Vec<u8>) {
        let mut lanes: Vec<(&ProcessName, &mut Lane)> = self.lanes.iter_mut().collect();
        lanes.sort_by_key(|(_, lane)| lane.due());
        for (name, lane) in lanes {
            lane.flush(name.as_str(), self.colour, prefixes, out);
        }
    }

    /// Forgets a run of which nothing can come any more.
    pub(super) fn forget(&mut self, run: &RunId) {
        if let Some(lane) = self.lanes.get_mut(&run.process) {
            lane.records.retain(|(stream, _)| stream.run != *run);
        }
    }
}

fn bar(seen: &Seen) -> Bar {
    match seen.level {
        Some(Level::Error | Level::Fatal) => Bar::Thick(Tone::Bad),
        Some(Level::Warn) => Bar::Thick(Tone::Warn),
        Some(Level::Info | Level::Debug | Level::Trace) | None => Bar::Thin,
    }
}

/// The line with its marks; `painted`: also in colours.
fn paint(seen: &Seen, text: &[u8], painted: bool, colour: bool, out: &mut Vec<u8>) {
    match seen.reading.landmark {
        Some(Landmark::Ready) => out.extend_from_slice((Tone::Good.paint("[ready]", colour) + " ").as_bytes()),
        Some(Landmark::Reloading) => out.extend_from_slice((Tone::Warn.paint("[reloading]", colour) + " ").as_bytes()),
        None => {}
    }
    if !painted {
        return out.extend_from_slice(text);
    }
    let whole = |sgr: &str, out: &mut Vec<u8>| {
        out.extend_from_slice(sgr.as_bytes());
        out.extend_from_slice(text);
        out.extend_from_slice(b"\x1b[0m");
    };
    match seen.part {
        Some(Part::First) => return whole("\x1b[31m", out),
        Some(Part::Last) => return whole("\x1b[1;31m", out),
        Some(Part::Dim | Part::Join) => return whole("\x1b[2m", out),
        Some(Part::Inside) => return out.extend_from_slice(text),
        None => {}
    }
    // Pieces of the line and their colours, in order; none lies in another.
    let mut pieces: Vec<(std::ops::Range<usize>, &str)> = Vec::new();
    if let Some(Access { method, status, class }) = &seen.reading.access {
        pieces.extend(method.clone().map(|method| (method, "\x1b[1m")));
        let colour = match class {
            2 => "\x1b[32m",
            4 => "\x1b[33m",
            5 => "\x1b[1;31m",
            _ => "\x1b[36m",
        };
        pieces.push((status.clone(), colour));
    }
    if let (Some(at), Some(level)) = (&seen.reading.level_at, seen.reading.level) {
        let colour = match level {
            Level::Trace | Level::Debug => "\x1b[2m",
            Level::Info => "\x1b[32m",
            Level::Warn => "\x1b[33m",
            Level::Error => "\x1b[31m",
            Level::Fatal => "\x1b[1;31m",
        };
        pieces.push((at.clone(), colour));
    }
    pieces.sort_by_key(|(range, _)| range.start);
    let mut at = 0;
    for (range, colour) in pieces.into_iter().filter(|(range, _)| range.end <= text.len()) {
        if range.start < at {
            continue;
        }
        out.extend_from_slice(&text[at..range.start]);
        out.extend_from_slice(colour.as_bytes());
        out.extend_from_slice(&text[range.clone()]);
        out.extend_from_slice(b"\x1b[0m");
        at = range.end;
    }
    out.extend_from_slice(&text[at..]);
}

#[cfg(test)]
#[path = "pretty_tests.rs"]
mod tests;
