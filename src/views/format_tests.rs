//! What the log looks like, line by line.

use std::time::Duration;

use bytes::Bytes;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::model::{ExitStatus, Leftovers, Origin, Phase, RunId};
use crate::views::Choice;

fn name(name: &str) -> ProcessName {
    ProcessName::new(name).expect("a name")
}

fn options() -> Options {
    Options {
        prefix: true,
        timestamps: false,
        colour: false,
        names: vec![name("web"), name("region.worker")],
        absent: vec![],
        setup: vec![],
        live: false,
        columns: 80,
        pretty: None,
        choice: Choice::default(),
        zone: TimeZone::UTC,
    }
}

/// A screen that is fed with records.
struct Screen {
    formatter: Formatter,
    shown: Vec<u8>,
    seconds: i64,
    /// The processes whose last line hasn't ended.
    open: Vec<String>,
}

impl Screen {
    fn new(options: Options) -> Self {
        Self { formatter: Formatter::new(options), shown: Vec::new(), seconds: 43_200, open: Vec::new() }
    }

    fn record(&mut self, body: Body) {
        let at = Timestamp::from_second(self.seconds).expect("a time");
        self.formatter.record(&Record { seq: 1, at, body }, &mut self.shown);
    }

    fn ends(&mut self, process: &str, bytes: &[u8], ending: Ending) {
        let stream = Stream { run: RunId { process: name(process), number: 1 }, origin: Origin::Stdout };
        let continues = self.open.iter().any(|open| open == process);
        self.open.retain(|open| open != process);
        if matches!(ending, Ending::Paused | Ending::Cut) {
            self.open.push(process.into());
        }
        let at = Timestamp::from_second(self.seconds).expect("a time");
        let block = Block::new(stream, at, Bytes::copy_from_slice(bytes), continues, ending).expect("there are bytes");
        self.record(Body::Block(Arc::new(block)));
    }

    /// The process printed this; without a newline it pauses there.
    fn says(&mut self, process: &str, text: &str) {
        let ending = if text.ends_with('\n') { Ending::Newline } else { Ending::Paused };
        self.ends(process, text.as_bytes(), ending);
    }

    fn event(&mut self, event: Event) {
        self.record(Body::Event(Arc::new(event)));
    }

    /// So many milliseconds from now.
    fn look(&mut self, after: i64) {
        let now = Timestamp::from_millisecond(self.seconds * 1000 + after).expect("a time");
        self.formatter.release_lines(now, &mut self.shown);
    }

    fn shown(&self) -> String {
        String::from_utf8(self.shown.clone()).expect("text")
    }
}

#[test]
fn lines_stand_beside_the_name_of_their_process() {
    let mut screen = Screen::new(Options { timestamps: true, ..options() });
    screen.says("web", "GET /\n\nGET /favicon.ico\r\n");
    screen.seconds += 61;
    screen.says("region.worker", "task succeeded\n");
    screen.event(Event::Notice { text: "--ingest was given, so --workers is on".into() });
    insta::assert_snapshot!(screen.shown(), @r"
    12:00:00 web           │ GET /
    12:00:00 web           │ 
    12:00:00 web           │ GET /favicon.ico
    12:01:01 region.worker │ task succeeded
    12:01:01 devserver     │ --ingest was given, so --workers is on
    ");
}

#[test]
fn names_have_their_colours_and_colours_of_children_stay() {
    let mut screen = Screen::new(Options { timestamps: true, colour: true, ..options() });
    screen.says("web", "\x1b[31mred\nplain\x1b[2J\n");
    let run = RunId { process: name("web"), number: 1 };
    screen.event(Event::BecameReady { run, after: Duration::from_millis(2140) });
    insta::assert_snapshot!(screen.shown().replace('\x1b', "␛"), @r"
    ␛[2m12:00:00 ␛[0m␛[38;5;97mweb           │␛[0m ␛[31mred␛[0m
    ␛[2m12:00:00 ␛[0m␛[38;5;97mweb           │␛[0m plain
    ␛[2m12:00:00 ␛[0m␛[1mdevserver     │␛[0m ␛[38;5;97mweb␛[0m ␛[32mready after 2.1s␛[0m
    ");
}

#[test]
fn without_prefix_there_is_only_the_text() {
    let mut screen = Screen::new(Options { prefix: false, timestamps: true, ..options() });
    screen.says("web", "one\ntwo\n");
    screen.event(Event::Notice { text: "hello".into() });
    assert_eq!(screen.shown(), "one\ntwo\nhello\n");
}

#[test]
fn a_prompt_stands_there_and_its_answer_goes_on_behind_it() {
    let mut screen = Screen::new(options());
    screen.says("web", "Password: ");
    assert_eq!(screen.shown(), "web           │ Password: ");
    screen.says("web", "accepted\n");
    assert_eq!(screen.shown(), "web           │ Password: accepted\n");
}

#[test]
fn a_prompt_that_is_interrupted_goes_on_on_a_line_of_its_own() {
    let mut screen = Screen::new(options());
    screen.says("web", "Password: ");
    screen.says("region.worker", "hello\n");
    screen.says("web", "acc");
    screen.says("web", "epted\n");
    screen.says("web", "next\n");
    insta::assert_snapshot!(screen.shown(), @r"
    web           │ Password: 
    region.worker │ hello
    web           │ … accepted
    web           │ next
    ");
}

#[test]
fn a_prompt_whose_line_ends_without_more_text_leaves_nothing_behind() {
    let mut screen = Screen::new(options());
    screen.says("web", "(Pdb) ");
    screen.says("region.worker", "hello\n");
    screen.says("web", "\n");
    screen.says("web", "done\n");
    assert_eq!(screen.shown(), "web           │ (Pdb) \nregion.worker │ hello\nweb           │ done\n");
}

#[test]
fn two_prompts_at_once_are_kept_apart() {
    let mut screen = Screen::new(options());
    screen.says("web", "a? ");
    screen.says("region.worker", "b? ");
    screen.says("web", "yes\n");
    screen.says("region.worker", "no\n");
    insta::assert_snapshot!(screen.shown(), @r"
    web           │ a? 
    region.worker │ b? 
    web           │ … yes
    region.worker │ … no
    ");
}

#[test]
fn a_colour_of_a_prompt_holds_over_an_interruption_and_colours_nobody_else() {
    let mut screen = Screen::new(Options { colour: true, prefix: false, ..options() });
    screen.says("web", "\x1b[31mred ");
    screen.says("web", "still ");
    screen.says("region.worker", "plain\n");
    screen.says("web", "again\n");
    assert_eq!(screen.shown(), "\x1b[31mred \x1b[0m\x1b[31mstill \x1b[0m\nplain\n… \x1b[31magain\x1b[0m\n");
}

#[test]
fn a_character_or_sequence_in_two_pieces_is_put_together() {
    let mut screen = Screen::new(Options { prefix: false, ..options() });
    screen.ends("web", b"caf\xc3", Ending::Paused);
    screen.ends("web", b"\xa9 \x1b[3", Ending::Paused);
    screen.ends("web", b"1mred\x1b]0;ti", Ending::Paused);
    screen.ends("web", b"tle\x07!\n", Ending::Newline);
    assert_eq!(screen.shown(), "café red!\n");
}

#[test]
fn of_a_progress_bar_the_first_and_the_last_state_are_shown() {
    let mut screen = Screen::new(Options { prefix: false, ..options() });
    screen.says("web", "10%");
    for percent in 11..99 {
        screen.says("web", &format!("\r{percent}%"));
    }
    screen.says("web", "\r100%\n");
    screen.says("web", "done\n");
    assert_eq!(screen.shown(), "10%\n… 100%\ndone\n");
}

#[test]
fn a_line_that_is_rewritten_is_shown_again_once_it_is_left_alone() {
    let mut screen = Screen::new(Options { timestamps: true, ..options() });
    screen.says("web", "⠋ looking");
    for frame in ["⠙", "⠹", "⠸"] {
        screen.seconds += 1;
        screen.says("web", &format!("\x1b[1G\x1b[0K{frame} looking"));
        screen.says("region.worker", "hello\n");
    }
    screen.says("web", "\x1b[1G\x1b[0K? Overwrite (y/N) ");
    screen.look(999);
    insta::assert_snapshot!(screen.shown(), @r"
    12:00:00 web           │ ⠋ looking
    12:00:01 region.worker │ hello
    12:00:02 region.worker │ hello
    12:00:03 region.worker │ hello
    ");
    screen.look(1000);
    screen.says("web", "yes\n");
    assert_eq!(screen.shown().lines().last(), Some("12:00:03 web           │ … ? Overwrite (y/N) yes"));
}

#[test]
fn dots_among_other_lines_are_gathered() {
    let mut screen = Screen::new(options());
    for _ in 0..9 {
        screen.says("web", ".");
        screen.says("region.worker", "hello\n");
        screen.seconds += 1;
        screen.look(-1);
    }
    screen.says("web", " done\n");
    let shown = screen.shown().replace("region.worker │ hello\n", "");
    assert_eq!(shown, "web           │ .\nweb           │ … .......\nweb           │ … . done\n");
}

#[test]
fn a_line_that_is_erased_at_its_end_adds_nothing() {
    let mut screen = Screen::new(options());
    screen.says("web", "⠋ looking");
    screen.says("region.worker", "hello\n");
    screen.says("web", "\x1b[1G\x1b[0K");
    screen.says("web", "\n");
    screen.says("web", "next\n");
    insta::assert_snapshot!(screen.shown(), @r"
    web           │ ⠋ looking
    region.worker │ hello
    web           │ next
    ");
}

#[test]
fn what_waits_of_a_line_is_shown_when_its_process_is_gone() {
    let mut screen = Screen::new(Options { prefix: false, ..options() });
    screen.says("web", "10%");
    screen.says("web", "\r20%");
    let run = RunId { process: name("web"), number: 1 };
    screen.event(Event::Gone { run, leftovers: Leftovers::None });
    screen.says("region.worker", "hello\n");
    assert_eq!(screen.shown(), "10%\n… 20%\nhello\n");
}

#[test]
fn a_line_that_is_too_long_is_cut_visibly() {
    let mut screen = Screen::new(Options { prefix: false, ..options() });
    screen.ends("web", b"begin", Ending::Cut);
    screen.ends("web", b"middle", Ending::Cut);
    screen.ends("web", b"end\n", Ending::Newline);
    screen.says("web", "next\n");
    assert_eq!(screen.shown(), "begin…\n… middle…\n… end\nnext\n");
}

#[test]
fn the_last_line_needs_no_newline() {
    let mut screen = Screen::new(Options { prefix: false, ..options() });
    screen.ends("web", b"bye", Ending::EndOfFile);
    screen.says("region.worker", "prompt> ");
    let Screen { mut formatter, mut shown, .. } = screen;
    formatter.finish(&mut shown);
    assert_eq!(String::from_utf8(shown), Ok("bye\nprompt> \n".into()));
}

fn exited(process: &str, code: i32) -> Event {
    let run = RunId { process: name(process), number: 1 };
    Event::Exited { run, status: ExitStatus::Code(code), expected: false, out_of_memory: false }
}

#[test]
fn an_end_and_what_follows_from_it_are_one_sentence() {
    let mut screen = Screen::new(options());
    screen.event(exited("web", 1));
    let run = RunId { process: name("web"), number: 1 };
    screen.event(Event::Gone { run, leftovers: Leftovers::None });
    assert_eq!(screen.shown(), "", "it waits for how it goes on");
    screen.event(Event::RestartScheduled { process: name("web"), delay: Duration::from_millis(500) });
    screen.event(exited("region.worker", 2));
    screen.event(Event::GaveUp {
        process: name("region.worker"),
        run: RunId { process: name("region.worker"), number: 1 },
        why: "5 runs in a row ended early".into(),
        lines: vec!["no database".into()],
    });
    screen.event(exited("web", 3));
    let done = Phase::Done { status: ExitStatus::Code(0) };
    screen.event(Event::PhaseChanged { process: name("web"), run: None, from: Phase::Ready, to: Phase::Idle });
    screen.event(exited("web", 0));
    screen.event(Event::PhaseChanged { process: name("web"), run: None, from: Phase::Ready, to: done });
    insta::assert_snapshot!(screen.shown(), @r"
    devserver     │ web exited with 1; starting again in 0.5s
    devserver     │ region.worker is left alone: 5 runs in a row ended early; it said last:
    devserver     │   | no database
    devserver     │ web exited with 3
    devserver     │ web exited with 0; that is all it had to do
    ");
    assert!(!screen.formatter.holds());
}

#[test]
fn what_waits_is_said_at_last() {
    let mut screen = Screen::new(options());
    screen.event(exited("web", 1));
    assert!(screen.formatter.holds());
    let mut out = Vec::new();
    screen.formatter.release(&mut out);
    assert_eq!(String::from_utf8(out), Ok("devserver     │ web exited with 1\n".into()));
}

proptest! {
    #[test]
    fn whatever_interrupts_every_line_is_there_once_and_untorn(
        pieces in prop::collection::vec((0usize..3, "[a-z]{1,5}\n?"), 1..60),
    ) {
        let processes = ["a", "b", "c"];
        let mut screen = Screen::new(Options { names: vec![], ..options() });
        for (process, text) in &pieces {
            screen.says(processes[*process], text);
        }
        screen.formatter.finish(&mut screen.shown);
        for (at, process) in processes.iter().enumerate() {
            let said: String = pieces.iter().filter(|piece| piece.0 == at).map(|(_, text)| &**text).collect();
            let mut seen = String::new();
            for line in screen.shown().lines() {
                let (whose, text) = line.split_once(" │ ").expect("every line has a prefix");
                if whose.trim() != *process {
                    continue;
                }
                match text.strip_prefix("… ") {
                    Some(rest) => {
                        prop_assert_eq!(seen.pop(), Some('\n'));
                        seen += rest;
                    }
                    None => seen += text,
                }
                seen.push('\n');
            }
            prop_assert_eq!(seen.trim_end_matches('\n'), said.trim_end_matches('\n'));
        }
    }
}
