//! Lines in their context: which of them are one record, which are one traceback, and what level they have.
//!
//! One stream, line by line; nothing is held back and nothing is changed here.

use jiff::{SignedDuration, Timestamp};

use super::rules::{Reading, Rules, head};
use crate::model::Level;

/// A line without a level has that of the record which began no longer ago than this.
const RECORD: SignedDuration = SignedDuration::from_secs(1);

/// Which part of a traceback a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its first line.
    First,
    /// Within.
    Inside,
    /// Within, about the code of others.
    Dim,
    /// What it is about.
    Last,
    /// Between two of which the second came of the first.
    Join,
}

/// A line in its context.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// What it says about itself.
    pub reading: Reading,
    /// Which part of a traceback it is.
    pub part: Option<Part>,
    /// Its level: its own, that of the record it continues, or `error` in a traceback.
    pub level: Option<Level>,
}

/// One stream as it is read.
#[derive(Debug, Default)]
pub struct Records {
    trace: Option<Trace>,
    record: Option<(Level, Timestamp)>,
}

/// A traceback under way.
#[derive(Debug, Clone, Copy)]
struct Trace {
    rule: usize,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// More of it has to come.
    Within,
    /// Its last line was there; what was said after that, if anything, joins it with another.
    Ended { joined: bool },
}

impl Records {
    /// Takes in the next line, without its escape sequences.
    pub fn next(&mut self, rules: &Rules, line: &[u8], at: Timestamp) -> Seen {
        let reading = rules.read(line);
        let was_trace = self.trace.is_some();
        let part = self.part(rules, head(line), reading.begins);
        let level = match part {
            Some(_) => Some(Level::Error.max(reading.level.unwrap_or(Level::Error))),
            None => {
                if was_trace {
                    self.record = None;
                }
                if let Some(level) = reading.level {
                    self.record = Some((level, at));
                }
                self.record.filter(|(_, since)| at.duration_since(*since) <= RECORD).map(|(level, _)| level)
            }
        };
        Seen { reading, part, level }
    }

    /// Whether a traceback is under way, of which more may come.
    pub const fn in_traceback(&self) -> bool {
        self.trace.is_some()
    }

    fn part(&mut self, rules: &Rules, line: &[u8], begins: Option<usize>) -> Option<Part> {
        if let Some(Trace { rule, stage }) = self.trace
            && let Some((part, stage)) = goes_on(rules, rule, stage, line, begins)
        {
            self.trace = Some(Trace { rule, stage });
            return Some(part);
        }
        self.trace = begins.map(|rule| Trace { rule, stage: Stage::Within });
        begins.map(|_| Part::First)
    }
}

/// What a line is to a traceback under way, if it belongs to it.
fn goes_on(rules: &Rules, rule: usize, stage: Stage, line: &[u8], begins: Option<usize>) -> Option<(Part, Stage)> {
    let trace = &rules.traces[rule];
    let is = |pattern: &Option<regex::bytes::Regex>| pattern.as_ref().is_some_and(|pattern| pattern.is_match(line));
    if trace.within.is_match(line) {
        let part = if is(&trace.dim) { Part::Dim } else { Part::Inside };
        return Some((part, stage));
    }
    let joins = |stage| (is(&trace.joins) && begins != Some(rule)).then_some((Part::Join, stage));
    match stage {
        Stage::Within if is(&trace.last) && begins != Some(rule) => Some((Part::Last, Stage::Ended { joined: false })),
        Stage::Within => joins(Stage::Within),
        // It came of the one before.
        Stage::Ended { joined: true } if begins == Some(rule) => Some((Part::Inside, Stage::Within)),
        Stage::Ended { joined } => {
            let says = line.iter().any(|byte| !byte.is_ascii_whitespace());
            joins(Stage::Ended { joined: joined || says })
        }
    }
}

/// The last traceback among these lines, with those that it came of.
pub fn traceback<'l>(rules: &Rules, lines: &'l [String]) -> Option<&'l [String]> {
    let (mut records, mut found) = (Records::default(), None);
    for (at, line) in lines.iter().enumerate() {
        match (records.next(rules, line.as_bytes(), Timestamp::UNIX_EPOCH).part, &mut found) {
            (Some(Part::First), _) => found = Some(at..at + 1),
            (Some(Part::Inside | Part::Dim | Part::Last), Some(range)) => range.end = at + 1,
            (Some(Part::Join | Part::Inside | Part::Dim | Part::Last) | None, _) => {}
        }
    }
    // One line alone is no traceback: the kind of line that begins one, perhaps.
    found.filter(|range| range.len() > 1).map(|range| &lines[range])
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
