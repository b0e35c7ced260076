//! The pump on real pipes and ptys.

use std::io::{PipeWriter, Write};

use tokio::sync::watch;

use super::*;
use crate::bus::{Batch, Body, From, Kind, Limits, Subscription};
use crate::model::{ProcessName, RunId};

fn stream(origin: Origin) -> Stream {
    let process = ProcessName::new("web").expect("a name");
    Stream { run: RunId { process, number: 1 }, origin }
}

struct Setup {
    writer: PipeWriter,
    pump: Pump,
    bus: Bus,
    lines: Subscription,
}

fn pipe(limits: Limits, probes: Vec<LogProbe>) -> Setup {
    let (reader, writer) = io::pipe().expect("a pipe");
    let bus = Bus::new(limits);
    let lines = bus.subscribe(From::Start, Kind::Lossless);
    let pump = Pump::new(reader.into(), stream(Origin::Stdout), bus.clone(), probes).expect("a pump");
    Setup { writer, pump, bus, lines }
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), what).await.expect("it comes to an end")
}

/// The next lines: their bytes, whether they continue, and how they end.
async fn next(lines: &mut Subscription) -> Vec<(String, bool, Ending)> {
    let mut records = Vec::new();
    if soon(lines.next(&mut records)).await == Batch::Closed {
        return Vec::new();
    }
    let mut all = Vec::new();
    for record in records {
        let Body::Block(block) = record.body else { panic!("only lines were published") };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        all.extend(block.lines().map(|line| (text(line.bytes), line.continues, line.ending)));
    }
    all
}

async fn rest(mut lines: Subscription) -> Vec<(String, bool, Ending)> {
    let mut all = Vec::new();
    loop {
        let more = next(&mut lines).await;
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

fn line(text: &str, continues: bool, ending: Ending) -> (String, bool, Ending) {
    (text.into(), continues, ending)
}

#[tokio::test]
async fn a_prompt_is_let_out_and_what_follows_continues_it() {
    let Setup { mut writer, pump, bus, mut lines } = pipe(Limits::default(), vec![]);
    let pump = tokio::spawn(pump.run());
    writer.write_all(b"hello\nPassword: ").expect("written");
    let mut got = next(&mut lines).await;
    if got.len() == 1 {
        got.extend(next(&mut lines).await);
    }
    assert_eq!(got, [line("hello", false, Ending::Newline), line("Password: ", false, Ending::Paused)]);
    writer.write_all(b"secret\nbye").expect("written");
    drop(writer);
    let end = soon(pump).await.expect("it didn't panic");
    bus.close();
    assert_eq!(rest(lines).await, [line("secret", true, Ending::Newline), line("bye", false, Ending::EndOfFile)]);
    assert_eq!((end.bytes, end.failure.is_none()), (26, true));
}

#[tokio::test]
async fn a_line_that_never_ends_is_cut_and_nothing_of_it_is_lost() {
    let Setup { mut writer, pump, bus, lines } = pipe(Limits { high: usize::MAX, ..Limits::default() }, vec![]);
    let feeder = std::thread::spawn(move || writer.write_all(&vec![b'x'; 5 * LONGEST_LINE / 2]));
    soon(pump.run()).await;
    bus.close();
    feeder.join().expect("it didn't panic").expect("written");
    let got: Vec<_> =
        rest(lines).await.into_iter().map(|(text, continues, end)| (text.len(), continues, end)).collect();
    let half = LONGEST_LINE / 2;
    // A busy machine may pause the writer for so long that a piece is let out as if it were a prompt.
    if got.iter().all(|(.., ending)| *ending != Ending::Paused) {
        assert_eq!(
            got,
            [(LONGEST_LINE, false, Ending::Cut), (LONGEST_LINE, true, Ending::Cut), (half, true, Ending::EndOfFile)]
        );
    }
    assert_eq!(got.iter().map(|(length, ..)| length).sum::<usize>(), 5 * LONGEST_LINE / 2);
}

#[tokio::test]
async fn a_log_probe_sees_lines_without_their_colours_and_put_together() {
    let (found, mut told) = mpsc::channel(1);
    let probe = LogProbe { pattern: Regex::new("^Server is ready$").expect("a pattern"), found };
    let Setup { mut writer, pump, bus: _bus, mut lines } = pipe(Limits::default(), vec![probe]);
    let _pump = tokio::spawn(pump.run());
    writer.write_all(b"The Server is ready soon\n\x1b[32mServer\x1b[0m is re").expect("written");
    let mut seen = 0;
    while seen < 2 {
        seen += next(&mut lines).await.len();
    }
    assert!(told.try_recv().is_err(), "not yet");
    writer.write_all(b"ady\r\n").expect("written");
    soon(told.recv()).await.expect("it was found");
    drop(writer);
    assert!(soon(told.recv()).await.is_none(), "once, and then the probe is gone");
}

#[tokio::test]
async fn under_pressure_the_child_waits_and_memory_stays_bounded() {
    let limits = Limits { high: 256 * 1024, history_bytes: 64 * 1024, ..Limits::default() };
    let Setup { mut writer, pump, bus, mut lines } = pipe(limits, vec![]);
    let line = [b"x".repeat(99), b"\n".to_vec()].concat();
    let total = 40_000;
    let (progress, mut written) = watch::channel(0);
    let feeder = std::thread::spawn(move || {
        for hundred in 1..=total / 100 {
            writer.write_all(&line.repeat(100)).expect("written");
            progress.send_replace(hundred * 100);
        }
    });
    let pump = tokio::spawn(pump.run());
    // What was written and not yet taken is in the pipe, in the pump or in the queue.
    let pipe = 64 * 1024;
    let bound = (limits.high + pipe + 2 * GATHERED + Subscription::BATCH) / 100;
    soon(written.wait_for(|lines| lines * 100 >= limits.high / 2)).await.expect("it goes on");
    let too_much = written.wait_for(|lines| *lines > bound);
    assert!(tokio::time::timeout(Duration::from_secs(1), too_much).await.is_err(), "the child doesn't wait");
    bus.emit(Timestamp::UNIX_EPOCH, crate::model::Event::Notice { text: "events pass".into() });

    let (mut got, mut records) = (0, Vec::new());
    while got < total {
        let ahead = written.borrow().saturating_sub(got);
        assert!(ahead <= bound, "{ahead} lines were taken in that nobody has read");
        let _ = soon(lines.next(&mut records)).await;
        for record in records.drain(..) {
            if let Body::Block(block) = record.body {
                // A busy machine may pause the writer in mid-line; that is one more piece and no more lines.
                got += block.lines().filter(|line| line.ending == Ending::Newline).count();
            }
        }
    }
    assert_eq!(got, total);
    let end = soon(pump).await.expect("it didn't panic");
    assert_eq!(end.bytes, total as u64 * 100);
    feeder.join().expect("it didn't panic");
}
