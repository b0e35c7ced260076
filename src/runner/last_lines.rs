//! What a run said last, as text: for whoever says how it ended.

use std::collections::HashMap;
use std::sync::Arc;

use crate::bus::{Block, Bus, Ending, Stream};
use crate::logs::Sanitiser;
use crate::model::RunId;

/// Of one line no more than this is kept, in characters.
const LONGEST: usize = 500;

/// The last lines of a run, so many at most, oldest first: without escape sequences, secrets masked as in the log,
/// long ones cut, empty ones at the end left out. Once its exit is known, all its lines are here.
pub fn last_lines(bus: &Bus, run: &RunId, most: usize) -> Vec<String> {
    // Some more: empty ones at the end don't count.
    texts(&bus.latest(run, most + 10), most)
}

fn texts(blocks: &[Arc<Block>], most: usize) -> Vec<String> {
    let mut whole: Vec<Vec<u8>> = Vec::new();
    let mut open: HashMap<&Stream, usize> = HashMap::new();
    for block in blocks {
        for line in block.lines() {
            let at = match open.remove(&block.stream).filter(|_| line.continues) {
                Some(at) => at,
                None => {
                    whole.push(Vec::new());
                    whole.len() - 1
                }
            };
            whole[at].extend_from_slice(line.bytes);
            if matches!(line.ending, Ending::Paused | Ending::Cut) {
                open.insert(&block.stream, at);
            }
        }
    }
    let mut texts: Vec<String> = whole.iter().map(|line| text(line)).collect();
    let last = texts.iter().rposition(|text| !text.is_empty()).map_or(0, |at| at + 1);
    texts.truncate(last);
    texts.split_off(texts.len().saturating_sub(most))
}

fn text(line: &[u8]) -> String {
    let mut text = Vec::new();
    Sanitiser::plain().line(line, &mut text);
    let text = String::from_utf8_lossy(&text);
    let text = text.trim_end();
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::bus::Limits;
    use crate::model::{Origin, ProcessName};

    fn run(number: u32) -> RunId {
        RunId { process: ProcessName::new("web").expect("a name"), number }
    }

    #[test]
    fn the_last_lines_of_a_run_are_whole_clean_and_its_own() {
        let bus = Bus::new(Limits::default());
        let say = |number, origin, text: &str, continues| {
            let ending = if text.ends_with('\n') { Ending::Newline } else { Ending::Paused };
            let stream = Stream { run: run(number), origin };
            let bytes = text.as_bytes().to_vec().into();
            let block = Block::new(stream, Timestamp::UNIX_EPOCH, bytes, continues, ending).expect("there are bytes");
            assert!(!bus.publish(block).is_some());
        };
        say(1, Origin::Stdout, "of an earlier run\n", false);
        say(2, Origin::Stdout, "one\ntwo\nbeg", false);
        say(2, Origin::Stderr, "\x1b[31mTraceback\x1b[0m\x1b[2J\r\n", false);
        say(2, Origin::Stdout, "un\n\n\n", true);
        assert_eq!(last_lines(&bus, &run(2), 100), ["one", "two", "begun", "Traceback"]);
        assert_eq!(last_lines(&bus, &run(2), 2), ["begun", "Traceback"]);
        assert_eq!(last_lines(&bus, &run(1), 2), Vec::<String>::new(), "a later run has come");
        say(2, Origin::Stderr, &format!("{}\n", "é".repeat(600)), false);
        assert_eq!(last_lines(&bus, &run(2), 1), [format!("{}…", "é".repeat(500))]);
    }
}
