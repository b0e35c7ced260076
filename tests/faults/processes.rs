//! What processes do: end all at once, be restarted by everybody at once, leave daemons, and be somebody else.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use devserver::model::{Command, Event, ExitStatus, Leftovers, Phase, Pid, Reply, Selector, Signal, Verdict};
use devserver::plan::{Oneshot, ProcessSpec};
use devserver::shim::strike;
use devserver::sys::{limits, proc, signal};

use crate::support::session::{Stack, eventually, fake, free_port, ladder, listening, living};

fn path(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).to_str().expect("UTF-8").to_owned()
}

async fn down(stack: &mut Stack) {
    stack.interrupt(Signal::INT).await;
    assert_eq!(stack.verdict().await, Verdict::Fine);
}

#[tokio::test]
async fn a_stop_is_not_done_while_a_worker_that_ignores_it_lives() {
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pids");
    // The main process heeds TERM; the other eight don't.
    let arguments = ["--tree", "full", "--pid-file", &path(&folder, "pids"), "--node-ignore", "TERM,HUP"];
    let mut worker = fake("worker", &arguments);
    worker.stop = ladder(Signal::TERM, Duration::from_millis(300));
    let mut stack = Stack::start(folder.path(), vec![worker, fake("other", &[])]);
    eventually(|| std::fs::read_to_string(&pids).unwrap_or_default().lines().count() >= 9).await;
    assert!(matches!(stack.command(Command::Stop { selector: Selector::new("worker") }).await, Reply::Done { .. }));
    assert_eq!(living(&pids), [], "the stop was answered");
    down(&mut stack).await;
}

#[tokio::test]
async fn of_three_hundred_that_end_at_the_same_moment_each_end_is_told_once() {
    const COUNT: usize = 300;
    // A socket, a terminal and a descriptor of each process are ours.
    limits::raise_open_files().expect("up to what is allowed");
    let folder = tempfile::tempdir().expect("a folder");
    let specs = (0..COUNT).map(|number| {
        let mut spec = fake(&format!("p{number}"), &[]);
        spec.command = ["sleep", "1000"].map(str::to_owned).to_vec();
        spec
    });
    let mut stack = Stack::start(folder.path(), specs.collect());
    let mut pids = Vec::new();
    while pids.len() < COUNT {
        pids.push(stack.until(|event| if let Event::Started { pid, .. } = event { Some(*pid) } else { None }).await);
    }
    for pid in pids {
        signal::send(pid, Signal::KILL).expect("it is below us");
    }
    let (mut exits, mut gone) = (BTreeMap::new(), BTreeMap::new());
    while gone.len() < COUNT {
        stack
            .until(|event| match event {
                Event::Exited { run, status, .. } => {
                    assert_eq!(*status, ExitStatus::Signal { signal: Signal::KILL, core: false });
                    *exits.entry(run.to_string()).or_insert(0) += 1;
                    Some(())
                }
                Event::Gone { run, .. } => {
                    assert!(exits.contains_key(&run.to_string()), "its end comes before it is gone");
                    *gone.entry(run.to_string()).or_insert(0) += 1;
                    Some(())
                }
                _ => None,
            })
            .await;
    }
    assert!(matches!(stack.verdict().await, Verdict::GaveUp(processes) if processes.len() == COUNT));
    assert!(exits.len() == COUNT && exits.values().chain(gone.values()).all(|count| *count == 1), "{exits:?} {gone:?}");
}

#[tokio::test]
async fn twenty_restarts_at_once_are_all_answered_and_two_runs_never_overlap() {
    let (folder, port) = (tempfile::tempdir().expect("a folder"), free_port());
    let pids = folder.path().join("pids");
    // It keeps its port for a while after it is told to stop, and would say so if the next one came too early.
    let arguments = ["--pid-file", &path(&folder, "pids"), "--slow-stop", "150"];
    let mut stack = Stack::start(folder.path(), vec![listening("server", port, &arguments)]);
    stack.until_ready("server#1").await;
    let restart = || Command::Restart { selector: Selector::new("server"), wait: true };
    for reply in stack.commands((0..20).map(|_| restart()).collect()).await {
        assert!(matches!(reply, Reply::Done { .. }), "{reply:?}");
    }
    assert_eq!(living(&pids).len(), 1);
    down(&mut stack).await;
    let mut up: HashSet<String> = HashSet::new();
    let mut runs = 0;
    for event in stack.all() {
        match event {
            Event::Started { run, .. } => {
                assert!(up.is_empty(), "{run} was started beside {up:?}");
                up.insert(run.to_string());
                runs += 1;
            }
            Event::Gone { run, .. } => drop(up.remove(&run.to_string())),
            Event::SpawnFailed { failure, .. } => panic!("{failure:?}"),
            _ => {}
        }
    }
    assert!((2..=21).contains(&runs), "{runs} runs");
}

/// A step that is run once.
fn oneshot(name: &str, arguments: &[&str]) -> ProcessSpec {
    let mut spec = fake(name, arguments);
    spec.ready.timeout = None;
    spec.oneshot =
        Some(Oneshot { stale: true, creates: Vec::new(), inputs: Vec::new(), variables: Vec::new(), digest: None });
    spec
}

#[tokio::test]
async fn a_daemon_that_a_step_leaves_behind_is_named_and_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pids");
    let mut step = oneshot("step", &["--tree", "daemon", "--pid-file", &path(&folder, "pids"), "--exit", "0"]);
    step.stop = ladder(Signal::TERM, Duration::from_millis(300));
    let mut stack = Stack::start(folder.path(), vec![step, fake("server", &[])]);
    let leftovers = stack
        .until(|event| match event {
            Event::Gone { run, leftovers } if run.to_string() == "step#1" => Some(leftovers.clone()),
            _ => None,
        })
        .await;
    let Leftovers::Swept(strays) = leftovers else { panic!("two were left") };
    assert!(strays.iter().any(|stray| stray.command.contains("daemon-2")), "{strays:?}");
    assert_eq!(living(&pids), []);
    let status =
        stack.until(|event| if let Event::Settled { status, .. } = event { Some(status.clone()) } else { None });
    assert_eq!(status.await.processes[0].phase, Phase::Done { status: ExitStatus::Code(0) });
    down(&mut stack).await;
}

#[tokio::test]
async fn an_end_is_told_although_something_holds_the_output_open() {
    for pty in [true, false] {
        let folder = tempfile::tempdir().expect("a folder");
        let (pids, go) = (folder.path().join("pids"), path(&folder, "go"));
        let arguments = ["--pid-file", &path(&folder, "pids"), "--hold-stdout", "100000", "--exit-on-file", &go];
        let mut spec = fake("talker", &[&arguments[..], &["--exit", "3"]].concat());
        spec.pty = pty;
        spec.stop = ladder(Signal::TERM, Duration::from_millis(300));
        let mut stack = Stack::start(folder.path(), vec![spec]);
        // In a session of its own by now.
        eventually(|| std::fs::read_to_string(&pids).unwrap_or_default().lines().count() == 2).await;
        std::fs::write(&go, "").expect("it can be written");
        let mut order = Vec::new();
        stack
            .until(|event| {
                match event {
                    Event::Exited { status, .. } => order.push(status.to_string()),
                    Event::Gone { leftovers: Leftovers::Swept(strays), .. } => {
                        order.push(format!("{} swept", strays.len()));
                    }
                    _ => {}
                }
                matches!(event, Event::Gone { .. }).then_some(())
            })
            .await;
        assert_eq!(order, ["exited with 3", "1 swept"], "pty: {pty}");
        stack.verdict().await;
    }
}

/// A pid that is by now another process: it isn't below us, and so it isn't ours to strike.
#[test]
fn a_pid_that_means_somebody_else_by_now_is_not_struck() {
    // Its parent ends at once, so that it is nobody's below us.
    let mut shell = std::process::Command::new("sh");
    let output = shell.args(["-c", "sleep 100 >/dev/null 2>&1 & echo $!"]).output().expect("sh runs");
    let bystander = Pid(String::from_utf8_lossy(&output.stdout).trim().parse().expect("a pid"));
    let mut struck = Vec::new();
    strike(&[bystander], &HashSet::new(), |who| struck.push(who.pid));
    let lives = proc::stat(bystander).is_some_and(|stat| stat.state != 'Z');
    let _ = signal::send(bystander, Signal::KILL);
    assert_eq!((struck, lives), (vec![], true));
}

#[tokio::test]
async fn what_has_ended_and_was_not_waited_for_is_not_waited_for_by_us() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut spec = fake("server", &["--zombie", "--print", "up"]);
    // A stop that counted the dead among the living would take this long.
    spec.stop = ladder(Signal::TERM, Duration::from_mins(5));
    let mut stack = Stack::start(folder.path(), vec![spec]);
    stack.until_output().await;
    down(&mut stack).await;
}
