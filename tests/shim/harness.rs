//! Runs started from the test process, and the small supervisor that tests may kill.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use devserver::model::{Pid, ProcessName, RunId, ServiceName, Signal, SpawnFailure};
use devserver::plan::{Oneshot, Owner, ProcessSpec, Readiness, RestartPolicy, RestartWhen, Rung, StopLadder, Target};
use devserver::runner::{Control, Output, Report, Reports, Spawned, Spawner};
use devserver::sys::proc;
use tokio::net::unix::pipe::Receiver;
use tokio::task::JoinHandle;

/// How long anything may take on a machine with better things to do.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The soft limit of open files that runs are to get.
pub(super) const OPEN_FILES: u64 = 321;

pub(super) const SHIM: &str = env!("CARGO_BIN_EXE_devserver");
const FAKE: &str = env!("CARGO_BIN_EXE_fake-service");

/// The command line of a fake service.
pub(super) fn fake(arguments: &[&str]) -> Vec<String> {
    [FAKE].iter().chain(arguments).map(|word| (*word).to_owned()).collect()
}

/// A command line; what stands in single quotes is one word.
pub(super) fn words(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    let word = |(index, part): (usize, &str)| -> Vec<String> {
        if index % 2 == 1 { vec![part.to_owned()] } else { part.split_whitespace().map(str::to_owned).collect() }
    };
    parts.flat_map(word).collect()
}

pub(super) const fn rung(signal: Signal, target: Target, millis: u64) -> Rung {
    Rung { signal, target, timeout: Duration::from_millis(millis) }
}

/// Where relative folders start.
pub(super) fn project() -> PathBuf {
    PathBuf::from("/project")
}

/// A process with everything that isn't said left out.
pub(super) fn spec(command: Vec<String>) -> ProcessSpec {
    ProcessSpec {
        name: ProcessName::new("fake.server").expect("a name"),
        silo: None,
        service: ServiceName::new("server").expect("a name"),
        item: None,
        oneshot: None,
        command,
        cwd: std::env::temp_dir(),
        env: indexmap::IndexMap::new(),
        env_removed: Vec::new(),
        port: None,
        url: None,
        depends_on: Vec::new(),
        ready: Readiness {
            probes: Vec::new(),
            timeout: None,
            interval: Duration::from_millis(50),
            owner: Owner::Own,
            health_interval: Duration::from_secs(5),
            liveness: None,
        },
        stop: StopLadder { command: None, rungs: vec![rung(Signal::TERM, Target::Group, 10_000)] },
        restart: RestartPolicy {
            when: RestartWhen::Never,
            min: Duration::from_secs(1),
            max: Duration::from_secs(1),
            reset_after: Duration::from_secs(1),
            give_up_after: 1,
        },
        pty: true,
        exit_on_end: false,
    }
}

/// What makes a process one that is run to its end.
pub(super) fn oneshot() -> Oneshot {
    Oneshot { stale: true, creates: Vec::new(), inputs: Vec::new(), variables: Vec::new(), digest: None }
}

/// A run, with all that it has printed.
pub(super) struct Run {
    pub(super) pid: Pid,
    pub(super) shim: Pid,
    pub(super) marker: String,
    pub(super) control: Control,
    reports: Reports,
    out: Arc<Mutex<Vec<u8>>>,
    err: Arc<Mutex<Vec<u8>>>,
    pumps: Vec<JoinHandle<()>>,
    input: Option<File>,
}

pub(super) async fn start(command: Vec<String>) -> Run {
    start_with(command, |_| {}).await
}

pub(super) async fn start_with(command: Vec<String>, change: impl FnOnce(&mut ProcessSpec)) -> Run {
    try_start(command, change).await.expect("it starts")
}

pub(super) async fn try_start(
    command: Vec<String>,
    change: impl FnOnce(&mut ProcessSpec),
) -> Result<Run, SpawnFailure> {
    let mut spec = spec(command);
    change(&mut spec);
    let spawner = Spawner::new(SHIM.into(), project()).with_open_files(OPEN_FILES);
    // By its marker a run is told from those of the tests beside this one.
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let run = RunId { process: spec.name.clone(), number: NUMBER.fetch_add(1, Ordering::Relaxed) };
    let inherited: Vec<(OsString, OsString)> =
        [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("INHERITED", "yes"), ("SECRET", "no"), ("CHANGED", "old")]
            .map(|(name, value)| (name.into(), value.into()))
            .to_vec();
    let marker = spawner.marker(&run);
    let Spawned { pid, shim, output, control, reports } = spawner.spawn(&spec, &inherited, &run).await?;
    let (out, err) = (Arc::default(), Arc::default());
    let (pumps, input) = match output {
        Output::Pty(master) => {
            let input = File::from(master.try_clone().expect("a duplicate"));
            (vec![pump(master, &out)], Some(input))
        }
        Output::Pipes { stdout, stderr } => (vec![pump(stdout, &out), pump(stderr, &err)], None),
    };
    Ok(Run { pid, shim, marker, control, reports, out, err, pumps, input })
}

fn pump(end: OwnedFd, into: &Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    // Unchecked: it may be a terminal, which is read in the same way.
    let end = Receiver::from_owned_fd_unchecked(end).expect("it can be waited for");
    let into = Arc::clone(into);
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while end.readable().await.is_ok() {
            match end.try_read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => into.lock().expect("no panic").extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
    })
}

fn text(bytes: &Mutex<Vec<u8>>) -> String {
    String::from_utf8_lossy(&bytes.lock().expect("no panic")).replace("\r\n", "\n")
}

impl Run {
    pub(super) async fn next(&mut self) -> Option<Report> {
        match tokio::time::timeout(PATIENCE, self.reports.next()).await {
            Ok(report) => report,
            Err(_) => panic!("waited for news in vain; there is {:?}", self.text()),
        }
    }

    /// All the news that is still to come.
    pub(super) async fn rest(&mut self) -> Vec<Report> {
        let mut reports = Vec::new();
        while let Some(report) = self.next().await {
            reports.push(report);
        }
        reports
    }

    /// What was printed so far.
    pub(super) fn text(&self) -> String {
        text(&self.out)
    }

    /// Waits until the output holds this.
    pub(super) async fn until(&mut self, wanted: &str) {
        self.wait_until(wanted, |run| text(&run.out).contains(wanted)).await;
    }

    pub(super) async fn wait_until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let result = tokio::time::timeout(PATIENCE, poll(|| condition(self))).await;
        assert!(result.is_ok(), "waited for {what:?} in vain; there is {:?}", self.text());
    }

    /// Everything that was printed, once the output has ended.
    pub(super) async fn output(&mut self) -> String {
        for pump in self.pumps.drain(..) {
            tokio::time::timeout(PATIENCE, pump).await.expect("the output ends").expect("no panic");
        }
        text(&self.out)
    }

    pub(super) async fn errors(&mut self) -> String {
        self.output().await;
        text(&self.err)
    }

    /// Types this.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.input.as_mut().expect("it has a terminal").write_all(bytes).expect("it takes it");
    }

    /// Lets go of it, as a supervisor that ends does.
    pub(super) fn let_go(self) {
        self.pumps.iter().for_each(JoinHandle::abort);
    }
}

/// Processes as they noted themselves: number and start time.
pub(super) fn noted(path: &Path) -> Vec<(Pid, u64)> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let parse = |line: &str| -> Option<(Pid, u64)> {
        let (pid, started) = line.split_once(' ')?;
        Some((Pid(pid.parse().ok()?), started.parse().ok()?))
    };
    text.lines().filter_map(parse).collect()
}

/// Which of these certain processes still live.
pub(super) fn living(noted: &[(Pid, u64)]) -> Vec<Pid> {
    let lives = |(pid, started): &&(Pid, u64)| {
        proc::stat(*pid).is_some_and(|stat| stat.started == *started && stat.state != 'Z')
    };
    noted.iter().filter(lives).map(|(pid, _)| *pid).collect()
}

/// Which processes carry this run's marker.
pub(super) fn marked(marker: &str) -> Vec<Pid> {
    proc::all().into_iter().filter(|pid| proc::has_variable(*pid, devserver::shim::MARKER, marker)).collect()
}

/// Waits until a condition holds of which nothing tells us: what other processes do to each other.
async fn poll(mut condition: impl FnMut() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until a condition holds.
pub(super) async fn in_time(what: &str, condition: impl FnMut() -> bool) {
    assert!(tokio::time::timeout(PATIENCE, poll(condition)).await.is_ok(), "{what}: waited in vain");
}

/// The same, outside of a runtime.
#[track_caller]
pub(super) fn eventually(what: &str, condition: impl FnMut() -> bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let result = runtime.block_on(async { tokio::time::timeout(PATIENCE, poll(condition)).await });
    assert!(result.is_ok(), "{what}: waited in vain");
}

/// The small supervisor of the fake service, in a process of its own.
pub(super) struct Supervisor {
    child: Child,
    input: ChildStdin,
    lines: mpsc::Receiver<String>,
    pub(super) marker: String,
    pub(super) main: Pid,
    pub(super) shim: Pid,
}

impl Supervisor {
    pub(super) fn start(options: &[&str], command: &[String]) -> Self {
        Self::start_as(0, options, command).expect("it starts")
    }

    /// As this user, which is nobody else than ours where it is 0. None where that isn't possible: we may not, or that
    /// user may not see the programs.
    pub(super) fn start_as(user: u32, options: &[&str], command: &[String]) -> Option<Self> {
        let mut supervisor = Command::new(FAKE);
        if user != 0 {
            supervisor.uid(user);
        }
        let mut child = supervisor
            .args(["--supervise", SHIM])
            .args(options)
            .arg("--")
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, lines) = mpsc::sync_channel(1024);
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut supervisor = Self { child, input, lines, marker: String::new(), main: Pid(0), shim: Pid(0) };
        supervisor.marker = supervisor.until("marker ");
        let pids = supervisor.until("spawned ");
        let (main, shim) = pids.split_once(' ').expect("two pids");
        supervisor.main = Pid(main.parse().expect("a pid"));
        supervisor.shim = Pid(shim.parse().expect("a pid"));
        Some(supervisor)
    }

    /// Waits for a line that begins like this, and returns the rest of it.
    #[track_caller]
    pub(super) fn until(&self, start: &str) -> String {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => match line.strip_prefix(start) {
                    Some(rest) => return rest.to_owned(),
                    None => seen.push(line),
                },
                Err(_) => panic!("waited for {start:?} in vain; there was {seen:?}"),
            }
        }
    }

    pub(super) fn pid(&self) -> Pid {
        Pid(i32::try_from(self.child.id()).expect("a pid"))
    }

    pub(super) fn ask(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("it listens");
    }

    /// Ends it as no program can prepare for.
    pub(super) fn kill(mut self) {
        self.child.kill().expect("it lives");
        self.child.wait().expect("it is ours");
    }
}
