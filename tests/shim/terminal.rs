//! Whole supervisors at a terminal, which a shim gives them as it would to a service: what keys do.

use std::path::Path;
use std::time::{Duration, Instant};

use devserver::model::{ExitStatus, Leftovers, Signal};
use devserver::runner::Report;
use devserver::sys::{proc, signal};

use super::harness::{Run, living, noted, start_with, words};

const CTRL_C: &[u8] = b"\x03";

/// No person presses a key again in less.
const PAUSE: Duration = Duration::from_millis(60);

/// A supervisor in this folder, with one service that is called with these arguments.
async fn supervisor(folder: &Path, command: &str, arguments: &str) -> Run {
    let text = format!("[service.web]\ncommand = \"{} {arguments}\"\n", env!("CARGO_BIN_EXE_fake-service"));
    std::fs::write(folder.join("devserver.toml"), text).expect("it is written");
    let mut run = start_with(words(&format!("{command} --color=never")), |spec| spec.cwd = folder.to_owned()).await;
    run.until("web       │ up").await;
    run
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

const DEVSERVER: &str = env!("CARGO_BIN_EXE_devserver");

#[tokio::test]
async fn ctrl_c_is_for_the_supervisor_alone_and_its_service_hears_the_ladder() {
    let folder = folder();
    let mut run = supervisor(folder.path(), DEVSERVER, "--record heard --print up").await;
    run.write(CTRL_C);
    assert_eq!(run.rest().await, [Report::Exited(ExitStatus::Code(0)), Report::Gone(Leftovers::None)]);
    assert_eq!(std::fs::read_to_string(folder.path().join("heard")).expect("it was written"), "got TERM\n");
}

#[tokio::test]
async fn a_third_ctrl_c_leaves_at_once_with_130() {
    let folder = folder();
    let mut run = supervisor(folder.path(), DEVSERVER, "--pid-file pids --ignore TERM --print up").await;
    // A shim that hears nothing: neither an end nor a kill gets done.
    let shim = proc::children(run.pid)[0];
    signal::send(shim, Signal::STOP).expect("it is ours");
    // Keys that a person presses: the same one at once would count once.
    for said in ["stopping 1 process; Ctrl-C again kills it", "killing 1 process"] {
        run.write(CTRL_C);
        run.until(said).await;
        let heard = Instant::now();
        run.wait_until("a person's pause", |_| heard.elapsed() > PAUSE).await;
    }
    run.write(CTRL_C);
    assert_eq!(run.next().await, Some(Report::Exited(ExitStatus::Code(130))));
    // The kernel wakes what is stopped and has no parent any more, so the shim does its work after all.
    run.rest().await;
    let service = noted(&folder.path().join("pids"));
    assert_eq!((service.len(), living(&service)), (1, vec![]));
}

#[tokio::test]
async fn a_hangup_is_ignored_where_whoever_started_us_ignores_it() {
    let folder = folder();
    let command = format!("sh -c 'trap \"\" HUP; exec \"$0\" \"$@\"' {DEVSERVER}");
    let mut run = supervisor(folder.path(), &command, "--slow-stop 500 --print up").await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", run.pid)).expect("it is there");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:\t")).expect("it is in there");
    let ignored = u64::from_str_radix(ignored, 16).expect("a number");
    assert_eq!(ignored >> (Signal::HUP.number() - 1) & 1, 1, "{ignored:x}");
    signal::send(run.pid, Signal::HUP).expect("it is ours");
    run.write(CTRL_C);
    assert_eq!(run.rest().await, [Report::Exited(ExitStatus::Code(0)), Report::Gone(Leftovers::None)]);
}
