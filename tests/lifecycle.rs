//! Sessions of real processes: order, readiness, restarts, ends.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use devserver::bus::Body;
use devserver::model::{
    Command, Event, ExitStatus, Phase, Pid, ProbeFailure, ProcessName, Reply, RestartWhen, Selector, Signal, SiloName,
    SpawnFailure, Verdict,
};
use devserver::plan::{Condition, Oneshot, Peer, Probe, ProcessSpec};

use crate::support::plans::plan;
use crate::support::session::{PATIENCE, Stack, eventually, fake, free_port, listening, living, on, until_gone};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn own_pid() -> Pid {
    Pid(std::process::id().cast_signed())
}

fn name(text: &str) -> ProcessName {
    ProcessName::new(text).expect("a name")
}

/// A shell command that is run once, in the project's folder.
fn oneshot(process: &str, script: &str, creates: &[&str], digest: Option<&str>) -> ProcessSpec {
    let mut spec = fake(process, &[]);
    spec.command = ["sh", "-c", script].map(str::to_owned).to_vec();
    spec.cwd = ".".into();
    spec.ready.timeout = None;
    spec.oneshot = Some(Oneshot {
        stale: true,
        creates: creates.iter().map(Into::into).collect(),
        inputs: Vec::new(),
        variables: Vec::new(),
        digest: digest.map(str::to_owned),
    });
    spec
}

#[tokio::test]
async fn a_dependent_is_started_when_its_dependency_listens() {
    let (folder, port) = (folder(), free_port());
    let mut relay = fake("relay", &[]);
    relay.depends_on = vec![on("server", Condition::Ready)];
    let mut stack = Stack::start(folder.path(), vec![listening("server", port, &["--after", "150"]), relay]);
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
    assert_eq!(order, ["server#1 started", "server#1 ready", "relay#1 started", "relay#1 ready"]);
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Fine);
}

#[tokio::test]
async fn all_given_probes_must_pass() {
    let (folder, port) = (folder(), free_port());
    let file = folder.path().join("ready");
    let file = file.to_str().expect("UTF-8");
    let mut spec = listening("server", port, &["--http", "204", "--print", "\x1b[32mwarm\x1b[0m now"]);
    let delay = Duration::from_millis(50);
    spec.ready.probes.extend([
        Probe::Http {
            url: format!("http://127.0.0.1:{port}/health?x"),
            host: "127.0.0.1".into(),
            port,
            path: "/health?x".into(),
            status: Some(204),
        },
        Probe::Log { pattern: "^warm now$".into() },
        Probe::Exec { command: ["test", "-e", file].map(str::to_owned).to_vec() },
        Probe::Delay { delay },
    ]);
    let mut stack = Stack::start(folder.path(), vec![spec]);
    stack.until_started("server#1").await;
    // The last one can't pass yet.
    fs::write(file, "").expect("it is written");
    let after = stack
        .until(|event| match event {
            Event::BecameReady { after, .. } => Some(*after),
            _ => None,
        })
        .await;
    assert!(after >= delay, "{after:?}");
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Fine);
}

#[tokio::test]
async fn what_a_probe_said_last_is_told_when_it_is_too_late() {
    let (folder, port) = (folder(), free_port());
    let url = format!("http://127.0.0.1:{port}/");
    let http = |status| Probe::Http { url: url.clone(), host: "127.0.0.1".into(), port, path: "/".into(), status };
    let mut spec = listening("server", port, &["--http", "503"]);
    spec.ready.probes = vec![http(None)];
    // Long enough for the answer to come on any machine.
    spec.ready.timeout = Some(Duration::from_secs(3));
    let mut stack = Stack::start(folder.path(), vec![spec]);
    let last = stack
        .until(|event| match event {
            Event::NotReady { last, .. } => Some(last.clone()),
            _ => None,
        })
        .await;
    assert_eq!(last, Some(ProbeFailure::Answer { target: url, why: "answered 503".into() }));
    assert_eq!(stack.verdict().await, Verdict::GaveUp(vec![name("server")]));
}

#[tokio::test]
async fn what_a_probes_command_leaves_behind_ends_with_its_answer() {
    let folder = folder();
    let pids = folder.path().join("pids");
    let pid_file = pids.to_str().expect("UTF-8");
    let mut spec = fake("server", &[]);
    let probe = fake("probe", &["--pid-file", pid_file, "--tree", "full", "--exit", "0"]);
    spec.ready.probes = vec![Probe::Exec { command: probe.command }];
    let mut stack = Stack::start(folder.path(), vec![spec]);
    stack.until_ready("server#1").await;
    until_gone(&pids).await;
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Fine);
}

#[tokio::test]
async fn a_probes_command_that_is_broken_off_is_gone_when_the_session_ends() {
    let folder = folder();
    let pids = folder.path().join("pids");
    let pid_file = pids.to_str().expect("UTF-8");
    let mut spec = fake("server", &[]);
    let probe = fake("probe", &["--pid-file", pid_file, "--tree", "full", "--ignore", "TERM"]);
    spec.ready.probes = vec![Probe::Exec { command: probe.command }];
    let mut stack = Stack::start(folder.path(), vec![spec]);
    eventually(|| fs::read_to_string(&pids).unwrap_or_default().lines().count() >= 9).await;
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Fine);
    assert_eq!(living(&pids), []);
}

#[tokio::test]
async fn what_a_probes_command_said_last_is_told() {
    let (folder, port) = (folder(), free_port());
    let script = "echo first; printf '\\033[31mno response\\033[0m\\n\\n' >&2; exit 2";
    let mut spec = listening("server", port, &[]);
    spec.ready.probes = vec![Probe::Exec { command: ["sh", "-c", script].map(str::to_owned).to_vec() }];
    spec.ready.timeout = Some(Duration::from_secs(3));
    let mut stack = Stack::start(folder.path(), vec![spec]);
    let last = stack
        .until(|event| match event {
            Event::NotReady { last, .. } => Some(last.clone()),
            _ => None,
        })
        .await;
    let why = "exited with 2: no response".to_owned();
    assert_eq!(last, Some(ProbeFailure::Command { command: format!("sh -c {script}"), why }));
    assert_eq!(stack.verdict().await, Verdict::GaveUp(vec![name("server")]));
}

#[tokio::test]
async fn a_probes_command_that_hangs_is_named_when_it_is_too_late() {
    let folder = folder();
    let mut spec = fake("server", &[]);
    spec.ready.probes = vec![Probe::Exec { command: ["sleep", "100"].map(str::to_owned).to_vec() }];
    spec.ready.timeout = Some(Duration::from_secs(4));
    let mut stack = Stack::start(folder.path(), vec![spec]);
    let last = stack
        .until(|event| match event {
            Event::NotReady { last, .. } => Some(last.clone()),
            _ => None,
        })
        .await;
    let why = "hasn't ended after 2s".to_owned();
    assert_eq!(last, Some(ProbeFailure::Command { command: "sleep 100".into(), why }));
    assert_eq!(stack.verdict().await, Verdict::GaveUp(vec![name("server")]));
}

#[tokio::test]
async fn a_crash_is_restarted_and_leaves_the_others_up() {
    let folder = folder();
    let mut worker = fake("worker", &[]);
    worker.restart.when = RestartWhen::OnFailure;
    let mut dependent = fake("dependent", &[]);
    dependent.depends_on = vec![on("worker", Condition::Ready)];
    let mut stack = Stack::start(folder.path(), vec![worker, dependent]);
    stack.until_ready("dependent#1").await;
    let reply = stack.signal("worker", Signal::KILL).await;
    assert_eq!(reply, Reply::Done { processes: vec![name("worker")] });
    let mut facts = Vec::new();
    stack
        .until(|event| {
            match event {
                Event::Exited { run, status, expected, .. } => {
                    facts.push(format!("{run} {status}, expected {expected}"))
                }
                Event::Gone { run, .. } => facts.push(format!("{run} gone")),
                Event::RestartScheduled { process, .. } => facts.push(format!("{process} again")),
                Event::BecameReady { run, .. } => facts.push(format!("{run} ready")),
                _ => {}
            }
            matches!(event, Event::BecameReady { .. }).then_some(())
        })
        .await;
    let expected = ["worker#1 was ended by SIGKILL, expected false", "worker#1 gone", "worker again", "worker#2 ready"];
    assert_eq!(facts, expected);
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Fine);
}

#[tokio::test]
async fn a_port_that_a_stranger_has_is_named_with_him() {
    let folder = folder();
    let stranger = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = stranger.local_addr().expect("it is bound").port();
    let mut spec = listening("server", port, &[]);
    spec.restart.when = RestartWhen::OnFailure;
    let mut stack = Stack::start(folder.path(), vec![spec]);
    let failure = stack
        .until(|event| match event {
            Event::SpawnFailed { failure, .. } => Some(failure.clone()),
            _ => None,
        })
        .await;
    let SpawnFailure::PortTaken { port: taken, holder: Some(holder) } = failure else { panic!("{failure:?}") };
    assert_eq!((taken, holder.pid), (port, own_pid()));
    // He leaves; the backoff brings it up.
    drop(stranger);
    stack.until(|event| matches!(event, Event::BecameReady { .. }).then_some(())).await;
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Fine);
}

#[tokio::test]
async fn a_stranger_that_answers_is_no_readiness() {
    let folder = folder();
    let stranger = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = stranger.local_addr().expect("it is bound").port();
    let mut spec = fake("server", &[]);
    spec.ready.probes = vec![Probe::Tcp { host: "127.0.0.1".into(), port }];
    spec.ready.timeout = Some(Duration::from_secs(3));
    let mut stack = Stack::start(folder.path(), vec![spec]);
    let last = stack
        .until(|event| match event {
            Event::NotReady { last, .. } => Some(last.clone()),
            _ => None,
        })
        .await;
    let Some(ProbeFailure::Foreign { target, holder }) = last else { panic!("{last:?}") };
    assert_eq!((target, holder.pid), (format!("127.0.0.1:{port}"), own_pid()));
    assert_eq!(stack.verdict().await, Verdict::GaveUp(vec![name("server")]));
}

#[tokio::test]
async fn the_end_of_a_process_with_exit_on_end_ends_all_with_its_status() {
    let folder = folder();
    let mut job = fake("job", &["--exit", "7"]);
    job.exit_on_end = true;
    job.depends_on = vec![on("server", Condition::Ready)];
    let mut stack = Stack::start(folder.path(), vec![fake("server", &[]), job]);
    let verdict = Verdict::Ended { process: name("job"), status: ExitStatus::Code(7) };
    assert_eq!(stack.verdict().await, verdict);
}

#[tokio::test]
async fn a_process_that_fails_too_often_is_left_alone() {
    let folder = folder();
    let mut spec = fake("worker", &["--lines", "12", "--exit", "1"]);
    spec.restart.when = RestartWhen::OnFailure;
    let mut stack = Stack::start(folder.path(), vec![spec]);
    assert_eq!(stack.verdict().await, Verdict::GaveUp(vec![name("worker")]));
    let events = stack.rest();
    let said: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::GaveUp { why, lines, .. } => Some((why.as_str(), lines.clone())),
            _ => None,
        })
        .collect();
    let lines = (3..=12).map(|number| format!("line {number}")).collect();
    assert_eq!(said, [("3 runs in a row ended early; the last one exited with 1", lines)]);
    let starts = events.iter().filter(|event| matches!(event, Event::Started { .. })).count();
    assert_eq!(starts, 3);
}

#[tokio::test]
async fn a_missing_program_is_not_tried_again() {
    let folder = folder();
    let mut spec = fake("server", &[]);
    spec.command = vec!["no-such-program".into()];
    spec.restart.when = RestartWhen::Always;
    let mut stack = Stack::start(folder.path(), vec![spec]);
    assert_eq!(stack.verdict().await, Verdict::GaveUp(vec![name("server")]));
    let failures: Vec<_> = stack
        .rest()
        .into_iter()
        .filter_map(|event| match event {
            Event::SpawnFailed { failure, .. } => Some(failure),
            _ => None,
        })
        .collect();
    assert_eq!(failures, [SpawnFailure::ProgramNotFound { program: "no-such-program".into() }]);
}

#[tokio::test]
async fn the_last_lines_come_before_the_exit() {
    for pty in [true, false] {
        let folder = folder();
        let mut spec = fake("talker", &["--lines", "50000", "--no-newline", "--exit", "3"]);
        spec.pty = pty;
        let mut stack = Stack::start(folder.path(), vec![spec]);
        let mut bytes = Vec::new();
        loop {
            match stack.next().await.body {
                Body::Block(block) => bytes.extend_from_slice(&block.bytes),
                Body::Event(event) if matches!(*event, Event::Exited { .. }) => break,
                Body::Event(_) => {}
                Body::Lagged { missed } => panic!("{missed} missed"),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!((text.lines().count(), text.lines().last()), (50_000, Some("line 50000")), "pty: {pty}");
        stack.verdict().await;
    }
}

#[tokio::test]
async fn a_restart_is_answered_when_the_next_run_is_ready() {
    let (folder, port) = (folder(), free_port());
    let mut stack = Stack::start(folder.path(), vec![listening("server", port, &[])]);
    stack.until_ready("server#1").await;
    let reply = stack.command(Command::Restart { selector: Selector::new("server"), wait: true }).await;
    assert_eq!(reply, Reply::Done { processes: vec![name("server")] });
    stack.until_ready("server#2").await;
    let reply = stack.command(Command::Stop { selector: Selector::new("server") }).await;
    assert_eq!(reply, Reply::Done { processes: vec![name("server")] });
    drop(TcpListener::bind(("127.0.0.1", port)).expect("the port is free when a stop is answered"));
    let reply = stack.command(Command::Down).await;
    assert_eq!((reply, stack.verdict().await), (Reply::Done { processes: vec![] }, Verdict::Fine));
}

#[tokio::test]
async fn work_that_succeeded_is_remembered_with_its_digest() {
    let folder = folder();
    let spec = oneshot("control.venv", "echo made > made", &["made"], Some("d1"));
    let mut stack = Stack::start(folder.path(), vec![spec]);
    assert_eq!(stack.verdict().await, Verdict::Fine);
    let digest = fs::read_to_string(folder.path().join(".devserver/oneshot/control.venv.digest"));
    assert_eq!(digest.expect("it is there"), "d1");
    assert!(!folder.path().join(".devserver/locks/setup.lock").exists());
}

#[tokio::test]
async fn work_that_failed_is_not_remembered() {
    let folder = folder();
    let mut stack = Stack::start(folder.path(), vec![oneshot("venv", "exit 3", &[], Some("d1"))]);
    assert_eq!(stack.verdict().await, Verdict::GaveUp(vec![name("venv")]));
    assert!(!folder.path().join(".devserver/oneshot/venv.digest").exists());
}

#[tokio::test]
async fn two_sessions_of_one_checkout_set_it_up_once() {
    let folder = folder();
    let script = "echo ran >> runs; while [ ! -e go ]; do sleep 0.01; done; touch made";
    let specs = || {
        let mut pip = oneshot("pip", "echo installed >> runs; touch installed", &["installed"], Some("d2"));
        pip.depends_on = vec![on("venv", Condition::Ready)];
        vec![oneshot("venv", script, &["made"], Some("d1")), pip]
    };
    let mut first = Stack::start(folder.path(), specs());
    first.until_started("venv#1").await;
    let mut second = Stack::start(folder.path(), specs());
    let said = second
        .until(|event| match event {
            Event::Notice { text } => Some(text.clone()),
            _ => None,
        })
        .await;
    assert!(said.starts_with(&format!("waiting for pid {} (", own_pid())), "{said}");
    assert!(said.ends_with("), which is setting up `venv`"), "{said}");
    fs::write(folder.path().join("go"), "").expect("it is written");
    assert_eq!(first.verdict().await, Verdict::Fine);
    assert_eq!(second.verdict().await, Verdict::Fine);
    assert_eq!(fs::read_to_string(folder.path().join("runs")).expect("it ran"), "ran\ninstalled\n");
}

#[tokio::test]
async fn a_session_that_waits_for_another_can_be_stopped() {
    let folder = folder();
    let spec = || oneshot("venv", "sleep 100", &["made"], None);
    let mut first = Stack::start(folder.path(), vec![spec()]);
    first.until_started("venv#1").await;
    let mut second = Stack::start(folder.path(), vec![spec()]);
    second.until(|event| matches!(event, Event::Notice { .. }).then_some(())).await;
    for stack in [&mut second, &mut first] {
        stack.interrupt(Signal::INT).await;
        assert_eq!(stack.verdict().await, Verdict::Fine);
    }
}

#[tokio::test]
async fn starting_up_ends_with_how_everything_stands() {
    let folder = folder();
    let peer = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = peer.local_addr().expect("it is bound").port();
    let mut plan = plan(vec![fake("server", &[]), oneshot("venv", "true", &[], None)]);
    plan.notices.push("celery-beat is off".into());
    plan.peers = vec![
        Peer { silo: SiloName::new("control").expect("a name"), host: "127.0.0.1".into(), port, start: "a".into() },
        Peer {
            silo: SiloName::new("region").expect("a name"),
            host: "127.0.0.1".into(),
            port: free_port(),
            start: "b".into(),
        },
    ];
    let mut stack = Stack::of(folder.path(), plan);
    let notice = stack
        .until(|event| match event {
            Event::Notice { text } => Some(text.clone()),
            _ => None,
        })
        .await;
    assert_eq!(notice, "celery-beat is off");
    let (status, peers) = stack
        .until(|event| match event {
            Event::Settled { status, peers } => Some((status.clone(), peers.clone())),
            _ => None,
        })
        .await;
    let phases: Vec<_> = status.processes.iter().map(|process| process.phase.clone()).collect();
    assert_eq!(phases, [Phase::Ready, Phase::Done { status: ExitStatus::Code(0) }]);
    assert!(status.processes[0].ready_after.is_some_and(|after| after < PATIENCE));
    assert_eq!(peers.iter().map(|peer| peer.answers).collect::<Vec<_>>(), [true, false]);
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Fine);
}
