//! The end of a session: the ladder, interrupts, and that nothing is left.

use std::time::Duration;

use devserver::model::{Event, Leftovers, Signal, Verdict};
use devserver::plan::Condition;

use crate::support::session::{PATIENCE, Stack, eventually, fake, ladder, on, until_gone};

/// What happened to runs, in words.
fn ends(events: &[Event]) -> Vec<String> {
    let words = events.iter().filter_map(|event| match event {
        Event::Exited { run, status, expected: true, .. } => Some(format!("{run} {status}")),
        Event::Exited { run, status, expected: false, .. } => Some(format!("{run} {status} unasked")),
        Event::Escalated { run, ignored, signal, .. } => Some(format!("{run} ignored {ignored}, gets {signal}")),
        Event::Stopping { processes, now } => Some(format!("stopping {processes}, now: {now}")),
        _ => None,
    });
    words.collect()
}

#[tokio::test]
async fn dependents_end_before_what_they_depend_on() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, mut server, mut relay) = (fake("database", &[]), fake("server", &[]), fake("relay", &[]));
        server.depends_on = vec![on("database", Condition::Ready)];
        relay.depends_on = vec![on("server", Condition::Ready)];
        let mut stack = Stack::start(folder.path(), vec![database, server, relay]);
        stack.until_ready("relay#1").await;
        stack.interrupt(signal).await;
        assert_eq!(stack.verdict().await, Verdict::Fine);
        assert_eq!(
            ends(&stack.rest()),
            [
                "stopping 3, now: false",
                "relay#1 was ended by SIGTERM",
                "server#1 was ended by SIGTERM",
                "database#1 was ended by SIGTERM"
            ]
        );
    }
}

#[tokio::test]
async fn what_ignores_its_signal_climbs_the_ladder() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut spec = fake("worker", &["--ignore", "INT,TERM", "--print", "deaf"]);
    spec.stop = ladder(Signal::INT, Duration::from_millis(100));
    spec.stop.rungs.extend(ladder(Signal::TERM, Duration::from_millis(100)).rungs);
    let mut stack = Stack::start(folder.path(), vec![spec]);
    stack.until_output().await;
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Fine);
    assert_eq!(
        ends(&stack.rest()),
        [
            "stopping 1, now: false",
            "worker#1 ignored INT, gets TERM",
            "worker#1 ignored TERM, gets KILL",
            "worker#1 was ended by SIGKILL"
        ]
    );
}

#[tokio::test]
async fn a_second_interrupt_kills_everything_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut specs = vec![fake("server", &[]), fake("worker", &["--print", "blocked", "--ignore", "TERM"])];
    specs[1].depends_on = vec![on("server", Condition::Ready)];
    for spec in &mut specs {
        spec.stop = ladder(Signal::TERM, 4 * PATIENCE);
    }
    let mut stack = Stack::start(folder.path(), specs);
    stack.until_output().await;
    stack.interrupt(Signal::INT).await;
    stack.until(|event| matches!(event, Event::Stopping { now: false, .. }).then_some(())).await;
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Killed);
    let mut ends = ends(&stack.rest());
    ends.sort();
    assert_eq!(ends, ["server#1 was ended by SIGKILL", "stopping 2, now: true", "worker#1 was ended by SIGKILL"]);
}

#[tokio::test]
async fn after_a_third_interrupt_the_shims_clean_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pids");
    let pid_file = pids.to_str().expect("UTF-8");
    let mut spec = fake("worker", &["--pid-file", pid_file, "--ignore", "TERM", "--tree", "full", "--print", "grown"]);
    spec.stop = ladder(Signal::TERM, Duration::from_millis(200));
    let mut stack = Stack::start(folder.path(), vec![spec]);
    stack.until_output().await;
    for _ in 0..3 {
        stack.interrupt(Signal::INT).await;
    }
    assert_eq!(stack.verdict().await, Verdict::Abandoned);
    until_gone(&pids).await;
}

#[tokio::test]
async fn what_hides_from_the_group_is_swept_and_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pids");
    let mut spec = fake("worker", &["--pid-file", pids.to_str().expect("UTF-8"), "--tree", "full"]);
    spec.stop = ladder(Signal::TERM, Duration::from_millis(300));
    let mut stack = Stack::start(folder.path(), vec![spec]);
    stack.until_ready("worker#1").await;
    // The whole tree has noted itself: nine processes.
    eventually(|| std::fs::read_to_string(&pids).unwrap_or_default().lines().count() >= 9).await;
    stack.interrupt(Signal::INT).await;
    let leftovers = stack
        .until(|event| match event {
            Event::Gone { leftovers, .. } => Some(leftovers.clone()),
            _ => None,
        })
        .await;
    assert!(matches!(leftovers, Leftovers::Swept(_)), "{leftovers:?}");
    assert_eq!(stack.verdict().await, Verdict::Fine);
    until_gone(&pids).await;
}

#[tokio::test]
async fn an_interrupt_while_everything_starts_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let specs = (0..8).map(|number| {
        let mut spec = fake(&format!("p{number}"), &[]);
        // A stop that got lost on the way would be missed.
        spec.stop = ladder(Signal::TERM, 4 * PATIENCE);
        spec
    });
    let specs = specs.collect();
    let mut stack = Stack::start(folder.path(), specs);
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Fine);
    let (mut started, mut over) = (0, 0);
    for event in stack.rest() {
        match event {
            Event::Started { .. } => started += 1,
            Event::Gone { .. } => over += 1,
            _ => {}
        }
    }
    assert!(started <= over, "{started} were started, {over} are gone");
}
