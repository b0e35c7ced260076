//! Nothing is left, whoever is killed. Survivors are counted by what they noted of themselves and by the
//! marker in their environment, never by name.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use devserver::model::{ExitStatus, Leftovers, Signal};
use devserver::plan::Target;
use devserver::runner::Report;
use devserver::shim::Request;
use devserver::sys::proc;

use crate::support::isolated::isolated;

use super::harness::{
    Supervisor, eventually, fake, in_time, living, marked, noted, oneshot, rung, start, start_with, words,
};

fn tree(pids: &Path, more: &[&str]) -> Vec<String> {
    let pids = pids.to_str().expect("UTF-8");
    fake(&[&["--tree", "full", "--pid-file", pids], more].concat())
}

#[tokio::test]
async fn a_tree_of_nine_is_gone_after_a_stop_and_a_kill() {
    for pty in [true, false] {
        let folder = tempfile::tempdir().expect("a folder");
        let pids = folder.path().join("pids");
        let mut run = start_with(tree(&pids, &["--node-ignore", "TERM,HUP"]), |spec| spec.pty = pty).await;
        run.until("tree of 9").await;
        let all = noted(&pids);
        assert_eq!(living(&all).len(), 9);
        run.control.stop(&rung(Signal::TERM, Target::Group, 0)).expect("it listens");
        let status = ExitStatus::Signal { signal: Signal::TERM, core: false };
        assert_eq!(run.next().await, Some(Report::Exited(status)));
        run.control.send(&Request::Kill).expect("it listens");
        let Some(Report::Gone(Leftovers::Swept(swept))) = run.next().await else { panic!("eight were left") };
        assert_eq!(swept.len(), 8, "{swept:?}");
        assert_eq!((living(&all), marked(&run.marker)), (vec![], vec![]));
    }
}

#[tokio::test]
async fn what_heeds_the_stop_needs_no_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pids");
    let mut run = start(tree(&pids, &[])).await;
    run.until("tree of 9").await;
    run.control.stop(&rung(Signal::TERM, Target::Group, 0)).expect("it listens");
    let reports = run.rest().await;
    let [Report::Exited(_), Report::Gone(leftovers)] = &reports[..] else { panic!("{reports:?}") };
    // The leaf in the main process's group was told with it.
    assert!(matches!(leftovers, Leftovers::Swept(swept) if (1..9).contains(&swept.len())), "{leftovers:?}");
    assert_eq!(living(&noted(&pids)), []);
}

#[tokio::test]
async fn a_kill_takes_all_of_it_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pids");
    let mut run = start(tree(&pids, &["--ignore", "TERM"])).await;
    run.until("tree of 9").await;
    run.control.send(&Request::Kill).expect("it listens");
    let reports = run.rest().await;
    let killed = ExitStatus::Signal { signal: Signal::KILL, core: false };
    assert!(matches!(reports[..], [Report::Exited(status), Report::Gone(_)] if status == killed), "{reports:?}");
    assert_eq!((living(&noted(&pids)), marked(&run.marker)), (vec![], vec![]));
}

#[test]
fn a_killed_supervisor_leaves_nothing_and_its_service_hears_term_first() {
    isolated("shim::orphans::a_killed_supervisor_leaves_nothing_and_its_service_hears_term_first", || {
        for options in [&["--ladder", "TERM:group:500"][..], &["--pipes", "--ladder", "TERM:main:500"]] {
            let folder = tempfile::tempdir().expect("a folder");
            let (pids, record) = (folder.path().join("pids"), folder.path().join("record"));
            let more = ["--node-ignore", "TERM,HUP,INT", "--chatter", "1", "--slow-stop", "50", "--record"];
            let more = [&more[..], &[record.to_str().expect("UTF-8")]].concat();
            let supervisor = Supervisor::start(options, &tree(&pids, &more));
            supervisor.until("output: tree of 9");
            let (marker, all) = (supervisor.marker.clone(), noted(&pids));
            assert_eq!(living(&all).len(), 9);
            supervisor.kill();
            eventually("nothing is left", || living(&all).is_empty() && marked(&marker).is_empty());
            // Not a hang-up, not a broken pipe, although it was printing all the time.
            assert_eq!(fs::read_to_string(&record).expect("it noted something"), "got TERM\n");
        }
    });
}

#[tokio::test]
async fn a_run_that_is_let_go_is_stopped_by_its_ladder() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = folder.path().join("record");
    // It says more than a pipe holds, and ignores all but the last rung.
    let arguments =
        ["--ignore", "TERM", "--record", record.to_str().expect("UTF-8"), "--chatter", "0", "--print", "up"];
    let ladder = vec![
        rung(Signal::TERM, Target::Group, 20),
        rung(Signal::USR1, Target::Main, 20),
        rung(Signal::INT, Target::Main, 30_000),
    ];
    let mut run = start_with(fake(&arguments), |spec| {
        spec.pty = false;
        spec.stop.rungs = ladder;
    })
    .await;
    run.until("up\n").await;
    let marker = run.marker.clone();
    run.let_go();
    in_time("nothing is left", || marked(&marker).is_empty()).await;
    assert_eq!(fs::read_to_string(&record).expect("it noted something"), "got TERM\ngot USR1\ngot INT\n");
}

#[tokio::test]
async fn what_a_service_says_while_its_supervisor_is_gone_does_not_block_it() {
    for pty in [true, false] {
        let folder = tempfile::tempdir().expect("a folder");
        let done = folder.path().join("done");
        // Three times what the largest pipe holds.
        let farewell = format!("head -c 3000000 /dev/zero && touch {}; exit", done.display());
        let script = format!("trap '{farewell}' TERM; echo up; while :; do sleep 0.01; done");
        let mut run = start_with(["sh", "-c", &script].map(str::to_owned).to_vec(), |spec| {
            spec.pty = pty;
            spec.stop.rungs = vec![rung(Signal::TERM, Target::Main, 60_000)];
        })
        .await;
        run.until("up\n").await;
        run.let_go();
        in_time("it isn't blocked", || done.exists()).await;
    }
}

#[test]
fn processes_that_fork_faster_than_anyone_looks_are_caught() {
    isolated("shim::orphans::processes_that_fork_faster_than_anyone_looks_are_caught", || {
        for microseconds in ["0", "300"] {
            let mut supervisor = Supervisor::start(&[], &fake(&["--respawn-us", microseconds]));
            supervisor.until("output: respawning");
            let (first, shim) = (supervisor.main.0, supervisor.shim);
            let latest = || proc::descendants(shim).into_iter().map(|pid| pid.0).max().unwrap_or(0);
            eventually("there are hundreds of generations", || latest() > first + 500);
            let marker = supervisor.marker.clone();
            supervisor.ask("kill");
            supervisor.until("exited: was ended by SIGKILL");
            supervisor.until("gone");
            assert_eq!(marked(&marker), []);
            supervisor.kill();
        }
    });
}

#[test]
fn what_a_killed_shim_leaves_is_swept_and_nothing_else() {
    isolated("shim::orphans::what_a_killed_shim_leaves_is_swept_and_nothing_else", || {
        let folder = tempfile::tempdir().expect("a folder");
        let pids = folder.path().join("pids");
        let mut supervisor = Supervisor::start(&[], &tree(&pids, &["--node-ignore", "TERM,HUP"]));
        supervisor.until("output: tree of 9");
        let (main, all) = (supervisor.main, noted(&pids));
        supervisor.ask("helper");
        let helper: i32 = supervisor.until("helper ").parse().expect("a pid");
        devserver::sys::signal::send(supervisor.shim, Signal::KILL).expect("it is there");
        supervisor.until("lost");
        eventually("the main process ends with its shim", || !living(&all).contains(&main));
        assert_eq!(living(&all).len(), 8);
        supervisor.ask("sweep");
        supervisor.until("swept");
        assert_eq!((living(&all), proc::children(supervisor.pid()).len()), (vec![], 1));
        supervisor.ask("end helper");
        assert_eq!(supervisor.until("helper ended: "), "signal: 9 (SIGKILL)");
        assert_eq!(proc::stat(devserver::model::Pid(helper)), None);
        supervisor.kill();
    });
}

#[tokio::test]
async fn an_output_that_is_held_open_does_not_hold_back_the_end() {
    let mut run = start_with(words("sh -c 'sleep 100 & echo started'"), |spec| {
        spec.pty = false;
        spec.oneshot = Some(oneshot());
    })
    .await;
    assert_eq!(run.next().await, Some(Report::Exited(ExitStatus::Code(0))));
    run.control.send(&Request::Kill).expect("it listens");
    assert!(matches!(run.next().await, Some(Report::Gone(Leftovers::Swept(_)))));
    assert_eq!(run.output().await, "started\n");
}

/// A program that becomes root can't be signalled by the user who started it.
#[test]
fn what_cannot_be_killed_is_named_and_not_waited_for_in_silence() {
    isolated("shim::orphans::what_cannot_be_killed_is_named_and_not_waited_for_in_silence", || {
        const NOBODY: u32 = 65534;
        let folder = tempfile::tempdir().expect("a folder");
        let (become_root, end) = (folder.path().join("become-root"), folder.path().join("end"));
        let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
        if fs::copy("/usr/bin/setpriv", &become_root).is_err() || open(&become_root, 0o4755).is_err() {
            return;
        }
        open(folder.path(), 0o755).expect("it is ours");
        let script = format!("while ! test -e {}; do sleep 0.01; done", end.display());
        let command = [become_root.to_str().expect("UTF-8"), "--reuid=0", "--clear-groups", "sh", "-c", &script];
        let Some(mut supervisor) = Supervisor::start_as(NOBODY, &[], &command.map(str::to_owned)) else { return };
        let main = supervisor.main;
        let owner = || fs::metadata(format!("/proc/{main}")).map(|found| found.uid());
        eventually("it is root, or isn't allowed to", || {
            proc::command_line(main).starts_with("sh -c") || owner().is_err()
        });
        if owner().ok() != Some(0) {
            // A file system that knows no setuid, or a user namespace.
            return;
        }
        supervisor.ask("kill");
        assert!(supervisor.until("survivors: ").contains(&format!("Pid({main})")));
        File::create(&end).expect("it is ours");
        supervisor.until("exited: exited with 0");
        supervisor.until("gone");
        supervisor.kill();
    });
}
