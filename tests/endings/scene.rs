//! A stack of services with trees that are hard to find, at a real terminal; a way to end it; and what must be so
//! afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use devserver::model::{Pid, Signal};
use devserver::shim::MARKER;
use devserver::sys::{proc, signal};

use crate::support::isolated::is_isolated;
use crate::support::stack::{eventually, eventually_else};
use crate::support::window::Window;

const DEVSERVER: &str = env!("CARGO_BIN_EXE_devserver");
const FAKE: &str = env!("CARGO_BIN_EXE_fake-service");
const MARK: &str = "DEVSERVER_TEST_MARK";

/// A person's pause between two keys; the same signal in less than 50 ms counts once.
const PAUSE: Duration = Duration::from_millis(80);

/// Three services: one on a terminal whose whole tree heeds TERM, one on pipes whose tree ignores everything that
/// can be ignored, and one that does nothing.
const CONFIG: &str = r#"
[service.web]
command = ["FAKE", "--tree", "full", "--pid-file", "pids-web", "--journal", "journal-web", "--chatter", "5",
           "--ends-after", "leaf got TERM"]

[service.worker]
pty = false
command = ["FAKE", "--tree", "full", "--pid-file", "pids-worker", "--journal", "journal-worker", "--chatter", "5",
           "--node-ignore", "TERM,HUP,INT", "--node-chatter", "5"]
stop = { signal = "TERM", timeout = "STUBBORN" }

[service.quiet]
command = ["FAKE", "--pid-file", "pids-quiet", "--journal", "journal-quiet"]
"#;

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// So many times Ctrl-C at the terminal.
    CtrlC(u8),
    /// Ctrl-\ at the terminal.
    CtrlBackslash,
    /// A signal to the supervisor.
    Signal(Signal),
    /// A signal to its whole process group, as other tools send it.
    GroupSignal(Signal),
    /// The terminal's window is closed.
    WindowClosed,
    /// The shell that started it is killed.
    ShellKilled,
    /// A panic at this place.
    Panic(&'static str),
    /// A loop that hears nothing any more, and Ctrl-C until it helps.
    Stuck,
    /// Whoever read our output has left.
    OutputClosed,
    /// SIGKILL for one shim; then everything is stopped as usual.
    ShimKilled,
    /// SIGKILL for all shims at once; then everything is stopped as usual.
    ShimsKilled,
    /// SIGKILL for the supervisor while all of its shims are stopped.
    KilledWithStoppedShims,
}

/// Every ending that there is.
pub(crate) const ALL: &[Ending] = &[
    Ending::CtrlC(1),
    Ending::CtrlC(2),
    Ending::CtrlC(3),
    Ending::CtrlBackslash,
    Ending::Signal(Signal::TERM),
    Ending::Signal(Signal::HUP),
    Ending::Signal(Signal::KILL),
    Ending::GroupSignal(Signal::TERM),
    Ending::WindowClosed,
    Ending::ShellKilled,
    Ending::Panic("loop"),
    Ending::Panic("host"),
    Ending::Panic("child"),
    Ending::Panic("pump"),
    Ending::Panic("printer"),
    Ending::Panic("store"),
    Ending::Stuck,
    Ending::OutputClosed,
    Ending::ShimKilled,
    Ending::ShimsKilled,
    Ending::KilledWithStoppedShims,
];

/// The stack, running.
pub(crate) struct Scene {
    folder: tempfile::TempDir,
    mark: String,
    ending: Ending,
    supervisor: Pid,
    supervisor_started: u64,
    pub(crate) terminal: Window,
}

impl Scene {
    /// Starts it. Returns at once.
    #[track_caller]
    pub(crate) fn start(ending: Ending) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // A second interrupt must find somebody who is still there.
        let stubborn = if matches!(ending, Ending::CtrlC(2..)) { "60s" } else { "400ms" };
        let text = CONFIG.replace("FAKE", FAKE).replace("STUBBORN", stubborn);
        fs::write(folder.path().join("devserver.toml"), text).expect("it can be written");
        let mark = folder.path().display().to_string();
        let fault = match ending {
            Ending::Panic(place) => format!("panic:{place}:{}", folder.path().join("go").display()),
            Ending::Stuck => format!("hang:loop:{}", folder.path().join("go").display()),
            _ => String::new(),
        };
        let variables = [(MARK, mark.as_str()), ("DEVSERVER_TEST_FAULT", &fault)];
        let variables = if fault.is_empty() { &variables[..1] } else { &variables[..] };
        let piped = format!("{DEVSERVER} | while ! test -e go; do sleep 0.02; done");
        let command: &[&str] = match ending {
            Ending::OutputClosed => &["sh", "-c", &piped],
            _ => &[DEVSERVER],
        };
        let terminal = Window::start(folder.path(), command, variables);
        let supervisor = match ending {
            Ending::OutputClosed => eventually("the shell has started it", || {
                let children = proc::children(terminal.command());
                children.into_iter().find(|child| proc::command_line(*child) == DEVSERVER)
            }),
            _ => terminal.command(),
        };
        let supervisor_started = proc::start_time(supervisor).unwrap_or_default();
        Self { folder, mark, ending, supervisor, supervisor_started, terminal }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn lines(&self, name: &str) -> Vec<String> {
        fs::read_to_string(self.path(name)).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// Waits until both trees and the quiet one are there.
    #[track_caller]
    pub(crate) fn until_up(&self) {
        let up = || [("pids-web", 9), ("pids-worker", 9), ("pids-quiet", 1)];
        let is_up = || up().iter().all(|(name, count)| self.lines(name).len() >= *count).then_some(());
        eventually(&format!("all of it is up; the terminal shows\n{}", self.terminal.text()), is_up);
    }

    fn is_running(&self) -> bool {
        proc::stat(self.supervisor).is_some_and(|stat| stat.started == self.supervisor_started && stat.state != 'Z')
    }

    fn send(&self, signal: Signal) {
        if self.is_running() {
            let _ = signal::send(self.supervisor, signal);
        }
    }

    fn shims(&self) -> Vec<Pid> {
        let is_shim = |pid: &Pid| proc::command_line(*pid).starts_with("dv-shim ");
        proc::children(self.supervisor).into_iter().filter(is_shim).collect()
    }

    /// Waits for a person's pause, and longer while `so` doesn't hold and it goes on.
    fn pause_until(&self, so: impl Fn() -> bool) {
        let began = Instant::now();
        eventually("it goes on after a pause", || {
            (began.elapsed() >= PAUSE && (so() || !self.is_running())).then_some(())
        });
    }

    fn has_heard(&self, service: &str) -> bool {
        self.lines(&format!("journal-{service}")).iter().any(|line| line.ends_with(" leader got TERM"))
    }

    /// Lets it happen. `moment`: at any moment; else everything is up, and two interrupts have a pause between them.
    #[track_caller]
    pub(crate) fn end(&mut self, at_any_moment: bool) {
        match self.ending {
            Ending::CtrlC(times) => {
                for press in 0..times {
                    if press > 0 {
                        self.pause_until(|| at_any_moment || (self.has_heard("web") && self.has_heard("worker")));
                    }
                    self.terminal.press(b"\x03");
                }
            }
            Ending::Stuck => {
                fs::write(self.path("go"), "").expect("it can be written");
                for _ in 0..3 {
                    self.terminal.press(b"\x03");
                    self.pause_until(|| true);
                }
            }
            Ending::CtrlBackslash => self.terminal.press(b"\x1c"),
            Ending::Signal(signal) => self.send(signal),
            Ending::GroupSignal(signal) => {
                if self.is_running() {
                    let _ = signal::send_group(self.supervisor, signal);
                }
            }
            Ending::WindowClosed => self.terminal.close(),
            Ending::ShellKilled => self.terminal.kill_shell(),
            Ending::Panic(place) => {
                fs::write(self.path("go"), "").expect("it can be written");
                // These are places that a stop leads through.
                if ["loop", "host", "child"].contains(&place) || at_any_moment {
                    self.send(Signal::TERM);
                }
            }
            Ending::OutputClosed => fs::write(self.path("go"), "").expect("it can be written"),
            Ending::ShimKilled | Ending::ShimsKilled => {
                let shims = self.shims();
                let some = if self.ending == Ending::ShimKilled { shims.len().min(1) } else { shims.len() };
                for shim in &shims[..some] {
                    let _ = signal::send(*shim, Signal::KILL);
                }
                if !at_any_moment {
                    self.until_others_are_there(some);
                }
                self.send(Signal::TERM);
            }
            Ending::KilledWithStoppedShims => {
                let shims = self.shims();
                for shim in &shims {
                    let _ = signal::send(*shim, Signal::STOP);
                }
                // The kernel wakes what is stopped when its parent ends; who stops later was stopped by somebody else.
                let stopped = |shim: &Pid| proc::stat(*shim).is_none_or(|stat| matches!(stat.state, 'T' | 'Z'));
                eventually("they are stopped", || shims.iter().all(stopped).then_some(()));
                self.send(Signal::KILL);
            }
        }
    }

    /// After some shims were killed: their services are started again, and the others never stopped.
    fn until_others_are_there(&self, killed: usize) {
        let leaders = |name: &str| self.lines(name).len();
        eventually("what lost its shim runs again", || {
            let again = [("pids-web", 9), ("pids-worker", 9), ("pids-quiet", 1)];
            let again = again.iter().filter(|(name, count)| leaders(name) >= 2 * count).count();
            (again >= killed).then_some(())
        });
    }

    /// What must be so after every ending; and how what is left was counted.
    #[track_caller]
    pub(crate) fn check(mut self, at_any_moment: bool) -> Count {
        let what = format!("{:?}", self.ending);
        let count = self.wait_until_nothing_is_left();
        if !at_any_moment {
            self.check_code();
        }
        // Where the window is closed or the shell gone, the kernel has taken the terminal away.
        if !matches!(self.ending, Ending::WindowClosed | Ending::ShellKilled) {
            assert!(self.terminal.is_as_before(), "{what}: the terminal is as it was");
        }
        self.check_journals(at_any_moment);
        self.terminal.kill_shell();
        count
    }

    #[track_caller]
    fn check_code(&self) {
        let expected = match self.ending {
            Ending::CtrlC(1) | Ending::CtrlBackslash | Ending::GroupSignal(_) => 0,
            Ending::CtrlC(_) | Ending::Stuck => 130,
            Ending::Signal(Signal::KILL) | Ending::KilledWithStoppedShims => 137,
            Ending::Signal(_) | Ending::ShimKilled | Ending::ShimsKilled => 0,
            Ending::Panic(_) => 1,
            Ending::WindowClosed | Ending::ShellKilled | Ending::OutputClosed => return,
        };
        assert_eq!(self.terminal.ended(), expected, "{:?}: {}", self.ending, self.terminal.text());
        if let Ending::Panic(place) = self.ending {
            let said = format!("devserver has a fault of its own and ends: broken on purpose: {place}");
            self.terminal.wait_for(&said);
            let report = fs::read_to_string(self.path(".devserver/crash.txt")).expect("it was written");
            assert!(report.contains("broken on purpose") && !report.contains(&self.mark), "{report}");
        }
    }

    #[track_caller]
    fn wait_until_nothing_is_left(&self) -> Count {
        let named = || {
            let left: Vec<_> = self.left().iter().map(|pid| format!("{pid} {}", proc::command_line(*pid))).collect();
            format!("{:?}: nothing is left; there are {left:#?}\n{}", self.ending, self.terminal.text())
        };
        eventually_else(|| self.left().is_empty().then_some(()), named);
        if is_isolated() { Count::Namespace } else { Count::Marks }
    }

    /// Who is left of it.
    fn left(&self) -> Vec<Pid> {
        let alive = |pid: &Pid| proc::stat(*pid).is_some_and(|stat| stat.state != 'Z');
        let ours = [Pid(std::process::id().cast_signed()), self.terminal.shell()];
        let everybody = proc::all().into_iter().filter(|pid| !ours.contains(pid)).filter(alive);
        if is_isolated() {
            return everybody.collect();
        }
        let run = format!("{}.{}/", self.supervisor, self.supervisor_started);
        let noted = ["pids-web", "pids-worker", "pids-quiet"].into_iter().flat_map(|name| self.lines(name));
        let noted: Vec<(Pid, u64)> = noted
            .filter_map(|line| {
                let (pid, started) = line.split_once(' ')?;
                Some((Pid(pid.parse().ok()?), started.parse().ok()?))
            })
            .collect();
        let is_noted = |pid: Pid| noted.iter().any(|(known, at)| *known == pid && proc::start_time(pid) == Some(*at));
        let is_ours = |pid: &Pid| proc::has_variable(*pid, MARK, &self.mark) || is_noted(*pid) || marked(*pid, &run);
        everybody.filter(is_ours).collect()
    }

    /// Each process heard its own stop signal first, and nobody who was stopped in order was hung up on or had its
    /// output break.
    #[track_caller]
    fn check_journals(&self, at_any_moment: bool) {
        // Where the shim is killed nobody is asked: the kernel ends the leader, and the rest is swept.
        let asked = !matches!(self.ending, Ending::ShimKilled | Ending::ShimsKilled);
        for service in ["web", "worker", "quiet"] {
            let lines = self.lines(&format!("journal-{service}"));
            let mut first: BTreeMap<(&str, &str), &str> = BTreeMap::new();
            for line in &lines {
                let mut parts = line.splitn(4, ' ').skip(1);
                let (Some(pid), Some(kind), Some(what)) = (parts.next(), parts.next(), parts.next()) else {
                    panic!("half a line: {line:?}");
                };
                first.entry((pid, kind)).or_insert(what);
            }
            let journal = format!("{:?}, {service}:\n{}", self.ending, lines.join("\n"));
            for ((_, kind), what) in &first {
                assert!(!asked || *what == "got TERM", "{kind} heard `{what}` first; {journal}");
            }
            if asked && !at_any_moment {
                assert!(first.keys().any(|(_, kind)| *kind == "leader"), "it heard nothing; {journal}");
            }
            let broken = lines.iter().any(|line| line.contains("write failed"));
            assert!(!asked || !broken, "output broke; {journal}");
        }
    }
}

/// How it was counted what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// Everything in a process namespace of its own.
    Namespace,
    /// By the marks in the environments, and by pid with start time.
    Marks,
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Namespace => "all processes of a private PID namespace",
            Self::Marks => "processes by run marker, and by recorded pid with start time",
        })
    }
}

/// Whether a process belongs to a run of that supervisor.
fn marked(pid: Pid, run: &str) -> bool {
    let environment = fs::read(Path::new("/proc").join(pid.to_string()).join("environ")).unwrap_or_default();
    let wanted = format!("{MARKER}={run}");
    environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(wanted.as_bytes()))
}
