//! Which lines are wanted: those of some processes, and those that match a pattern, without their escape
//! sequences, as a whole, or are of a level. What isn't wanted is stored all the same, and events are always shown.

use std::collections::HashMap;
use std::sync::Arc;

use regex::bytes::Regex;

use crate::bus::{Block, Ending, Line, Stream};
use crate::logs::{Records, Rulebook, Sanitiser};
use crate::model::{Level, ProcessName, RunId};

/// Which lines a view shows; all if nothing is said.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Processes whose lines it doesn't show.
    pub hidden: Vec<ProcessName>,
    /// Processes of whose lines it shows tracebacks only.
    pub quiet: Vec<ProcessName>,
    /// What a line must match.
    pub grep: Option<Regex>,
    /// What level it must have at least; a line without one counts as `info`.
    pub level: Option<Level>,
    /// How levels and tracebacks are known.
    pub book: Option<Arc<Rulebook>>,
}

/// Lets through the lines that are wanted.
#[derive(Debug)]
pub(super) struct Chooser {
    choice: Choice,
    begun: HashMap<Stream, Begun>,
    records: HashMap<Stream, Records>,
    text: Vec<u8>,
}

/// A line whose end isn't there yet.
#[derive(Debug)]
enum Begun {
    /// It matched, and was let through as far as it is.
    Shown(Vec<u8>),
    /// It hasn't matched yet.
    Held(Vec<u8>),
}

impl Chooser {
    /// Of a line that comes in pieces no more than this is put together.
    const LONGEST: usize = 64 * 1024;

    pub(super) fn new(choice: Choice) -> Self {
        Self { choice, begun: HashMap::new(), records: HashMap::new(), text: Vec::new() }
    }

    /// Whether everything is let through.
    pub(super) const fn is_open(&self) -> bool {
        let Choice { hidden, quiet, grep, level, .. } = &self.choice;
        grep.is_none() && level.is_none() && hidden.is_empty() && quiet.is_empty()
    }

    /// Forgets a run of which nothing can come any more.
    pub(super) fn forget(&mut self, run: &RunId) {
        self.begun.retain(|stream, _| stream.run != *run);
        self.records.retain(|stream, _| stream.run != *run);
    }

    /// What of a block is wanted; none if nothing is. A line that matches once more of it is there comes whole.
    pub(super) fn block(&mut self, block: &Block) -> Option<Block> {
        let process = &block.stream.run.process;
        if self.choice.hidden.contains(process) {
            return None;
        }
        let is_quiet = self.choice.quiet.contains(process);
        if self.choice.grep.is_none() && self.choice.level.is_none() && !is_quiet {
            return Some(block.clone());
        }
        let (mut bytes, mut continues, mut ending) = (Vec::new(), false, Ending::Newline);
        for line in block.lines() {
            let begun = self.begun.remove(&block.stream).filter(|_| line.continues);
            let (mut whole, shown) = match begun {
                Some(Begun::Shown(whole)) => (whole, true),
                Some(Begun::Held(whole)) => (whole, false),
                None => (Vec::new(), false),
            };
            let added = whole.len();
            let room = Self::LONGEST.saturating_sub(added).min(line.bytes.len());
            whole.extend_from_slice(&line.bytes[..room]);
            let wanted = self.is_wanted(block, &line, &whole, is_quiet) || shown;
            if wanted {
                continues |= shown;
                ending = line.ending;
                bytes.extend_from_slice(if shown || added == 0 { line.bytes } else { &whole });
                if ending == Ending::Newline {
                    bytes.push(b'\n');
                }
            }
            if matches!(line.ending, Ending::Paused | Ending::Cut) {
                self.begun.insert(block.stream.clone(), if wanted { Begun::Shown(whole) } else { Begun::Held(whole) });
            }
        }
        Block::new(block.stream.clone(), block.at, bytes.into(), continues, ending)
    }

    /// Whether a line is wanted, as far as it is there.
    fn is_wanted(&mut self, block: &Block, line: &Line<'_>, whole: &[u8], is_quiet: bool) -> bool {
        let Choice { grep, level, book, .. } = &self.choice;
        self.text.clear();
        Sanitiser::plain().line(whole, &mut self.text);
        let matches = grep.as_ref().is_none_or(|pattern| pattern.is_match(&self.text));
        let Some(book) = book.as_ref().filter(|_| level.is_some() || is_quiet) else { return matches };
        let rules = book.of(&block.stream.run.process);
        if matches!(line.ending, Ending::Paused | Ending::Cut) {
            // What somebody is asked for is never kept from them.
            let asks = line.ending == Ending::Paused && rules.is_prompt(whole);
            let own = rules.read(&self.text).level;
            return matches && (asks || (!is_quiet && own.is_some_and(|own| level.is_none_or(|level| own >= level))));
        }
        let stream = &block.stream;
        if !self.records.contains_key(stream) {
            self.records.insert(stream.clone(), Records::default());
        }
        let records = self.records.get_mut(stream).expect("it was just put there");
        let seen = records.next(rules, &self.text, block.at);
        let of_level = level.is_none_or(|level| seen.level.unwrap_or(Level::Info) >= level);
        matches && of_level && (!is_quiet || seen.part.is_some())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::logs::Rules;
    use crate::model::{LogKind, LogRule, Origin, ProcessName, RunId};

    fn chosen(chooser: &mut Chooser, text: &str, continues: bool, ending: Ending) -> Option<(String, bool)> {
        let run = RunId { process: ProcessName::new("web").expect("a name"), number: 1 };
        let stream = Stream { run, origin: Origin::Pty };
        let bytes = text.to_owned().into_bytes().into();
        let block = Block::new(stream, Timestamp::UNIX_EPOCH, bytes, continues, ending).expect("there are bytes");
        let chosen = chooser.block(&block)?;
        Some((String::from_utf8_lossy(&chosen.bytes).into_owned(), chosen.continues))
    }

    #[test]
    fn a_line_is_chosen_as_a_whole_wherever_it_was_let_out() {
        let grep = Some(Regex::new("b.*d").expect("a pattern"));
        let mut chooser = Chooser::new(Choice { grep, ..Choice::default() });
        let some = |text: &str, continues| Some((text.to_owned(), continues));
        assert_eq!(
            chosen(&mut chooser, "a\n\x1b[1mb\x1b[0md\nc\n", false, Ending::Newline),
            some("\x1b[1mb\x1b[0md\n", false)
        );
        assert_eq!(chosen(&mut chooser, "ab", false, Ending::Paused), None);
        assert_eq!(chosen(&mut chooser, "cd ", true, Ending::Paused), some("abcd ", false));
        assert_eq!(chosen(&mut chooser, "e\nf\n", true, Ending::Newline), some("e\n", true));
    }

    #[test]
    fn lines_of_a_hidden_process_are_not_wanted() {
        let hidden = vec![ProcessName::new("web").expect("a name")];
        let mut chooser = Chooser::new(Choice { hidden, ..Choice::default() });
        assert!(!chooser.is_open());
        assert_eq!(chosen(&mut chooser, "a\n", false, Ending::Newline), None);
    }

    fn book() -> Option<Arc<Rulebook>> {
        let rule = |name: &str, kind, matches: &str, last: Option<&str>| LogRule {
            name: name.into(),
            kind,
            matches: matches.into(),
            level: None,
            within: None,
            last: last.map(str::to_owned),
            joins: None,
            dim: None,
        };
        let rules = [
            rule("level", LogKind::Level, "^(?P<level>[A-Z]+): ", None),
            rule("traceback", LogKind::Traceback, "^Traceback", Some("^\\w+Error")),
            rule("prompt", LogKind::Prompt, "^> $", None),
        ];
        let words = [("info", Level::Info), ("warn", Level::Warn)];
        Some(Arc::new(Rulebook::new(Rules::new(&rules, words).expect("they are good"))))
    }

    #[test]
    fn by_level_a_record_and_a_traceback_are_wanted_as_a_whole() {
        let mut chooser = Chooser::new(Choice { level: Some(Level::Warn), book: book(), ..Choice::default() });
        let mut text = |text: &str, ending| chosen(&mut chooser, text, false, ending).map(|(text, _)| text);
        let said = "hello\nINFO: a\n  b\nWARN: c\n  d\n\x1b[31mINFO\x1b[0m: e\nTraceback\n  f\nXError: g\nh\n";
        let shown = "WARN: c\n  d\nTraceback\n  f\nXError: g\n";
        assert_eq!(text(said, Ending::Newline).as_deref(), Some(shown));
        assert_eq!(text("progress", Ending::Paused), None);
        assert_eq!(text("> ", Ending::Paused).as_deref(), Some("> "), "a prompt is");
    }

    #[test]
    fn of_a_quiet_process_tracebacks_are_shown() {
        let quiet = vec![ProcessName::new("web").expect("a name")];
        let mut chooser = Chooser::new(Choice { quiet, book: book(), ..Choice::default() });
        assert!(!chooser.is_open());
        assert_eq!(
            chosen(&mut chooser, "a\nWARN: b\nTraceback\n", false, Ending::Newline),
            Some(("Traceback\n".into(), false))
        );
        assert_eq!(
            chosen(&mut chooser, "  c\nXError: d\ne\n", false, Ending::Newline),
            Some(("  c\nXError: d\n".into(), false))
        );
        assert_eq!(chosen(&mut chooser, "e\n", false, Ending::Newline), None);
    }
}
