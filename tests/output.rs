//! The way of a line: from a pipe or a pty through pump, bus and printer to our output.
//!
//! The producers are threads; no child is started.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::thread::JoinHandle;
use std::time::Duration;

use devserver::bus::{Batch, Bus, Ending, From, Kind, Limits, Stream, Subscription};
use devserver::logs::Sanitiser;
use devserver::model::{Event, Origin, ProcessName, RunId};
use devserver::runner::{Pump, PumpEnd};
use devserver::views::{Choice, Options, PrinterEnd, print};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use tokio::sync::watch;

const DEADLINE: Duration = Duration::from_secs(60);

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }
}

fn stream(process: &str, origin: Origin) -> Stream {
    let process = ProcessName::new(process).expect("a name");
    Stream { run: RunId { process, number: 1 }, origin }
}

fn options(colour: bool) -> Options {
    Options {
        prefix: true,
        timestamps: true,
        colour,
        names: (0..20).map(|index| ProcessName::new(&format!("p{index}")).expect("a name")).collect(),
        absent: vec![],
        setup: vec![],
        live: false,
        columns: 80,
        pretty: None,
        choice: Choice::default(),
        zone: TimeZone::UTC,
    }
}

/// A line of a producer: its number, then anything but newlines and carriage returns.
fn line(dice: &mut Dice, number: usize) -> Vec<u8> {
    let mut line = format!("<{number}>").into_bytes();
    let length = match dice.below(100) {
        0 => dice.below(200_000),
        1..=9 => dice.below(5_000),
        _ => dice.below(120),
    };
    let pieces: [&[u8]; 9] = [
        b"text ",
        "\u{e9}\u{2713}\u{1f980}".as_bytes(),
        b"\xff\xfe",
        b"\xe2\x82",
        b"\x1b[31mred\x1b[0m",
        b"\x1b[2J\x1b[10;10H",
        b"\x1b]0;title\x07",
        b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\",
        b"\tplain and longer than the others ",
    ];
    while line.len() < length {
        line.extend_from_slice(pieces[dice.below(pieces.len())]);
    }
    line
}

/// Lines with either ending, the last one with none; and what is to be seen of each.
fn output(seed: u64, lines: usize, origin: Origin) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut dice = Dice(seed);
    let (mut bytes, mut texts) = (Vec::new(), Vec::new());
    for number in 0..lines {
        let line = line(&mut dice, number);
        let mut text = Vec::new();
        Sanitiser::plain().line(&line, &mut text);
        texts.push(text);
        bytes.extend_from_slice(&line);
        if number + 1 < lines {
            let crlf = origin != Origin::Pty && dice.below(4) == 0;
            bytes.extend_from_slice(if crlf { b"\r\n" } else { b"\n" });
        }
    }
    (bytes, texts)
}

/// The two ends of a pipe, or of a pty that changes nothing.
fn ends(origin: Origin) -> (OwnedFd, File) {
    if origin == Origin::Pty {
        let pty = openpty(None, None).expect("a pty");
        let mut raw = tcgetattr(&pty.slave).expect("it is a terminal");
        cfmakeraw(&mut raw);
        tcsetattr(&pty.slave, SetArg::TCSANOW, &raw).expect("it is a terminal");
        return (pty.master, pty.slave.into());
    }
    let (reader, writer) = io::pipe().expect("a pipe");
    (reader.into(), File::from(OwnedFd::from(writer)))
}

fn feed(mut writer: File, bytes: Vec<u8>, seed: u64) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut dice = Dice(seed);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let most = [3, 40, 4_000, 100_000][dice.below(4)];
            let size = (1 + dice.below(most)).min(rest.len());
            writer.write_all(&rest[..size]).expect("somebody reads");
            rest = &rest[size..];
        }
    })
}

fn pump(fd: OwnedFd, stream: Stream, bus: &Bus) -> tokio::task::JoinHandle<PumpEnd> {
    let pump = Pump::new(fd, stream, bus.clone(), vec![]).expect("a pump");
    tokio::spawn(pump.run())
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.expect("it comes to an end in time")
}

async fn joined<T: Send + 'static>(thread: JoinHandle<T>) -> T {
    soon(tokio::task::spawn_blocking(|| thread.join())).await.expect("it ran").expect("it didn't panic")
}

fn printer(records: Subscription, out: impl Write + std::os::fd::AsFd + Send + 'static) -> JoinHandle<PrinterEnd> {
    std::thread::spawn(move || print(records, out, options(false)))
}

/// What the log has of a process: its lines, those that were interrupted put together.
fn lines_of(log: &[u8], process: &str) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let bar = " │ ".as_bytes();
        let at = line.windows(bar.len()).position(|window| window == bar).expect("every line has a prefix");
        let prefix = std::str::from_utf8(&line[..at]).expect("the prefix is text");
        let (time, name) = prefix.split_once(' ').expect("a time and a name");
        assert_eq!(time.len(), "12:00:00".len(), "{prefix}");
        if name.trim() != process {
            continue;
        }
        let text = &line[at + bar.len()..];
        // On a busy machine a producer can pause in mid-line for so long that it looks like a prompt.
        match (text.strip_prefix("… ".as_bytes()), lines.last_mut()) {
            (Some(rest), Some(last)) => last.extend_from_slice(rest),
            _ => lines.push(text.to_vec()),
        }
    }
    lines
}

async fn twenty(origin: impl Fn(usize) -> Origin, lines: usize) {
    let bus = Bus::new(Limits::default());
    let log = tempfile::tempfile().expect("a file");
    let printer = printer(bus.subscribe(From::Start, Kind::Lossless), log.try_clone().expect("a file"));
    let (mut feeders, mut pumps, mut expected) = (vec![], vec![], vec![]);
    for index in 0..20 {
        let name = format!("p{index}");
        let (bytes, texts) = output(1 + index as u64, lines, origin(index));
        let (reader, writer) = ends(origin(index));
        pumps.push((pump(reader, stream(&name, origin(index)), &bus), bytes.len()));
        feeders.push(feed(writer, bytes, 77 + index as u64));
        expected.push((name, texts));
    }
    for feeder in feeders {
        joined(feeder).await;
    }
    for (pump, length) in pumps {
        let end = soon(pump).await.expect("it didn't panic");
        assert!(end.failure.is_none(), "{:?}", end.failure);
        assert_eq!(end.bytes, length as u64);
    }
    bus.close();
    assert!(matches!(joined(printer).await, PrinterEnd::Finished));

    let mut shown = vec![0; usize::try_from(log.metadata().expect("a file").len()).expect("it fits")];
    log.read_exact_at(&mut shown, 0).expect("it can be read");
    assert!(!shown.contains(&0x1b), "no colours were asked for");
    for (name, texts) in expected {
        let lines = lines_of(&shown, &name);
        assert_eq!(lines.len(), texts.len(), "{name}");
        for (number, (line, text)) in lines.iter().zip(&texts).enumerate() {
            assert!(line == text, "{name}, line {number}: {} for {}", line.escape_ascii(), text.escape_ascii());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_twenty_pipes_is_there_once_in_order_and_untorn() {
    let origins = [Origin::Stdout, Origin::Stderr];
    twenty(|index| origins[index % 2], 300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_twenty_ptys_is_there_once_in_order_and_untorn() {
    twenty(|_| Origin::Pty, 100).await;
}

#[tokio::test]
async fn a_cooked_pty_ends_with_its_last_line_and_without_a_failure() {
    let pty = openpty(None, None).expect("a pty");
    let bus = Bus::new(Limits::default());
    let (mut screen, out) = io::pipe().expect("a pipe");
    let printer = printer(bus.subscribe(From::Start, Kind::Lossless), out);
    let pump = pump(pty.master, stream("p1", Origin::Pty), &bus);
    let text: String = (0..500).map(|count| format!("line {count}\n")).collect::<String>() + "the end";
    let feeder = feed(pty.slave.into(), text.clone().into_bytes(), 5);
    let reader = std::thread::spawn(move || {
        let mut shown = Vec::new();
        screen.read_to_end(&mut shown).map(|_| shown)
    });
    joined(feeder).await;
    assert!(soon(pump).await.expect("it didn't panic").failure.is_none());
    bus.close();
    assert!(matches!(joined(printer).await, PrinterEnd::Finished));
    let shown = joined(reader).await.expect("it can be read");
    let lines: Vec<String> =
        lines_of(&shown, "p1").into_iter().map(|line| String::from_utf8(line).expect("text")).collect();
    assert_eq!(lines.join("\n"), text);
}

#[tokio::test]
async fn a_prompt_is_shown_and_what_follows_an_interruption_says_that_it_goes_on() {
    let bus = Bus::new(Limits::default());
    let mut seen = bus.subscribe(From::Start, Kind::Lossless);
    let log = tempfile::tempfile().expect("a file");
    let printer = printer(bus.subscribe(From::Start, Kind::Lossless), log.try_clone().expect("a file"));
    let (first, asks) = ends(Origin::Stdout);
    let (second, speaks) = ends(Origin::Stdout);
    let pumps = [pump(first, stream("p1", Origin::Stdout), &bus), pump(second, stream("p2", Origin::Stdout), &bus)];
    let mut records = Vec::new();
    for (mut writer, text) in [(&asks, "Password: "), (&speaks, "hello\n"), (&asks, "accepted\n")] {
        writer.write_all(text.as_bytes()).expect("somebody reads");
        assert_eq!(soon(seen.next(&mut records)).await, Batch::Records);
    }
    drop((asks, speaks));
    for pump in pumps {
        soon(pump).await.expect("it didn't panic");
    }
    bus.close();
    assert!(matches!(joined(printer).await, PrinterEnd::Finished));
    let mut shown = [0; 500];
    let length = log.read_at(&mut shown, 0).expect("it can be read");
    let shown = String::from_utf8_lossy(&shown[..length]);
    let texts: Vec<&str> = shown.lines().map(|line| &line["12:00:00 ".len()..]).collect();
    assert_eq!(texts, ["p1        │ Password: ", "p2        │ hello", "p1        │ … accepted"]);
}

#[test]
fn colours_come_through_only_when_they_are_wanted() {
    for colour in [false, true] {
        let bus = Bus::new(Limits::default());
        let records = bus.subscribe(From::Start, Kind::Lossless);
        let block = devserver::bus::Block::new(
            stream("p1", Origin::Pty),
            Timestamp::UNIX_EPOCH,
            b"\x1b[31mred\r\n"[..].into(),
            false,
            Ending::Newline,
        );
        let _ = bus.publish(block.expect("there are bytes"));
        bus.close();
        let log = tempfile::tempfile().expect("a file");
        assert!(matches!(print(records, log.try_clone().expect("a file"), options(colour)), PrinterEnd::Finished));
        let mut shown = [0; 200];
        let length = log.read_at(&mut shown, 0).expect("it can be read");
        let shown = String::from_utf8_lossy(&shown[..length]);
        match colour {
            false => assert_eq!(shown, "00:00:00 p1        │ red\n"),
            true => assert!(shown.ends_with(" \x1b[31mred\x1b[0m\n"), "{shown:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_reader_blocks_the_producers_and_nothing_else_and_loses_nothing() {
    let limits = Limits { high: 256 * 1024, ..Limits::default() };
    let bus = Bus::new(limits);
    let (mut screen, out) = io::pipe().expect("a pipe");
    let printer = printer(bus.subscribe(From::Start, Kind::Lossless), out);
    let (reader, mut writer) = io::pipe().expect("a pipe");
    let pump = pump(reader.into(), stream("p1", Origin::Stdout), &bus);
    let total = 60_000;
    let (progress, mut written) = watch::channel(0);
    let feeder = std::thread::spawn(move || {
        for hundred in 0..total / 100 {
            let lines: String = (0..100).map(|number| format!("{:099}\n", hundred * 100 + number)).collect();
            writer.write_all(lines.as_bytes()).expect("somebody reads");
            progress.send_replace((hundred + 1) * 100);
        }
    });

    // Nobody reads the screen. The queue fills up; then, with what lies in the pipes and in the hands of the
    // printer, everything stands still.
    soon(written.wait_for(|lines| lines * 100 >= limits.high / 2)).await.expect("it goes on");
    let in_the_hands = limits.high + 3 * 64 * 1024 + 2 * (Subscription::BATCH + 64 * 1024);
    let too_much = written.wait_for(|lines| lines * 100 > in_the_hands);
    assert!(tokio::time::timeout(Duration::from_secs(1), too_much).await.is_err(), "nobody waits for the reader");
    for _ in 0..1000 {
        bus.emit(Timestamp::UNIX_EPOCH, Event::Notice { text: "events pass".into() });
    }
    let mut late = bus.subscribe(From::Tail(1), Kind::Lossy);
    assert_eq!(late.next_batch(&mut Vec::new(), Some(DEADLINE)), Batch::Records);

    // The reader goes on: whatever it reads, the producer is never far ahead of it.
    let (mut shown, mut chunk) = (Vec::new(), vec![0; 64 * 1024]);
    let mut lines = 0;
    let checked = std::thread::spawn(move || {
        while lines < total + 1000 {
            let ahead = written.borrow().saturating_sub(lines);
            assert!(ahead * 100 <= in_the_hands, "{ahead} lines wait somewhere");
            let read = screen.read(&mut chunk).expect("it can be read");
            assert_ne!(read, 0, "the printer ended too early");
            lines += chunk[..read].iter().filter(|byte| **byte == b'\n').count();
            shown.extend_from_slice(&chunk[..read]);
        }
        shown
    });
    let shown = joined(checked).await;
    joined(feeder).await;
    assert_eq!(soon(pump).await.expect("it didn't panic").bytes, total as u64 * 100);
    bus.close();
    assert!(matches!(joined(printer).await, PrinterEnd::Finished));
    let numbers: Vec<Vec<u8>> = lines_of(&shown, "p1");
    assert_eq!(numbers.len(), total);
    for (number, line) in numbers.iter().enumerate() {
        assert_eq!(line, format!("{number:099}").as_bytes());
    }
}

#[tokio::test]
async fn when_nobody_reads_any_more_the_printer_ends_quietly_and_the_producers_go_on() {
    let bus = Bus::new(Limits { high: 64 * 1024, ..Limits::default() });
    let (screen, out) = io::pipe().expect("a pipe");
    let printer = printer(bus.subscribe(From::Start, Kind::Lossless), out);
    drop(screen);
    let (reader, writer) = ends(Origin::Stdout);
    let pump = pump(reader, stream("p1", Origin::Stdout), &bus);
    let feeder = feed(writer, b"hello\n".repeat(100_000), 9);
    assert!(matches!(joined(printer).await, PrinterEnd::ReaderGone));
    joined(feeder).await;
    assert_eq!(soon(pump).await.expect("it didn't panic").bytes, 600_000);
}

#[tokio::test]
async fn an_output_that_does_not_block_is_waited_for() {
    let bus = Bus::new(Limits::default());
    let records = bus.subscribe(From::Start, Kind::Lossless);
    let (mut screen, out) = io::pipe().expect("a pipe");
    devserver::sys::fd::set_nonblocking(&out).expect("a pipe can be that");
    let (reader, writer) = ends(Origin::Stdout);
    let pump = pump(reader, stream("p1", Origin::Stdout), &bus);
    let feeder = feed(writer, b"a line that is long enough to fill the pipe soon\n".repeat(10_000), 3);
    let printer = printer(records, out);
    let reader = std::thread::spawn(move || {
        let mut shown = Vec::new();
        screen.read_to_end(&mut shown).map(|_| shown)
    });
    joined(feeder).await;
    soon(pump).await.expect("it didn't panic");
    bus.close();
    assert!(matches!(joined(printer).await, PrinterEnd::Finished));
    assert_eq!(lines_of(&joined(reader).await.expect("it can be read"), "p1").len(), 10_000);
}
