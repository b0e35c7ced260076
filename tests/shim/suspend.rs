//! Ctrl-Z and `fg` in a real shell: everything stands still, everything goes on, and the time between doesn't count.

use std::path::Path;
use std::time::{Duration, Instant};

use devserver::model::{Pid, Signal};
use devserver::sys::{proc, signal};

use super::harness::{Run, living, noted, start_with, words};

const DEVSERVER: &str = env!("CARGO_BIN_EXE_devserver");
const CTRL_C: &[u8] = b"\x03";
const CTRL_Z: &[u8] = b"\x1a";

/// A shell with job control in a folder in which this configuration is, with a supervisor in its foreground.
async fn shell(folder: &Path, configuration: &str) -> Run {
    let text = configuration.replace("FAKE", env!("CARGO_BIN_EXE_fake-service"));
    std::fs::write(folder.join("devserver.toml"), text).expect("it is written");
    let mut shell = start_with(words("bash --norc --noprofile -i"), |spec| spec.cwd = folder.to_owned()).await;
    // It says that it is there in words that the echo of what is typed doesn't have.
    shell.write(b"PS1=; echo shell $((40+2))\n");
    shell.until("shell 42").await;
    shell.write(format!("XDG_RUNTIME_DIR={} {DEVSERVER} --color=never\n", folder.display()).as_bytes());
    shell
}

fn supervisor(shell: &Run) -> Pid {
    let found = proc::children(shell.pid).into_iter().find(|pid| proc::command_line(*pid).starts_with(DEVSERVER));
    found.expect("the shell has started it")
}

fn states(pids: &[(Pid, u64)]) -> String {
    pids.iter().filter_map(|(pid, _)| proc::stat(*pid)).map(|stat| stat.state).collect()
}

fn goes_on(pids: &[(Pid, u64)]) -> bool {
    states(pids).chars().all(|state| state != 'T')
}

async fn quit(mut shell: Run) {
    shell.write(b"exit\nexit\n");
    shell.rest().await;
}

#[tokio::test]
async fn ctrl_z_stops_every_process_of_every_tree_and_fg_lets_them_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pids");
    let text = format!(
        "[service.web]\ncommand = [\"FAKE\", \"--pid-file\", \"{0}\", \"--tree\", \"full\"]\n\
         [service.piped]\ncommand = [\"FAKE\", \"--pid-file\", \"{0}\", \"--chatter\", \"20\"]\npty = false\n",
        pids.display()
    );
    let mut shell = shell(folder.path(), &text).await;
    shell.until("tree of").await;
    shell.wait_until("the pid file", |_| noted(&pids).len() == 10).await;
    let (all, supervisor) = (noted(&pids), supervisor(&shell));
    for _ in 0..3 {
        shell.write(CTRL_Z);
        shell.wait_until("all stand still", |_| states(&all) == "T".repeat(10)).await;
        shell.wait_until("so do we", |_| proc::stat(supervisor).is_some_and(|stat| stat.state == 'T')).await;
        shell.write(b"echo prompt $((40+2)); fg\n");
        shell.wait_until("all go on", |_| goes_on(&all)).await;
        shell.wait_until("so do we", |_| proc::stat(supervisor).is_some_and(|stat| stat.state != 'T')).await;
    }
    shell.wait_until("it is told", |run| run.text().matches("which count for nothing").count() == 3).await;
    assert!(shell.text().contains("prompt 42"), "the shell was there meanwhile");
    assert!(!shell.text().contains("restarting") && !shell.text().contains("starting again"), "{}", shell.text());
    shell.write(CTRL_C);
    shell.wait_until("nothing is left", |_| living(&all).is_empty() && proc::stat(supervisor).is_none()).await;
    quit(shell).await;
}

#[tokio::test]
async fn what_stood_still_before_stays_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pids");
    let text = format!(
        "[service.web]\ncommand = [\"FAKE\", \"--pid-file\", \"{}\", \"--tree\", \"session\"]\n",
        pids.display()
    );
    let mut shell = shell(folder.path(), &text).await;
    shell.until("tree of").await;
    let all = noted(&pids);
    let supervisor = supervisor(&shell);
    let held = all.last().expect("three").0;
    signal::send(held, Signal::STOP).expect("it is ours");
    shell.wait_until("it is stopped", |_| proc::stat(held).is_some_and(|stat| stat.state == 'T')).await;
    shell.write(CTRL_Z);
    shell.wait_until("all stand still", |_| states(&all) == "TTT").await;
    shell.wait_until("so do we", |_| proc::stat(supervisor).is_some_and(|stat| stat.state == 'T')).await;
    shell.write(b"fg\n");
    shell.wait_until("the others go on", |_| goes_on(&all[..2])).await;
    shell.until("which count for nothing").await;
    assert_eq!(proc::stat(held).map(|stat| stat.state), Some('T'));
    shell.write(CTRL_C);
    shell.wait_until("nothing is left", |_| living(&all).is_empty() && proc::stat(supervisor).is_none()).await;
    quit(shell).await;
}

#[tokio::test]
async fn a_stop_ladder_does_not_go_on_while_we_are_suspended() {
    let ladder = Duration::from_secs(4);
    let folder = tempfile::tempdir().expect("a folder");
    let text = "[service.web]\ncommand = [\"FAKE\", \"--ignore\", \"TERM\", \"--print\", \"up\"]\nstop = { timeout = \"4s\" }\n";
    let mut shell = shell(folder.path(), text).await;
    shell.until("│ up").await;
    let supervisor = supervisor(&shell);
    let begun = Instant::now();
    shell.write(CTRL_C);
    shell.until("stopping 1 process").await;
    shell.write(CTRL_Z);
    shell.wait_until("we stand still", |_| proc::stat(supervisor).is_some_and(|stat| stat.state == 'T')).await;
    let (before, since) = (begun.elapsed(), Instant::now());
    shell.wait_until("longer than the ladder takes", |_| since.elapsed() > ladder + Duration::from_secs(1)).await;
    let resumed = Instant::now();
    shell.write(b"fg\n");
    shell.until("ignored TERM for 4s; killing it").await;
    assert!(before + resumed.elapsed() >= ladder, "{before:?} and {:?}", resumed.elapsed());
    shell.wait_until("it is over", |_| proc::stat(supervisor).is_none()).await;
    quit(shell).await;
}

#[tokio::test]
async fn when_we_are_killed_while_suspended_the_services_hear_their_ladder() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pids, heard) = (folder.path().join("pids"), folder.path().join("heard"));
    let text = format!(
        "[service.web]\ncommand = [\"FAKE\", \"--pid-file\", \"{}\", \"--record\", \"{}\", \"--tree\", \"full\"]\n",
        pids.display(),
        heard.display()
    );
    let mut shell = shell(folder.path(), &text).await;
    shell.until("tree of").await;
    let (all, supervisor) = (noted(&pids), supervisor(&shell));
    shell.write(CTRL_Z);
    shell.wait_until("all stand still", |_| states(&all) == "T".repeat(9)).await;
    signal::send(supervisor, Signal::KILL).expect("it is ours");
    shell.wait_until("nothing is left", |_| living(&all).is_empty()).await;
    assert_eq!(std::fs::read_to_string(heard).expect("it was written"), "got TERM\n");
    quit(shell).await;
}

/// Without a shell above us nobody could let us go on: the kernel discards such a stop, and so do we.
#[tokio::test]
async fn ctrl_z_does_nothing_where_no_shell_could_let_us_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!("[service.web]\ncommand = \"{} --print up\"\n", env!("CARGO_BIN_EXE_fake-service"));
    std::fs::write(folder.path().join("devserver.toml"), text).expect("it is written");
    let mut run =
        start_with(words(&format!("{DEVSERVER} --color=never")), |spec| spec.cwd = folder.path().to_owned()).await;
    run.until("│ up").await;
    run.write(CTRL_Z);
    run.until("Ctrl-Z does nothing here").await;
    run.write(CTRL_C);
    run.rest().await;
}

/// A half-born child would be stopped too, and whoever starts it would wait for it for ever.
#[tokio::test]
async fn ctrl_z_while_everything_starts_leaves_nothing_half_born() {
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pids");
    let service =
        |number| format!("[service.p{number}]\ncommand = [\"FAKE\", \"--pid-file\", \"{}\"]\n", pids.display());
    let text: String = (0..40).map(service).collect();
    let mut shell = shell(folder.path(), &text).await;
    shell.wait_until("it is there", |shell| !proc::children(shell.pid).is_empty()).await;
    shell.until("devserver").await;
    let mut supervisor = None;
    shell.wait_until("it has begun", |_| !noted(&pids).is_empty()).await;
    for _ in 0..20 {
        let pid = *supervisor.get_or_insert_with(|| self::supervisor(&shell));
        shell.write(CTRL_Z);
        shell.wait_until("we stand still", |_| proc::stat(pid).is_some_and(|stat| stat.state == 'T')).await;
        shell.write(b"fg\n");
        shell.wait_until("we go on", |_| proc::stat(pid).is_some_and(|stat| stat.state != 'T')).await;
    }
    shell.wait_until("all of them have come up", |_| noted(&pids).len() == 40).await;
    let all = noted(&pids);
    shell.wait_until("all go on", |_| goes_on(&all)).await;
    shell.write(CTRL_C);
    shell
        .wait_until("nothing is left", |_| {
            living(&all).is_empty() && proc::stat(supervisor.expect("it was found")).is_none()
        })
        .await;
    quit(shell).await;
}

/// Nobody tells us of such a stop: a paused container, a debugger, `kill -STOP`.
#[tokio::test]
async fn a_stop_ladder_does_not_go_on_while_we_are_stopped_from_outside() {
    let ladder = Duration::from_secs(6);
    let folder = tempfile::tempdir().expect("a folder");
    let text = "[service.web]\ncommand = [\"FAKE\", \"--ignore\", \"TERM\", \"--print\", \"up\"]\nstop = { timeout = \"6s\" }\n";
    let mut shell = shell(folder.path(), text).await;
    shell.until("│ up").await;
    let supervisor = supervisor(&shell);
    let begun = Instant::now();
    shell.write(CTRL_C);
    shell.until("stopping 1 process").await;
    signal::send(supervisor, Signal::STOP).expect("it is ours");
    shell.wait_until("we stand still", |_| proc::stat(supervisor).is_some_and(|stat| stat.state == 'T')).await;
    let (before, since) = (begun.elapsed(), Instant::now());
    shell.wait_until("longer than the ladder takes", |_| since.elapsed() > ladder + Duration::from_secs(5)).await;
    let resumed = Instant::now();
    shell.write(b"fg\n");
    shell.until("ignored TERM for 6s; killing it").await;
    // What it can't tell from being busy is two seconds.
    let awake = before + resumed.elapsed() + Duration::from_secs(2);
    assert!(awake >= ladder, "{before:?} and {:?}", resumed.elapsed());
    shell.wait_until("it is over", |_| proc::stat(supervisor).is_none()).await;
    quit(shell).await;
}

#[tokio::test]
async fn what_forks_all_the_time_stands_still_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "[service.web]\ncommand = [\"FAKE\", \"--respawn-us\", \"300\", \"--print\", \"up\"]\n";
    let mut shell = shell(folder.path(), text).await;
    shell.until("respawning").await;
    let supervisor = supervisor(&shell);
    let shim = proc::children(supervisor)[0];
    let below = || -> Vec<Pid> {
        let mut below = proc::descendants(shim);
        below.retain(|pid| proc::stat(*pid).is_some_and(|stat| stat.state != 'Z'));
        below
    };
    let stand = |below: &[Pid]| below.iter().all(|pid| proc::stat(*pid).is_some_and(|stat| stat.state == 'T'));
    shell.write(CTRL_Z);
    shell.wait_until("we stand still", |_| proc::stat(supervisor).is_some_and(|stat| stat.state == 'T')).await;
    shell.wait_until("so does everything", |_| stand(&below())).await;
    let still = below();
    let since = Instant::now();
    shell.wait_until("a while passes", |_| since.elapsed() > Duration::from_millis(300)).await;
    assert_eq!(below(), still, "nobody was born meanwhile");
    assert!(still.len() > 1, "{still:?}");
    shell.write(b"fg\n");
    shell.wait_until("they fork again", |_| below() != still).await;
    shell.write(CTRL_C);
    shell.wait_until("nothing is left", |_| proc::stat(supervisor).is_none() && proc::stat(shim).is_none()).await;
    quit(shell).await;
}
