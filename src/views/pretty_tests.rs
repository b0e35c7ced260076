//! Lines made easy to read, as they come: what is shown, when, and that none is lost or moved within its process.

use proptest::prelude::*;

use super::*;
use crate::bus::{Block, Body, Ending, Record};
use crate::logs::built_in;
use crate::model::{Event, ExitStatus, Origin};
use crate::views::choose::Choice;
use crate::views::format::Formatter;
use crate::views::plain::Options;

fn name(name: &str) -> ProcessName {
    ProcessName::new(name).expect("a name")
}

fn options(colour: bool, fold: bool) -> Options {
    Options {
        prefix: true,
        timestamps: false,
        colour,
        names: vec![name("web"), name("worker")],
        absent: vec![],
        setup: vec![],
        live: false,
        columns: 80,
        pretty: Some(PrettyOptions { book: Arc::new(Rulebook::new(built_in())), fold }),
        choice: Choice::default(),
        zone: jiff::tz::TimeZone::UTC,
    }
}

/// A screen that is fed, at a time in milliseconds.
struct Screen {
    formatter: Formatter,
    shown: Vec<u8>,
    now: i64,
}

impl Screen {
    fn new(options: Options) -> Self {
        Self { formatter: Formatter::new(options), shown: Vec::new(), now: 1_000_000 }
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now).expect("a time")
    }

    fn from(&mut self, process: &str, origin: Origin, text: &str) {
        let stream = Stream { run: RunId { process: name(process), number: 1 }, origin };
        let ending = if text.ends_with('\n') { Ending::Newline } else { Ending::Paused };
        let bytes = text.as_bytes().to_vec().into();
        let block = Block::new(stream, self.at(), bytes, false, ending).expect("there are bytes");
        let record = Record { seq: 1, at: self.at(), body: Body::Block(block.into()) };
        self.formatter.record(&record, &mut self.shown);
    }

    fn says(&mut self, process: &str, text: &str) {
        self.from(process, Origin::Pty, text);
    }

    fn event(&mut self, event: Event) {
        let record = Record { seq: 1, at: self.at(), body: Body::Event(event.into()) };
        self.formatter.record(&record, &mut self.shown);
    }

    fn wait(&mut self, ms: i64) {
        self.now += ms;
        let now = self.at();
        self.formatter.release_lines(now, &mut self.shown);
    }

    /// What was shown since the last look.
    fn shown(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.shown)).expect("text").replace('\x1b', "␛")
    }
}

#[test]
fn levels_requests_and_moments_are_marked() {
    let mut screen = Screen::new(options(true, true));
    screen.says(
        "web",
        "GET 200 /_health/ HTTP/1.1 2\nGET 302 / HTTP/1.1 0\nPOST 404 /x HTTP/1.1 9\nGET 503 /y HTTP/1.1 0\n",
    );
    screen.says(
        "web",
        "10:00:00 [INFO] acme: fine\n10:00:00 [WARNING] acme: two lines:\nthe second\nDEBUG:acme:x\nERROR:acme:no\n",
    );
    screen.says(
        "worker",
        "celery@host ready.\n/app/acme/views.py changed, reloading.\n\x1b[35mERROR\x1b[0m: its own colours\n",
    );
    insta::assert_snapshot!(screen.shown(), @r#"
    ␛[38;5;97mweb       │␛[0m ␛[1mGET␛[0m ␛[32m200␛[0m /_health/ HTTP/1.1 2
    ␛[38;5;97mweb       │␛[0m ␛[1mGET␛[0m ␛[36m302␛[0m / HTTP/1.1 0
    ␛[38;5;97mweb       ␛[0m␛[33m┃␛[0m ␛[1mPOST␛[0m ␛[33m404␛[0m /x HTTP/1.1 9
    ␛[38;5;97mweb       ␛[0m␛[31m┃␛[0m ␛[1mGET␛[0m ␛[1;31m503␛[0m /y HTTP/1.1 0
    ␛[38;5;97mweb       │␛[0m 10:00:00 [␛[32mINFO␛[0m] acme: fine
    ␛[38;5;97mweb       ␛[0m␛[33m┃␛[0m 10:00:00 [␛[33mWARNING␛[0m] acme: two lines:
    ␛[38;5;97mweb       ␛[0m␛[33m┃␛[0m the second
    ␛[38;5;97mweb       │␛[0m ␛[2mDEBUG␛[0m:acme:x
    ␛[38;5;97mweb       ␛[0m␛[31m┃␛[0m ␛[31mERROR␛[0m:acme:no
    ␛[38;5;139mworker    │␛[0m ␛[32m[ready]␛[0m celery@host ready.
    ␛[38;5;139mworker    │␛[0m ␛[33m[reloading]␛[0m /app/acme/views.py changed, reloading.
    ␛[38;5;139mworker    ␛[0m␛[31m┃␛[0m ␛[35mERROR␛[0m: its own colours
    "#);
    let mut screen = Screen::new(options(false, true));
    screen.says("web", "GET 503 /y HTTP/1.1 0\n10:00:00 [INFO] acme: fine\ncelery@host ready.\n");
    insta::assert_snapshot!(screen.shown(), @r#"
    web       ┃ GET 503 /y HTTP/1.1 0
    web       │ 10:00:00 [INFO] acme: fine
    web       │ [ready] celery@host ready.
    "#);
}

const TRACEBACK: [&str; 4] = [
    "Traceback (most recent call last):\n",
    "  File \"/app/acme/views.py\", line 3, in index\n    return counts[key]\n",
    "  File \"/venv/lib/python3.12/site-packages/django/x.py\", line 1, in get\n",
    "KeyError: 'us'\n",
];

#[test]
fn a_traceback_stays_together_while_others_speak() {
    let mut screen = Screen::new(options(true, true));
    for piece in TRACEBACK {
        screen.says("web", piece);
        screen.says("worker", "task succeeded\n");
        screen.wait(10);
    }
    assert_eq!(screen.shown().matches("succeeded").count(), 1, "the others don't wait, and are folded");
    screen.says("web", "going on\n");
    insta::assert_snapshot!(screen.shown(), @r#"
    ␛[38;5;97mweb       ␛[0m␛[31m┃␛[0m ␛[31mTraceback (most recent call last):␛[0m
    ␛[38;5;97mweb       ␛[0m␛[31m┃␛[0m   File "/app/acme/views.py", line 3, in index
    ␛[38;5;97mweb       ␛[0m␛[31m┃␛[0m     return counts[key]
    ␛[38;5;97mweb       ␛[0m␛[31m┃␛[0m ␛[2m  File "/venv/lib/python3.12/site-packages/django/x.py", line 1, in get␛[0m
    ␛[38;5;97mweb       ␛[0m␛[31m┃␛[0m ␛[1;31mKeyError: 'us'␛[0m
    ␛[38;5;97mweb       │␛[0m going on
    "#);
    // Without colours it is marked too.
    let mut screen = Screen::new(options(false, true));
    screen.says("web", &TRACEBACK.concat());
    assert_eq!(screen.shown(), "");
    screen.wait(100);
    insta::assert_snapshot!(screen.shown(), @r#"
    web       ┃ Traceback (most recent call last):
    web       ┃   File "/app/acme/views.py", line 3, in index
    web       ┃     return counts[key]
    web       ┃   File "/venv/lib/python3.12/site-packages/django/x.py", line 1, in get
    web       ┃ KeyError: 'us'
    "#);
}

#[test]
fn a_traceback_waits_for_a_moment_only_and_comes_before_the_end_of_its_process() {
    let mut screen = Screen::new(options(false, true));
    screen.says("web", TRACEBACK[0]);
    screen.wait(99);
    assert_eq!(screen.shown(), "");
    screen.wait(1);
    assert_eq!(screen.shown(), "web       ┃ Traceback (most recent call last):\n");
    for _ in 0..3 {
        screen.says("web", "  File \"x\", line 1\n");
        screen.wait(99);
    }
    assert_eq!(screen.shown(), "");
    screen.wait(3);
    assert_eq!(
        screen.shown(),
        "web       ┃   File \"x\", line 1\n".repeat(3),
        "it grows for ever, and waits no longer"
    );
    screen.says("web", TRACEBACK[3]);
    screen.from("web", Origin::Stderr, "from another outlet\n");
    assert_eq!(screen.shown(), "web       ┃ KeyError: 'us'\nweb       │ from another outlet\n");
    screen.says("web", &TRACEBACK.concat());
    let run = RunId { process: name("web"), number: 1 };
    screen.event(Event::Exited { run, status: ExitStatus::Code(1), expected: true, out_of_memory: false });
    let shown = screen.shown();
    assert!(shown.ends_with("KeyError: 'us'\ndevserver │ web stopped\n"), "{shown}");
}

#[test]
fn repeated_lines_are_folded_and_counted_each_second() {
    let mut screen = Screen::new(options(false, true));
    screen.says("web", &"tick\n".repeat(40));
    assert_eq!(screen.shown(), "web       │ tick\n", "the line at once");
    screen.wait(10);
    screen.says("web", "tick\ntick\n");
    screen.wait(989);
    assert_eq!(screen.shown(), "");
    screen.wait(1);
    assert_eq!(screen.shown(), "web       │ … repeated 41 times\n", "each second");
    screen.says("web", "tick\ntick\ntock\n");
    assert_eq!(screen.shown(), "web       │ … repeated 2 times\nweb       │ tock\n", "and when it changes");
    screen.says("web", "tock\n");
    screen.says("worker", "tock\n");
    assert_eq!(screen.shown(), "worker    │ tock\n", "others don't count");
    screen.wait(1000);
    assert_eq!(screen.shown(), "web       │ tock\n", "once more is the line itself");
    for _ in 0..3 {
        screen.wait(1000);
        screen.says("web", "tock\n");
        assert_eq!(screen.shown(), "web       │ tock\n", "a slow one is shown each time");
    }
    screen.says("web", "\n\n\n");
    assert_eq!(screen.shown(), "web       │ \n".repeat(3), "blank lines are");
    let mut all = Screen::new(options(false, false));
    all.says("web", &"tick\n".repeat(40));
    assert_eq!(all.shown(), "web       │ tick\n".repeat(40));
}

#[test]
fn a_prompt_is_marked() {
    let mut screen = Screen::new(options(false, true));
    screen.says("web", "> /app/views.py(3)index()\n-> return\n(Pdb) ");
    assert_eq!(screen.shown(), "web       │ > /app/views.py(3)index()\nweb       │ -> return\nweb       ? (Pdb) ");
    screen.says("worker", "50 %");
    assert_eq!(screen.shown(), "\nworker    │ 50 %");
}

/// Whatever is said by whom and when: of each process everything is shown, in its order.
#[test]
fn nothing_is_lost_and_nothing_moved_within_a_process() {
    const LINES: [&str; 9] = [
        "Traceback (most recent call last):",
        "  File \"x\", line 1",
        "KeyError: 1",
        "plain",
        "plain",
        "ERROR:root:no",
        "",
        "Error: no",
        "    at main (/a.js:1:1)",
    ];
    let options = options(false, true);
    proptest!(|(said in prop::collection::vec((0usize..2, 0usize..2, 0usize..9, 0i64..400), 1..80))| {
        let mut screen = Screen::new(options.clone());
        let (mut expected, mut rest) = ([Vec::new(), Vec::new()], Vec::new());
        for (process, origin, line, ms) in said {
            let (of, origin) = (["web", "worker"][process], [Origin::Stdout, Origin::Stderr][origin]);
            screen.from(of, origin, &format!("{}\n", LINES[line]));
            expected[process].push(LINES[line].to_owned());
            screen.wait(ms);
        }
        screen.formatter.finish(&mut rest);
        screen.shown.append(&mut rest);
        let shown = screen.shown();
        for (process, expected) in ["web", "worker"].iter().zip(expected) {
            let mut lines: Vec<String> = Vec::new();
            for line in shown.lines().filter(|line| line.starts_with(process)) {
                let text = line.split_once(['│', '┃']).expect("there is a bar").1.strip_prefix(' ').expect("a blank");
                match text.strip_prefix("… repeated ").and_then(|rest| rest.strip_suffix(" times")) {
                    Some(times) => {
                        let last = lines.last().expect("something was repeated").clone();
                        lines.extend(vec![last; times.parse().expect("a number")]);
                    }
                    None => lines.push(text.to_owned()),
                }
            }
            prop_assert_eq!(lines, expected);
        }
    });
}
