//! Which lines are wanted: those of some processes, and those that match a pattern, without their escape
//! sequences, as a whole. What isn't wanted is stored all the same, and events are always shown.

use std::collections::HashMap;

use regex::bytes::Regex;

use crate::bus::{Block, Ending, Stream};
use crate::logs::Sanitiser;
use crate::model::{ProcessName, RunId};

/// Which lines a view shows; all if nothing is said.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Processes whose lines it doesn't show.
    pub hidden: Vec<ProcessName>,
    /// What a line must match.
    pub grep: Option<Regex>,
}

/// Lets through the lines that are wanted.
#[derive(Debug)]
pub(super) struct Chooser {
    hidden: Vec<ProcessName>,
    pattern: Option<Regex>,
    begun: HashMap<Stream, Begun>,
    text: Vec<u8>,
}

/// A line whose end isn't there yet.
#[derive(Debug)]
enum Begun {
    /// It matched, and was let through as far as it is.
    Shown,
    /// It hasn't matched yet.
    Held(Vec<u8>),
}

impl Chooser {
    /// Of a line that comes in pieces no more than this is put together.
    const LONGEST: usize = 64 * 1024;

    pub(super) fn new(choice: Choice) -> Self {
        let Choice { hidden, grep: pattern } = choice;
        Self { hidden, pattern, begun: HashMap::new(), text: Vec::new() }
    }

    /// Whether everything is let through.
    pub(super) const fn is_open(&self) -> bool {
        self.pattern.is_none() && self.hidden.is_empty()
    }

    /// Forgets a run of which nothing can come any more.
    pub(super) fn forget(&mut self, run: &RunId) {
        self.begun.retain(|stream, _| stream.run != *run);
    }

    /// What of a block is wanted; none if nothing is. A line that matches once more of it is there comes whole.
    pub(super) fn block(&mut self, block: &Block) -> Option<Block> {
        if self.hidden.contains(&block.stream.run.process) {
            return None;
        }
        let Some(pattern) = &self.pattern else { return Some(block.clone()) };
        let (mut bytes, mut continues, mut ending) = (Vec::new(), false, Ending::Newline);
        for line in block.lines() {
            let begun = self.begun.remove(&block.stream).filter(|_| line.continues);
            let (whole, shown) = match begun {
                Some(Begun::Shown) => (line.bytes.to_vec(), true),
                Some(Begun::Held(mut held)) => {
                    let room = Self::LONGEST.saturating_sub(held.len()).min(line.bytes.len());
                    held.extend_from_slice(&line.bytes[..room]);
                    (held, false)
                }
                None => (line.bytes.to_vec(), false),
            };
            self.text.clear();
            let goes_on = matches!(line.ending, Ending::Paused | Ending::Cut);
            let wanted = shown || {
                Sanitiser::plain().line(&whole, &mut self.text);
                pattern.is_match(&self.text)
            };
            if wanted {
                continues |= shown;
                ending = line.ending;
                bytes.extend_from_slice(&whole);
                if ending == Ending::Newline {
                    bytes.push(b'\n');
                }
            }
            if goes_on {
                self.begun.insert(block.stream.clone(), if wanted { Begun::Shown } else { Begun::Held(whole) });
            }
        }
        Block::new(block.stream.clone(), block.at, bytes.into(), continues, ending)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::{Origin, ProcessName, RunId};

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
        let mut chooser = Chooser::new(Choice { hidden, grep: None });
        assert!(!chooser.is_open());
        assert_eq!(chosen(&mut chooser, "a\n", false, Ending::Newline), None);
    }
}
