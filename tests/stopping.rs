//! Stops that take long: what is said meanwhile.

use std::time::Duration;

use devserver::model::{Command, Event, Leftovers, Pid, Reply, Selector, Signal, StopCommand, Verdict};
use devserver::plan::ProcessSpec;

use crate::support::session::{PATIENCE, Stack, eventually, fake, ladder, living, until_gone};

#[tokio::test]
async fn a_stop_that_takes_long_names_whom_it_waits_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut spec = fake("worker", &["--ignore", "TERM", "--print", "it ignores it now"]);
    spec.stop = ladder(Signal::TERM, Duration::from_mins(2));
    let mut stack = Stack::start(folder.path(), vec![spec]);
    let pid = stack.until_started("worker#1").await;
    stack.until_output().await;
    stack.interrupt(Signal::INT).await;
    let (by, of, remaining, count) = stack
        .until(|event| match event {
            Event::StillStopping { by, of, remaining, count, .. } => {
                Some((by.to_string(), *of, remaining.clone(), *count))
            }
            _ => None,
        })
        .await;
    assert_eq!((by.as_str(), of, count), ("TERM", Duration::from_mins(2), 1));
    assert_eq!(remaining.iter().map(|stray| stray.pid).collect::<Vec<Pid>>(), [pid]);
    assert!(remaining[0].command.contains("fake-service"), "{remaining:?}");
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Killed);
}

/// A service that ignores TERM, and how it is stopped: by a shell command, then for a long time by TERM.
fn commanded(script: &str, timeout: Duration) -> ProcessSpec {
    let mut spec = fake("worker", &["--ignore", "TERM", "--print", "it ignores it now"]);
    spec.stop = ladder(Signal::TERM, Duration::from_mins(2));
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    spec.stop.command = Some(StopCommand { command, timeout });
    spec
}

async fn failed(stack: &mut Stack) -> (String, Signal) {
    stack
        .until(|event| match event {
            Event::StopCommandFailed { why, signal, .. } => Some((why.clone(), *signal)),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn a_stop_command_stops_a_service_in_its_folder_and_environment_by_the_pid_of_its_main_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut spec = commanded("test -e here && test $COLOUR = red && kill -INT $MAINPID", 4 * PATIENCE);
    spec.cwd = folder.path().to_owned();
    let red = devserver::plan::EnvValue { value: "red".into(), origin: String::new() };
    spec.env.insert("COLOUR".into(), red);
    std::fs::write(folder.path().join("here"), "").expect("it is written");
    let mut stack = Stack::start(folder.path(), vec![spec]);
    stack.until_output().await;
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Fine);
    let events = stack.rest();
    let said = events.iter().filter(|event| matches!(event, Event::StopCommandFailed { .. } | Event::Escalated { .. }));
    assert_eq!(said.count(), 0, "{events:?}");
    assert!(events.iter().any(|event| matches!(event, Event::Gone { leftovers: Leftovers::None, .. })));
}

#[tokio::test]
async fn after_a_stop_command_that_fails_comes_the_signal() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut stack = Stack::start(folder.path(), vec![commanded("echo no server >&2; exit 3", 4 * PATIENCE)]);
    stack.until_output().await;
    stack.interrupt(Signal::INT).await;
    assert_eq!(failed(&mut stack).await, ("exited with 3: no server".to_owned(), Signal::TERM));
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Killed);
}

#[tokio::test]
async fn after_a_stop_command_that_hangs_comes_the_signal_and_nothing_of_the_command_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pids");
    let halt = fake("halt", &["--pid-file", pids.to_str().expect("UTF-8"), "--ignore", "TERM", "--tree", "full"]);
    let mut spec = commanded("", Duration::from_secs(3));
    spec.stop.command = Some(StopCommand { command: halt.command, timeout: Duration::from_secs(3) });
    let mut stack = Stack::start(folder.path(), vec![spec]);
    stack.until_output().await;
    stack.interrupt(Signal::INT).await;
    // It says meanwhile what it waits for.
    let by = stack
        .until(|event| match event {
            Event::StillStopping { by, .. } => Some(by.to_string()),
            _ => None,
        })
        .await;
    assert!(by.contains("--pid-file"), "{by}");
    assert_eq!(failed(&mut stack).await, ("hasn't ended after 3s".to_owned(), Signal::TERM));
    until_gone(&pids).await;
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Killed);
}

#[tokio::test]
async fn a_second_interrupt_does_not_wait_for_a_stop_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pids");
    let halt = fake("halt", &["--pid-file", pids.to_str().expect("UTF-8")]);
    let mut spec = commanded("", 4 * PATIENCE);
    spec.stop.command = Some(StopCommand { command: halt.command, timeout: 4 * PATIENCE });
    let mut stack = Stack::start(folder.path(), vec![spec]);
    stack.until_output().await;
    stack.interrupt(Signal::INT).await;
    eventually(|| pids.exists()).await;
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Killed);
    until_gone(&pids).await;
}

/// As `docker compose down`, which goes on when what it stops has ended: the next run comes after it.
#[tokio::test]
async fn a_restart_waits_for_what_the_stop_command_still_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ended, pids) = (folder.path().join("ended"), folder.path().join("pids"));
    let script = format!("kill -INT $MAINPID; while ! test -e {}; do sleep 0.02; done", ended.display());
    let mut spec = commanded(&script, 4 * PATIENCE);
    spec.command.extend(["--pid-file".to_owned(), pids.display().to_string()]);
    let mut stack = Stack::start(folder.path(), vec![spec]);
    stack.until_output().await;
    let (asking, released) =
        (stack.command(Command::Restart { selector: Selector::new("worker"), wait: true }), async {
            eventually(|| living(&pids).is_empty()).await;
            let noted = std::fs::read_to_string(&pids).expect("it is there");
            std::fs::write(&ended, "").expect("it is written");
            noted.lines().count()
        });
    let (reply, runs) = tokio::join!(asking, released);
    assert!(matches!(reply, Reply::Done { .. }), "{reply:?}");
    assert_eq!(runs, 1, "no second run beside the command");
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Fine);
}
