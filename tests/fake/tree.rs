//! Processes below the fake service that are hard to find: in groups and sessions of their own, doubly
//! forked, without an environment, or forking all the time.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use nix::unistd;

use super::pause::{pause, wait_until};
use super::{LIFE, Wishes, append, flood, lines_of, say, signals};

/// How many processes fork and end all the time.
const RESPAWNERS: usize = 5;

/// Notes this process: its number and when it was started, which together are one certain process.
pub(super) fn note_pid(path: &Path) {
    let pid = devserver::sys::session::own_pid();
    append(path, &format!("{pid} {}\n", devserver::sys::proc::start_time(pid).unwrap_or_default()));
}

/// Starts what is asked for, and says so when all of it is there.
pub(super) fn grow(wishes: &Wishes) {
    if let Some(every) = wishes.respawn {
        for _ in 0..RESPAWNERS {
            start("respawn", wishes, &["--respawn-us", &every.as_micros().to_string()], Keep::Environment);
        }
        say(wishes, "respawning");
    }
    if wishes.zombie {
        // Ends at once, and nobody asks for its status.
        start("zombie", wishes, &[], Keep::Environment);
    }
    if let Some(hold) = wishes.hold_stdout {
        start("hold", wishes, &["--hold-stdout", &hold.as_millis().to_string()], Keep::Environment);
    }
    let Some(tree) = &wishes.tree else { return };
    let own = env::temp_dir().join(format!("fake-service-{}.pids", std::process::id()));
    let wishes = &Wishes { pid_file: Some(wishes.pid_file.clone().unwrap_or_else(|| own.clone())), ..wishes.clone() };
    let path = wishes.pid_file.clone().unwrap_or_default();
    if path == own {
        note_pid(&path);
    }
    let (kinds, size): (&[&str], usize) = match tree.as_str() {
        "group" => (&["group"], 3),
        "session" => (&["session"], 3),
        "daemon" => (&["daemon"], 3),
        "bare" => (&["bare"], 2),
        "full" => (&["leaf", "group", "session", "daemon", "bare"], 9),
        other => {
            say(wishes, &format!("there is no tree `{other}`"));
            std::process::exit(2);
        }
    };
    for kind in kinds {
        start(kind, wishes, &[], if *kind == "bare" { Keep::Nothing } else { Keep::Environment });
    }
    wait_until(|| lines_of(&path) >= size);
    say(wishes, &format!("tree of {size}"));
    let _ = std::fs::remove_file(own);
}

/// What a new process keeps of its parent's environment.
enum Keep {
    Environment,
    Nothing,
}

fn start(kind: &str, wishes: &Wishes, more: &[&str], keep: Keep) {
    let Ok(program) = env::current_exe() else { return };
    let mut command = Command::new(program);
    command.args(["--node", kind]).args(more).stdin(Stdio::null());
    if let Some(path) = &wishes.pid_file {
        command.arg("--pid-file").arg(path);
    }
    if let Some(path) = &wishes.journal {
        command.arg("--journal").arg(path);
    }
    if let Some(every) = wishes.node_chatter {
        command.args(["--node-chatter", &every.as_millis().to_string()]);
    }
    if !wishes.node_ignore.is_empty() {
        command.args(["--node-ignore", &wishes.node_ignore]);
    }
    if let Keep::Nothing = keep {
        command.env_clear();
    }
    // Not waited for: a service that leaves zombies is one that exists.
    if let Ok(child) = command.spawn()
        && matches!(kind, "daemon" | "bare")
    {
        // The first half of a double fork ends at once.
        let mut child = child;
        let _ = child.wait();
    }
}

/// What a process of the tree is.
pub(super) fn be(kind: &str, wishes: &Wishes) -> ExitCode {
    if kind == "respawn" {
        respawn(wishes);
    }
    if kind == "zombie" {
        return ExitCode::SUCCESS;
    }
    let wishes = &Wishes { ignore: signals::parse_list(&wishes.node_ignore).unwrap_or_default(), ..wishes.clone() };
    signals::prepare(wishes);
    let group = || unistd::setpgid(unistd::Pid::from_raw(0), unistd::Pid::from_raw(0));
    let _ = match kind {
        "group" | "own-group" => group(),
        "session" | "hold" | "daemon-2" | "bare-2" => unistd::setsid().map(drop),
        _ => Ok(()),
    };
    match kind {
        "daemon" | "bare" => {
            start(&format!("{kind}-2"), wishes, &[], Keep::Environment);
            return ExitCode::SUCCESS;
        }
        "group" => start("leaf", wishes, &[], Keep::Environment),
        "session" => start("own-group", wishes, &[], Keep::Environment),
        "daemon-2" => start("leaf", wishes, &[], Keep::Nothing),
        _ => {}
    }
    flood::chatter(wishes, wishes.node_chatter);
    let path: Option<&PathBuf> = wishes.pid_file.as_ref();
    if let Some(path) = path {
        note_pid(path);
    }
    pause(wishes.hold_stdout.unwrap_or(LIFE).min(LIFE));
    ExitCode::SUCCESS
}

#[expect(unsafe_code, reason = "it forks faster than anything that executes could")]
fn respawn(wishes: &Wishes) -> ! {
    let every = wishes.respawn.unwrap_or_default();
    let started = Instant::now();
    while started.elapsed() < LIFE {
        pause(every);
        // SAFETY: this process has one thread.
        if let Ok(unistd::ForkResult::Parent { .. }) = unsafe { unistd::fork() } {
            break;
        }
    }
    std::process::exit(0)
}
