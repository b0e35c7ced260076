//! Stops that take long: what is said meanwhile.

use std::time::Duration;

use devserver::model::{Event, Pid, Signal, Verdict};

use crate::support::session::{Stack, fake, ladder};

#[tokio::test]
async fn a_stop_that_takes_long_names_whom_it_waits_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut spec = fake("worker", &["--ignore", "TERM", "--print", "it ignores it now"]);
    spec.stop = ladder(Signal::TERM, Duration::from_mins(2));
    let mut stack = Stack::start(folder.path(), vec![spec]);
    let pid = stack.until_started("worker#1").await;
    stack.until_output().await;
    stack.interrupt(Signal::INT).await;
    let (signal, of, remaining, count) = stack
        .until(|event| match event {
            Event::StillStopping { signal, of, remaining, count, .. } => {
                Some((*signal, *of, remaining.clone(), *count))
            }
            _ => None,
        })
        .await;
    assert_eq!((signal, of, count), (Signal::TERM, Duration::from_mins(2), 1));
    assert_eq!(remaining.iter().map(|stray| stray.pid).collect::<Vec<Pid>>(), [pid]);
    assert!(remaining[0].command.contains("fake-service"), "{remaining:?}");
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Killed);
}
