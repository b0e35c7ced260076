//! `kill -9` of the supervisor and of all shims at one instant: the next start finds what was left, says so, and stops it.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use devserver::model::{Pid, Signal};
use devserver::sys::{proc, signal};

use crate::support::stack::{Stack, eventually};

const FAKE: &str = env!("CARGO_BIN_EXE_fake-service");

fn project(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = text.replace("FAKE", FAKE).replace("HERE", &folder.path().display().to_string());
    fs::write(folder.path().join("devserver.toml"), text).expect("it can be written");
    folder
}

fn start(folder: &Path) -> Stack {
    let runtime = folder.display().to_string();
    Stack::start(folder, &[], &[("XDG_RUNTIME_DIR", &runtime)])
}

/// What the supervisor has written down, and where.
fn ledger(folder: &Path) -> Option<(PathBuf, serde_json::Value)> {
    let checkout = fs::read_dir(folder.join("devserver")).ok()?.flatten().next()?.path();
    let files = fs::read_dir(checkout).ok()?.flatten().map(|file| file.path());
    let path = files.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "runs"))?;
    let value = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
    Some((path, value))
}

fn pid(value: &serde_json::Value) -> Pid {
    Pid(i32::try_from(value["pid"].as_i64().expect("a number")).expect("a pid"))
}

fn noted(path: &Path) -> Vec<(Pid, u64)> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let parse = |line: &str| {
        let (pid, started) = line.split_once(' ')?;
        Some((Pid(pid.parse().ok()?), started.parse().ok()?))
    };
    text.lines().filter_map(parse).collect()
}

fn living(noted: &[(Pid, u64)]) -> Vec<Pid> {
    let lives = |(pid, started): &&(Pid, u64)| {
        proc::stat(*pid).is_some_and(|stat| stat.started == *started && stat.state != 'Z')
    };
    noted.iter().filter(lives).map(|(pid, _)| *pid).collect()
}

/// Waits until everybody below the shims is written down; kills the supervisor and every shim so that none of them can act
/// on the death of another.
fn kill_all(stack: &mut Stack, folder: &Path, members: usize) {
    let (_, ledger) = eventually("all members are written down", || {
        let (path, ledger) = ledger(folder)?;
        let count =
            ledger["runs"].as_array()?.iter().map(|run| run["members"].as_array().map_or(0, Vec::len)).sum::<usize>();
        (count >= members).then_some((path, ledger))
    });
    let mut ours: Vec<Pid> = ledger["runs"].as_array().expect("a list").iter().map(|run| pid(&run["shim"])).collect();
    ours.push(pid(&ledger["supervisor"]));
    stack.look();
    for signal in [Signal::STOP, Signal::KILL] {
        for pid in &ours {
            signal::send(*pid, signal).expect("it is ours");
        }
    }
    stack.ended();
}

#[test]
fn the_next_start_finds_what_was_left_says_so_and_stops_it() {
    let folder = project(
        "[service.web]\ncommand = [\"FAKE\", \"--pid-file\", \"HERE/pids\", \"--tree\", \"full\"]\n\
         [service.worker]\ncommand = \"FAKE --pid-file HERE/pids --record HERE/heard & FAKE --pid-file HERE/pids; wait\"\n\
         pty = false\nstop = { signal = \"INT\", timeout = \"10s\" }\n",
    );
    let pids = folder.path().join("pids");
    let mut first = start(folder.path());
    eventually("all are there", || (noted(&pids).len() == 11).then_some(()));
    kill_all(&mut first, folder.path(), 12);
    let left = noted(&pids);
    // The main processes die with their shims, and nobody else does.
    let count = living(&left).len();
    assert!(count >= 8, "{count} are left");
    let mut second = start(folder.path());
    let said = second.wait_for("left");
    assert!(said.starts_with("the devserver that was killed here (pid "), "{said}");
    assert!(said.contains("behind; stopping ") && said.contains("web: ") && said.contains("fake-service"), "{said}");
    second.wait_for("all of it has ended");
    assert_eq!(living(&left), []);
    assert_eq!(fs::read_to_string(folder.path().join("heard")).expect("it was written"), "got INT\n");
    second.wait_for("everything is up");
    assert_eq!(second.stop().code(), Some(0), "{}", second.output());
    assert_eq!((first.leftovers(), second.leftovers()), (vec![], vec![]));
    assert!(ledger(folder.path()).is_none(), "nothing is written down any more");
}

#[test]
fn what_ignores_its_signal_is_killed_and_who_only_has_a_number_is_left_alone() {
    let folder = project(
        "[service.web]\ncommand = [\"FAKE\", \"--pid-file\", \"HERE/pids\", \"--node-ignore\", \"TERM\", \"--tree\", \"full\"]\n\
         stop = { timeout = \"200ms\" }\n",
    );
    let pids = folder.path().join("pids");
    let mut first = start(folder.path());
    eventually("all are there", || (noted(&pids).len() == 9).then_some(()));
    kill_all(&mut first, folder.path(), 9);
    let left = noted(&pids);
    assert!(living(&left).len() >= 7);
    // The number of a process of ours was given out again, as far as the ledger can know: it leads a group and a session.
    let mut bystander = Command::new("sleep");
    bystander.arg("300").stdin(Stdio::null()).process_group(0);
    let mut bystander = bystander.spawn().expect("it starts");
    let (path, mut ledger) = ledger(folder.path()).expect("it is there");
    let number = i64::from(bystander.id());
    let started = proc::start_time(Pid(i32::try_from(number).expect("a pid"))).expect("it is there") - 1;
    for place in ["/runs/0/shim", "/runs/0/main", "/runs/0/members/0"] {
        *ledger.pointer_mut(place).expect("it is there") = serde_json::json!({ "pid": number, "started": started });
    }
    fs::write(&path, ledger.to_string()).expect("it is written");
    let mut second = start(folder.path());
    second.wait_for("all of it has ended");
    assert_eq!(living(&left), []);
    assert!(bystander.try_wait().expect("it is ours").is_none(), "a bystander was signalled");
    assert!(!second.output().contains("sleep 300"), "{}", second.output());
    bystander.kill().expect("it is ours");
    bystander.wait().expect("it is ours");
    second.wait_for("everything is up");
    assert_eq!(second.stop().code(), Some(0), "{}", second.output());
}

#[test]
fn a_ledger_of_another_start_of_the_machine_means_nothing() {
    let folder = project("[service.web]\ncommand = [\"FAKE\", \"--pid-file\", \"HERE/pids\", \"--tree\", \"group\"]\n");
    let pids = folder.path().join("pids");
    let mut first = start(folder.path());
    eventually("all are there", || (noted(&pids).len() == 3).then_some(()));
    kill_all(&mut first, folder.path(), 3);
    let left = living(&noted(&pids));
    assert!(!left.is_empty());
    let (path, mut ledger) = ledger(folder.path()).expect("it is there");
    ledger["boot"] = "another".into();
    fs::write(&path, ledger.to_string()).expect("it is written");
    let mut second = start(folder.path());
    second.wait_for("everything is up");
    assert!(!path.exists(), "it is thrown away");
    assert_eq!(living(&noted(&pids)).iter().filter(|pid| left.contains(pid)).count(), left.len());
    assert_eq!(second.stop().code(), Some(0), "{}", second.output());
    for pid in left {
        signal::send(pid, Signal::KILL).expect("it is ours");
    }
}

#[test]
fn while_the_shims_still_clean_up_the_next_start_waits_for_them() {
    let folder = project(
        "[service.web]\ncommand = [\"FAKE\", \"--pid-file\", \"HERE/pids\", \"--slow-stop\", \"1500\", \"--record\", \"HERE/heard\"]\n",
    );
    let pids = folder.path().join("pids");
    let mut first = start(folder.path());
    first.wait_for("everything is up");
    eventually("it is there", || (noted(&pids).len() == 1).then_some(()));
    let left = noted(&pids);
    first.signal(Signal::KILL);
    first.ended();
    let mut second = start(folder.path());
    let said = second.wait_for("waiting for 1 process: web: ");
    assert!(said.contains("is still being cleaned up by its shims"), "{said}");
    second.wait_for("everything is up");
    assert_eq!(living(&left), [], "no second one beside it");
    assert_eq!(fs::read_to_string(folder.path().join("heard")).expect("it was written"), "got TERM\n");
    assert_eq!(second.stop().code(), Some(0), "{}", second.output());
}
