//! Tracebacks and records, in the words of their programs.

use super::*;
use crate::logs::rules::tests::built_in;

/// The mark of each line: `F`irst, `i`nside, `d`im, `L`ast, `j`oin, `.` for no part of a traceback.
fn marks(text: &str) -> String {
    let (rules, mut records) = (built_in(), Records::default());
    let mark = |line: &str| match records.next(&rules, line.as_bytes(), Timestamp::UNIX_EPOCH).part {
        Some(Part::First) => 'F',
        Some(Part::Inside) => 'i',
        Some(Part::Dim) => 'd',
        Some(Part::Last) => 'L',
        Some(Part::Join) => 'j',
        None => '.',
    };
    text.lines().map(mark).collect()
}

const CHAINED: &str = "\
[2026-11-23 10:00:00,1: ERROR/MainProcess] it failed
Traceback (most recent call last):
  File \"/app/acme/tasks.py\", line 3, in count
    return counts[key]
           ~~~~~~^^^^^
KeyError: 'us'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File \"/venv/lib/python3.12/site-packages/celery/app/trace.py\", line 451, in trace_task
    R = retval = fun(*args, **kwargs)
acme.errors.NoSuchRegion: us
  DETAIL: there is none
the next line";

const NODE: &str = "\
/app/server.js:3
    throw new TypeError('no');
    ^

TypeError [ERR_X]: no
    at main (/app/server.js:3:11)
    at node:internal/main/run_main_module:23:47 {
  code: 'ERR_X'
}

Node.js v20.1.0
restarted";

const GROUP: &str = "  + Exception Group Traceback (most recent call last):
  |   File \"/app/x.py\", line 1, in <module>
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: 1
    +------------------------------------
over";

#[test]
fn tracebacks_are_known_from_their_first_line_to_their_last() {
    assert_eq!(marks(CHAINED), ".FiiiLjjjidi Li.".replace(' ', ""));
    assert_eq!(marks(NODE), "Fiijiidiiji.");
    assert_eq!(marks(GROUP), "Fiiiii.");
    assert_eq!(marks("Traceback (most recent call last):\n  File \"x\", line 1\nKeyboardInterrupt\nbye"), "FiL.");
    assert_eq!(marks("Error: one\n    at a (/a.js:1:1)\nlistening\n"), "Fi.");
    // One after the other, and one that is broken off.
    let two = "Traceback (most recent call last):\n  File \"x\"\nA: 1\nTraceback (most recent call last):\n  y\n2026-11-23 INFO x";
    assert_eq!(marks(two), "FiLFi.");
}

#[test]
fn the_last_traceback_is_found_with_what_it_came_of() {
    let rules = built_in();
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (chained, node) = (lines(CHAINED), lines(NODE));
    assert_eq!(traceback(&rules, &chained), Some(&chained[1..14]));
    assert_eq!(traceback(&rules, &node), Some(&node[..11]));
    let both = [chained, node.clone()].concat();
    assert_eq!(traceback(&rules, &both), Some(&node[..11]));
    assert_eq!(traceback(&rules, &lines("one\ntwo")), None);
    assert_eq!(traceback(&rules, &lines("OSError: no\ntwo")), None);
}

#[test]
fn lines_without_a_level_have_that_of_the_record_they_continue() {
    let (rules, mut records) = (built_in(), Records::default());
    let mut level = |line: &str, ms: i64| {
        let at = Timestamp::from_millisecond(ms).expect("a time");
        records.next(&rules, line.as_bytes(), at).level.map_or("", |level| Level::NAMES[level as usize])
    };
    assert_eq!(level("starting", 0), "", "there was none yet");
    assert_eq!(level("WARNING:root:two lines:", 100), "warn");
    assert_eq!(level("the second", 100), "warn");
    assert_eq!(level("INFO:root:fine", 200), "info");
    assert_eq!(level("ERROR:root:no", 300), "error");
    assert_eq!(level("  detail", 1200), "error");
    assert_eq!(level("long after", 1400), "", "that is no part of it");
    assert_eq!(level("INFO:root:fine", 2000), "info");
    assert_eq!(level("Traceback (most recent call last):", 2000), "error");
    assert_eq!(level("  File \"x\", line 1", 2000), "error");
    assert_eq!(level("KeyError: 1", 9000), "error");
    assert_eq!(level("going on", 9000), "", "the traceback is over");
}
