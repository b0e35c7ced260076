//! What streams do: end in the middle, hold anything, never pause, and be closed while their process goes on.

use std::fs;
use std::process::Command;
use std::time::Duration;

use devserver::bus::Body;
use devserver::model::{Event, Signal, Verdict};

use crate::support::session::{self, eventually, fake, ladder};
use crate::support::stack;

#[tokio::test]
async fn the_last_lines_of_forty_short_lives_at_once_are_all_there_before_their_end() {
    const LIVES: usize = 40;
    const LINES: usize = 700;
    let folder = tempfile::tempdir().expect("a folder");
    let lines = LINES.to_string();
    let specs = (0..LIVES).map(|number| {
        let mut spec = fake(&format!("p{number}"), &["--lines", &lines, "--exit", "0"]);
        spec.pty = number % 2 == 0;
        spec
    });
    let mut stack = session::Stack::start(folder.path(), specs.collect());
    let (mut seen, mut ended) = (std::collections::BTreeMap::<String, usize>::new(), 0);
    while ended < LIVES {
        match stack.next().await.body {
            Body::Block(block) => *seen.entry(block.stream.run.to_string()).or_default() += block.count(),
            Body::Event(event) => {
                if let Event::Exited { run, .. } = &*event {
                    assert_eq!(seen.get(&run.to_string()), Some(&LINES), "lines of {run} at its end");
                    ended += 1;
                }
            }
            Body::Lagged { missed } => panic!("{missed} missed"),
        }
    }
    assert_eq!(stack.verdict().await, Verdict::Fine);
}

#[tokio::test]
async fn a_flood_in_one_service_does_not_keep_the_others_waiting() {
    let folder = tempfile::tempdir().expect("a folder");
    let specs = vec![fake("flood", &["--chatter", "0"]), fake("quiet", &["--chatter", "20"])];
    let mut stack = session::Stack::start(folder.path(), specs);
    let (mut flood, mut quiet) = (0, 0);
    // It has no room for more than a few lines between two of the quiet one's if that has to wait its turn.
    while quiet < 20 || flood < 2_000 {
        if let Body::Block(block) = stack.next().await.body {
            match block.stream.run.process.as_str() {
                "quiet" => quiet += block.count(),
                _ => flood += block.count(),
            }
        }
    }
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Fine);
}

/// What the fake service pours out (xorshift).
fn any_bytes(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..count).map(next).collect()
}

#[test]
fn bytes_that_are_no_text_are_stored_as_they_came() {
    const COUNT: usize = 200_000;
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "[service.noise]\npty = false\ncommand = [\"{}\", \"--bytes\", \"{COUNT}\", \"--exit\", \"0\"]\n",
        env!("CARGO_BIN_EXE_fake-service")
    );
    fs::write(folder.path().join("devserver.toml"), text).expect("it can be written");
    let mut stack = stack::Stack::start(folder.path(), &[], &[]);
    assert_eq!(stack.ended().code(), Some(0), "{}", stack.output());
    let mut logs = Command::new(env!("CARGO_BIN_EXE_devserver"));
    let stored = logs.args(["logs", "--raw", "noise"]).current_dir(folder.path()).output().expect("it runs").stdout;
    let expected = any_bytes(COUNT);
    let stored = stored.get(..COUNT).unwrap_or(&stored);
    let differs = stored.iter().zip(&expected).position(|(one, other)| one != other);
    assert!(stored.len() == COUNT && differs.is_none(), "{} bytes, they differ at {differs:?}", stored.len());
}

#[tokio::test]
async fn a_service_that_closes_its_output_goes_on_and_hears_its_stop() {
    for pty in [true, false] {
        let folder = tempfile::tempdir().expect("a folder");
        let record = folder.path().join("record");
        let mut spec = fake("quiet", &["--record", record.to_str().expect("UTF-8"), "--close-output", "--touch", "on"]);
        spec.command.extend(["--pid-file", "pids"].map(str::to_owned));
        spec.cwd = folder.path().to_owned();
        spec.pty = pty;
        spec.stop = ladder(Signal::TERM, Duration::from_secs(60));
        let mut stack = session::Stack::start(folder.path(), vec![spec]);
        let pid = stack.until_started("quiet#1").await;
        let closed = || fs::read_link(format!("/proc/{pid}/fd/1")).is_err();
        eventually(closed).await;
        stack.interrupt(Signal::INT).await;
        assert_eq!(stack.verdict().await, Verdict::Fine);
        assert_eq!(fs::read_to_string(&record).expect("it heard"), "got TERM\n", "pty: {pty}");
        let ends: Vec<String> = stack
            .all()
            .iter()
            .filter_map(|event| match event {
                Event::Exited { status, expected, .. } => Some(format!("{status}, expected {expected}")),
                _ => None,
            })
            .collect();
        assert_eq!(ends, ["exited with 0, expected true"], "pty: {pty}");
    }
}
