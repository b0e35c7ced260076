//! A window: a real terminal with a shell in it that runs one command in the foreground: keys that are pressed, a window that
//! is closed, and the terminal's settings before and after.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use devserver::model::{Pid, Signal};
use devserver::sys::pty::{Pty, WindowSize};
use devserver::sys::termios::Settings;
use devserver::sys::{pipe, poll, proc, signal};

use super::stack::{eventually, eventually_else};

/// A terminal, until it is dropped.
pub(crate) struct Window {
    shell: Child,
    /// None once its window is closed.
    master: Option<Arc<OwnedFd>>,
    reader: Option<JoinHandle<()>>,
    closing: Arc<AtomicBool>,
    text: Arc<Mutex<Vec<u8>>>,
    notes: PathBuf,
    before: Settings,
    /// The command in the foreground, and when it was started.
    command: (Pid, u64),
}

impl Window {
    /// Opens one in a folder and starts a command in it. What isn't in `variables` is inherited, but for what is ours.
    #[track_caller]
    pub(crate) fn start(folder: &Path, command: &[&str], variables: &[(&str, &str)]) -> Self {
        let pty = Pty::open(WindowSize { rows: 40, columns: 120 }).expect("a terminal");
        let before = Settings::of(&pty.slave).expect("it is one");
        let notes = folder.join("shell-notes");
        let side = || Stdio::from(pty.slave.try_clone().expect("a duplicate"));
        let mut shell = Command::new(env!("CARGO_BIN_EXE_fake-service"));
        shell.arg("--shell").arg(&notes).args(command).current_dir(folder);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if ["DEVSERVER_", "ACME_", "SENTRY_"].iter().any(|ours| name.starts_with(ours)) {
                shell.env_remove(name.as_ref());
            }
        }
        shell.env("TERM", "xterm-256color").env("XDG_RUNTIME_DIR", folder).envs(variables.iter().copied());
        let shell = shell.stdin(side()).stdout(side()).stderr(side()).spawn().expect("it starts");
        let (text, closing) = (Arc::default(), Arc::default());
        let master = Arc::new(pty.master);
        let reader = follow(Arc::clone(&master), Arc::clone(&text), Arc::clone(&closing));
        let mut terminal = Self {
            shell,
            master: Some(master),
            reader: Some(reader),
            closing,
            text,
            notes,
            before,
            command: (Pid(0), 0),
        };
        let line = terminal.noted("the command runs", |line| line.contains(' ') && !line.starts_with("ended"));
        let (pid, started) = line.split_once(' ').expect("a pid and a time");
        terminal.command = (Pid(pid.parse().expect("a pid")), started.parse().expect("a time"));
        terminal
    }

    #[track_caller]
    fn noted(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        eventually(&format!("{what}; the terminal shows\n{}", self.text()), || {
            let notes = fs::read_to_string(&self.notes).unwrap_or_default();
            let whole = notes.rsplit_once('\n').map_or("", |(whole, _)| whole);
            whole.lines().find(|line| wanted(line)).map(str::to_owned)
        })
    }

    /// What it showed so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().expect("no panic")).into_owned()
    }

    /// Waits until it has shown this.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        let shown = || self.text().contains(text).then_some(());
        eventually_else(shown, || format!("it shows {text:?}; it shows\n{}", self.text()));
    }

    /// The command in the foreground.
    pub(crate) fn command(&self) -> Pid {
        self.command.0
    }

    /// The shell.
    pub(crate) fn shell(&self) -> Pid {
        Pid(self.shell.id().cast_signed())
    }

    /// Whether the command is still that one, and no zombie.
    pub(crate) fn is_running(&self) -> bool {
        let (pid, started) = self.command;
        proc::stat(pid).is_some_and(|stat| stat.started == started && stat.state != 'Z')
    }

    /// Presses keys.
    pub(crate) fn press(&self, keys: &[u8]) {
        let master = self.master.as_ref().expect("its window is open");
        pipe::write(&**master, keys).expect("it takes them");
    }

    /// Sends a signal to the command in the foreground, if that is still there.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.is_running() {
            let _ = signal::send(self.command.0, signal);
        }
    }

    /// The exit code that the shell saw.
    #[track_caller]
    pub(crate) fn ended(&self) -> i32 {
        let line = self.noted("the command ends", |line| line.starts_with("ended "));
        line["ended ".len()..].parse().expect("a code")
    }

    /// Whether its settings are what they were.
    pub(crate) fn is_as_before(&self) -> bool {
        self.master.as_ref().and_then(|master| Settings::of(&**master)).is_some_and(|now| now == self.before)
    }

    /// Closes its window.
    pub(crate) fn close(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            reader.join().expect("no panic");
        }
        self.master = None;
    }

    /// Ends the shell as no program can prepare for.
    pub(crate) fn kill_shell(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.signal(Signal::KILL);
        }
        self.close();
        self.kill_shell();
    }
}

fn follow(master: Arc<OwnedFd>, text: Arc<Mutex<Vec<u8>>>, closing: Arc<AtomicBool>) -> JoinHandle<()> {
    use std::os::fd::AsFd as _;
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while !closing.load(Ordering::Relaxed) {
            let _ = poll::readable(&[master.as_fd()], Some(Duration::from_millis(20)));
            match pipe::read(&*master, &mut buffer) {
                Ok(length) => text.lock().expect("no panic").extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                // Nobody has the other side open now; somebody may later.
                Err(_) => drop(poll::readable(&[], Some(Duration::from_millis(5)))),
            }
        }
    })
}
