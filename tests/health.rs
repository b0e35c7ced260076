//! Readiness and health of real processes: what they say themselves, and what is seen of them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use devserver::model::{Event, Health, ProbeFailure, RestartWhen, Signal, Verdict};
use devserver::plan::{Condition, Probe, ProcessSpec};
use devserver::sys::proc;

use crate::support::session::{Stack, eventually, fake, on};

/// Ready, and well, while this file is there.
fn well_with(name: &str, file: &Path) -> ProcessSpec {
    let mut spec = fake(name, &[]);
    let file = file.to_str().expect("UTF-8");
    spec.ready.probes = vec![Probe::Exec { command: ["test", "-e", file].map(str::to_owned).to_vec() }];
    spec
}

async fn until_health(stack: &mut Stack) -> (Health, Option<ProbeFailure>) {
    stack
        .until(|event| match event {
            Event::HealthChanged { health, last, .. } => Some((*health, last.clone())),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn after_readiness_a_probe_that_fails_is_shown_and_so_is_that_it_passes_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("well");
    fs::write(&file, "").expect("it is written");
    let mut stack = Stack::start(folder.path(), vec![well_with("server", &file)]);
    stack.until_ready("server#1").await;
    fs::remove_file(&file).expect("it was there");
    let (health, last) = until_health(&mut stack).await;
    assert_eq!(health, Health::Degraded);
    assert!(matches!(last, Some(ProbeFailure::Command { .. })), "{last:?}");
    fs::write(&file, "").expect("it is written");
    assert_eq!(until_health(&mut stack).await, (Health::Ok, None));
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Fine);
}

#[tokio::test]
async fn with_liveness_a_run_whose_probe_keeps_failing_is_started_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("well");
    fs::write(&file, "").expect("it is written");
    let mut spec = well_with("server", &file);
    spec.ready.liveness = Some(3);
    spec.restart.when = RestartWhen::OnFailure;
    let mut stack = Stack::start(folder.path(), vec![spec]);
    stack.until_ready("server#1").await;
    fs::remove_file(&file).expect("it was there");
    let failures = stack
        .until(|event| match event {
            Event::NotAlive { failures, .. } => Some(*failures),
            _ => None,
        })
        .await;
    assert_eq!(failures, 3);
    fs::write(&file, "").expect("it is written");
    let again = stack
        .until(|event| match event {
            Event::BecameReady { run, .. } => Some(run.to_string()),
            _ => None,
        })
        .await;
    assert_eq!(again, "server#2");
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Fine);
}

#[tokio::test]
async fn a_process_that_was_stopped_by_a_signal_is_shown_so_and_not_ended_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("well");
    fs::write(&file, "").expect("it is written");
    let mut spec = well_with("server", &file);
    spec.ready.liveness = Some(1);
    let mut stack = Stack::start(folder.path(), vec![spec]);
    let pid = stack.until_started("server#1").await;
    stack.until_ready("server#1").await;
    stack.signal("server", Signal::STOP).await;
    eventually(|| proc::stat(pid).is_some_and(|stat| stat.state == 'T')).await;
    fs::remove_file(&file).expect("it was there");
    assert_eq!(until_health(&mut stack).await, (Health::Stopped, None));
    fs::write(&file, "").expect("it is written");
    assert_eq!(until_health(&mut stack).await, (Health::Ok, None));
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Fine);
}

#[tokio::test]
async fn a_service_that_says_itself_when_it_is_ready_is_ready_then() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = fake("server", &["--after", "50", "--notify", "STATUS=up\nREADY=1"]);
    server.ready.probes = vec![Probe::Notify];
    let mut worker = fake("worker", &["--show", "env"]);
    worker.depends_on = vec![on("server", Condition::Ready)];
    let mut stack = Stack::start(folder.path(), vec![server, worker]);
    let mut order = Vec::new();
    stack
        .until(|event| {
            match event {
                Event::Started { run, .. } => order.push(format!("{run} started")),
                Event::BecameReady { run, .. } => order.push(format!("{run} ready")),
                _ => {}
            }
            matches!(event, Event::Settled { .. }).then_some(())
        })
        .await;
    assert_eq!(order, ["server#1 started", "server#1 ready", "worker#1 started", "worker#1 ready"]);
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Fine);
}

#[tokio::test]
async fn a_service_that_never_says_that_it_is_ready_is_named_with_what_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = fake("server", &["--notify", "STATUS=up"]);
    server.ready.probes = vec![Probe::Notify];
    server.ready.timeout = Some(Duration::from_millis(300));
    let mut worker = fake("worker", &[]);
    worker.depends_on = vec![on("server", Condition::Ready)];
    let mut stack = Stack::start(folder.path(), vec![server, worker]);
    let mut said = Vec::new();
    stack
        .until(|event| {
            match event {
                Event::NotReady { last, .. } => said.push(format!("{last:?}")),
                Event::Blocked { process, dependency } => said.push(format!("{process} by {dependency}")),
                _ => {}
            }
            matches!(event, Event::Blocked { .. }).then_some(())
        })
        .await;
    assert_eq!(said, ["Some(Unnotified { stranger: None })", "worker by server"]);
    assert_eq!(
        stack.verdict().await,
        Verdict::GaveUp(vec![devserver::model::ProcessName::new("server").expect("a name")])
    );
}
