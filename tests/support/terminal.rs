//! A real terminal with a program on it, as a person has it: keys go in, what is on it comes out, its settings can be
//! compared before and after.

use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use devserver::model::Pid;
use devserver::sys::pty::{Pty, WindowSize};
use nix::fcntl::{FcntlArg, OFlag, fcntl};

/// How long anything may take on a machine with better things to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A program in a session of its own, whose terminal this is.
pub(crate) struct Terminal {
    child: Child,
    master: std::fs::File,
    output: Arc<(Mutex<Vec<u8>>, Condvar)>,
    /// What was looked at.
    seen: usize,
}

impl Terminal {
    /// Starts `devserver` in a folder with these arguments on a new terminal.
    pub(crate) fn devserver(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let words = [&[env!("CARGO_BIN_EXE_devserver")], arguments].concat();
        Self::start(folder, &words, variables)
    }

    /// Starts a program in a folder on a new terminal.
    pub(crate) fn start(folder: &Path, words: &[&str], variables: &[(&str, &str)]) -> Self {
        let Pty { master, slave } = Pty::open(WindowSize { rows: 40, columns: 120 }).expect("a terminal");
        let mut command = Command::new("setsid");
        command.arg("--ctty").args(words).current_dir(folder);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if ["DEVSERVER_", "ACME_", "SENTRY_"].iter().any(|own| name.starts_with(own)) {
                command.env_remove(name.as_ref());
            }
        }
        command.env("TERM", "xterm-256color").envs(variables.iter().copied());
        let side = || Stdio::from(slave.try_clone().expect("a descriptor"));
        let child = command.stdin(side()).stdout(side()).stderr(side()).spawn().expect("setsid is on every Linux");
        fcntl(&master, FcntlArg::F_SETFL(OFlag::O_RDWR)).expect("it is ours");
        let master = std::fs::File::from(master);
        let output = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        follow(master.try_clone().expect("a descriptor"), Arc::clone(&output));
        Self { child, master, output, seen: 0 }
    }

    /// Presses these keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Waits until this is on the terminal, behind what was waited for before.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        let until = Instant::now() + PATIENCE;
        let (output, changed) = &*self.output;
        let mut guard = output.lock().expect("nobody panics with it");
        loop {
            let new = &guard[self.seen.min(guard.len())..];
            if let Some(at) = memchr::memmem::find(new, text.as_bytes()) {
                self.seen += at + text.len();
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{text:?} didn't come; all there was:\n{}", String::from_utf8_lossy(&guard));
            guard = changed.wait_timeout(guard, left).expect("nobody panics with it").0;
        }
    }

    /// The program's pid.
    pub(crate) fn pid(&self) -> Pid {
        Pid(i32::try_from(self.child.id()).expect("a pid is small"))
    }

    /// Waits until it has ended.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        super::stack::eventually("the program ends", || self.child.try_wait().expect("it is our child"))
    }

    /// Waits until it has ended; its code, or the negative number of the signal.
    #[track_caller]
    pub(crate) fn code(&mut self) -> i32 {
        let status = self.ended();
        status.code().unwrap_or_else(|| -status.signal().expect("what has no code has a signal"))
    }
}

/// What a failed test leaves is asked to end, so that it can clean up after itself.
impl Drop for Terminal {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn follow(mut master: std::fs::File, output: Arc<(Mutex<Vec<u8>>, Condvar)>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = master.read(&mut buffer) {
            output.0.lock().expect("nobody panics with it").extend_from_slice(&buffer[..length]);
            output.1.notify_all();
        }
    });
}
