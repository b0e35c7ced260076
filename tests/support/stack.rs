//! A running `devserver`, as a user's terminal has it: its lines, its end, and what is left afterwards.
//!
//! Every process that it starts carries a mark in its environment; survivors are counted by that mark and
//! by pid with start time, never by name.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use devserver::model::{Pid, Signal};
use devserver::sys::{proc, signal};

/// How long anything may take on a machine with better things to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const MARK: &str = "DEVSERVER_TEST_MARK";

/// A running `devserver`.
pub(crate) struct Stack {
    child: Child,
    mark: String,
    lines: Arc<(Mutex<Lines>, Condvar)>,
    seen: Vec<(Pid, u64)>,
}

#[derive(Default)]
struct Lines {
    all: Vec<String>,
    open: u32,
}

impl Stack {
    /// Starts `devserver` in a folder with these arguments.
    pub(crate) fn start(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_devserver"));
        command.args(arguments);
        Self::run(command, folder, variables)
    }

    /// Runs this command, a `devserver`, in a folder.
    pub(crate) fn run(mut command: Command, folder: &Path, variables: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mark = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        command.current_dir(folder);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("DEVSERVER_") || name.starts_with("ACME_") || name.starts_with("SENTRY_") {
                command.env_remove(name.as_ref());
            }
        }
        command.env(MARK, &mark).envs(variables.iter().copied());
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("devserver starts");
        let lines = Arc::new((Mutex::new(Lines { all: Vec::new(), open: 2 }), Condvar::new()));
        follow(child.stdout.take().expect("it is piped"), Arc::clone(&lines));
        follow(child.stderr.take().expect("it is piped"), Arc::clone(&lines));
        Self { child, mark, lines, seen: Vec::new() }
    }

    /// Waits for a line that has this text, and returns it.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        self.wait_for_within(text, PATIENCE)
    }

    /// Waits so long for a line that has this text, and returns it.
    #[track_caller]
    pub(crate) fn wait_for_within(&mut self, text: &str, patience: Duration) -> String {
        let until = Instant::now() + patience;
        let (lines, changed) = &*self.lines;
        let mut guard = lines.lock().expect("nobody panics with it");
        loop {
            if let Some(line) = guard.all.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && guard.open > 0,
                "no line has {text:?}; all there was:\n{}",
                guard.all.join("\n")
            );
            guard = changed.wait_timeout(guard, left).expect("nobody panics with it").0;
        }
    }

    /// Everything that was printed so far.
    pub(crate) fn output(&self) -> String {
        self.lines.0.lock().expect("nobody panics with it").all.join("\n")
    }

    /// Remembers every process that is there now, so that `leftovers` can look for them.
    pub(crate) fn look(&mut self) {
        let root = Pid(i32::try_from(self.child.id()).expect("a pid is small"));
        for pid in proc::descendants(root) {
            if let Some(start) = proc::start_time(pid)
                && !self.seen.contains(&(pid, start))
            {
                self.seen.push((pid, start));
            }
        }
    }

    /// Sends a signal to the supervisor, as a terminal or another program would.
    pub(crate) fn signal(&mut self, signal: Signal) {
        self.look();
        let pid = Pid(i32::try_from(self.child.id()).expect("a pid is small"));
        signal::send(pid, signal).expect("it is our child");
    }

    /// Presses Ctrl-C once and waits for the end.
    #[track_caller]
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::INT);
        self.ended()
    }

    /// Waits until it has ended.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                self.wait_for_end_of_output(until);
                return status;
            }
            assert!(Instant::now() < until, "it doesn't end; it said:\n{}", self.output());
            std::thread::yield_now();
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    fn wait_for_end_of_output(&self, until: Instant) {
        let (lines, changed) = &*self.lines;
        let mut guard = lines.lock().expect("nobody panics with it");
        while guard.open > 0 && Instant::now() < until {
            guard = changed.wait_timeout(guard, Duration::from_millis(50)).expect("nobody panics with it").0;
        }
    }

    /// What is left of it: processes that it started, by mark and by pid with start time.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let marked = proc::all().into_iter().filter(|pid| proc::has_variable(*pid, MARK, &self.mark));
        let seen = self.seen.iter().filter(|(pid, start)| proc::start_time(*pid) == Some(*start)).map(|(pid, _)| *pid);
        let alive = |pid: &Pid| proc::stat(*pid).is_some_and(|stat| stat.state != 'Z');
        marked.chain(seen).filter(alive).map(|pid| format!("{pid} {}", proc::command_line(pid))).collect()
    }
}

/// A stack that a failed test leaves is taken down, hard.
impl Drop for Stack {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn follow(stream: impl std::io::Read + Send + 'static, lines: Arc<(Mutex<Lines>, Condvar)>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            lines.0.lock().expect("nobody panics with it").all.push(text);
            lines.1.notify_all();
        }
        lines.0.lock().expect("nobody panics with it").open -= 1;
        lines.1.notify_all();
    });
}

/// A port of which all these offsets are free now: `offsets` are added to it.
pub(crate) fn free_base(offsets: &[u16]) -> u16 {
    for _ in 0..200 {
        let probe = TcpListener::bind("127.0.0.1:0").expect("some port is free");
        let base = probe.local_addr().expect("it is bound").port();
        drop(probe);
        let free =
            |offset: &u16| base.checked_add(*offset).is_some_and(|port| TcpListener::bind(("127.0.0.1", port)).is_ok());
        if offsets.iter().all(free) {
            return base;
        }
    }
    panic!("no row of free ports was found");
}

/// An HTTP answer: its status and its body.
pub(crate) struct Answer {
    /// 200, 404.
    pub(crate) status: u16,
    /// What it holds.
    pub(crate) body: String,
}

/// Asks for a page of this machine; none if nobody answers.
pub(crate) fn get(port: u16, path: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n").ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

/// Asks again until the condition holds of what it answers, and returns that.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    eventually_else(ask, || what.to_owned())
}

/// The same, with words that are found when they are needed.
#[track_caller]
pub(crate) fn eventually_else<T>(mut ask: impl FnMut() -> Option<T>, what: impl FnOnce() -> String) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = ask() {
            return value;
        }
        if Instant::now() >= until {
            panic!("it never came true: {}", what());
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
