//! Starting a run: its output, its shim, and the talk with that.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::time::timeout;

use super::children::{Children, Helper};
use super::environ::child_environment;
use super::ledger::LedgerFile;
use crate::model::{ExitStatus, Leftovers, Pid, RunId, Signal, SpawnFailure, SpawnStep, Stray};
use crate::plan::{ProcessSpec, Rung, StopLadder, Target};
use crate::shim::{self, Decoder, Failure, HANDOVER, MARKER, NAME, Raw, Request, Spec, Step};
use crate::sys::exec::{Meaning, describe, meaning};
use crate::sys::pipe::Pipe;
use crate::sys::pty::{Pty, WindowSize};
use crate::sys::{proc, session, socket};

/// How long a shim may take until its service runs: it is 2 ms, unless the machine or its disk is in trouble.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// How long a shim may take to end after its last word.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// What is needed to start runs.
#[derive(Debug, Clone)]
pub struct Spawner {
    shim: PathBuf,
    project: PathBuf,
    session: String,
    open_files: Option<u64>,
    window: WindowSize,
    children: Children,
    shims: Shims,
    ledger: Option<LedgerFile>,
}

/// The sockets of the shims that have all that they need to run something.
#[derive(Debug, Clone, Default)]
struct Shims(Arc<Mutex<Vec<Weak<UnixStream>>>>);

/// A run that executes its program.
#[derive(Debug)]
pub struct Spawned {
    /// The main process.
    pub pid: Pid,
    /// Its shim: everything of the run is below it.
    pub shim: Pid,
    /// Where its output comes out.
    pub output: Output,
    /// What it is told.
    pub control: Control,
    /// What is heard of it.
    pub reports: Reports,
}

/// Where the output of a run comes out. Reads don't block; register them with the runtime.
#[derive(Debug)]
pub enum Output {
    /// The terminal. Its end is EIO.
    Pty(OwnedFd),
    /// Two pipes. Their end is a read of nothing.
    Pipes {
        /// Standard output.
        stdout: OwnedFd,
        /// Standard error.
        stderr: OwnedFd,
    },
}

/// News of a run. Each comes once; after `Gone` or `Lost` there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The main process ended. Its last output may still be on the way.
    Exited(ExitStatus),
    /// The main process was a shell that ended; this one goes on in its place. It may come more than once.
    Inherited(Pid),
    /// KILL was sent, and these are still there.
    Survivors(Vec<Pid>),
    /// Nothing of its tree is left.
    Gone(Leftovers),
    /// The shim ended before its time. The main process ended with it; for the rest there is `sweep_strays`.
    Lost,
}

/// What is told to the shim of a run.
#[derive(Debug, Clone)]
pub struct Control {
    socket: Arc<UnixStream>,
}

/// What is heard from the shim of a run.
#[derive(Debug)]
pub struct Reports {
    socket: Arc<UnixStream>,
    decoder: Decoder,
    shim: Helper,
    last: Option<Report>,
    over: bool,
}

/// The request to a shim that stands for a rung of a stop ladder.
pub fn stop_request(rung: &Rung) -> Request {
    Request::Stop { signal: rung.signal.number(), target: target(rung.target) }
}

/// The signals of a ladder before KILL. Its command isn't among them: without a supervisor there is nobody who could say
/// what became of it.
pub(super) fn steps(ladder: &StopLadder) -> Vec<Step> {
    let signals = ladder.rungs.iter().take_while(|rung| rung.signal != Signal::KILL);
    let step = |rung: &Rung| Step {
        signal: rung.signal.number(),
        target: target(rung.target),
        millis: u64::try_from(rung.timeout.as_millis()).unwrap_or(u64::MAX),
    };
    signals.map(step).collect()
}

const fn target(target: Target) -> shim::Target {
    match target {
        Target::Group => shim::Target::Group,
        Target::Main => shim::Target::Main,
    }
}

impl Spawner {
    /// Starts shims from this executable: `/proc/self/exe`, unless we are a test. Relative folders on a PATH start at
    /// the project.
    pub fn new(shim: PathBuf, project: PathBuf) -> Self {
        let own = session::own_pid();
        let session = format!("{own}.{}", proc::start_time(own).unwrap_or_default());
        let (open_files, window, children) = (None, WindowSize::default(), Children::default());
        Self { shim, project, session, open_files, window, children, shims: Shims::default(), ledger: None }
    }

    /// Children get this soft limit of open files: the one from before we raised ours.
    #[must_use]
    pub const fn with_open_files(mut self, soft: u64) -> Self {
        self.open_files = Some(soft);
        self
    }

    /// What runs is written down in this folder, for whoever comes after us.
    #[must_use]
    pub fn with_ledger(mut self, folder: &Path) -> Self {
        self.ledger = LedgerFile::open(folder, &self.session);
        self
    }

    /// What is written down, if it is.
    pub const fn ledger(&self) -> Option<&LedgerFile> {
        self.ledger.as_ref()
    }

    /// Terminals begin with this size.
    #[must_use]
    pub const fn with_window(mut self, window: WindowSize) -> Self {
        self.window = window;
        self
    }

    /// The children of this process. Every one must be started through this or `spawn`, or it is swept.
    pub const fn children(&self) -> &Children {
        &self.children
    }

    /// What `DEVSERVER_RUN` is in everything that belongs to a run: unique on this machine until it is
    /// started again.
    pub fn marker(&self, run: &RunId) -> String {
        format!("{}/{run}", self.session)
    }

    /// Stops everything that runs, and everything that is about to; lets it go on after this has been done.
    pub(super) fn suspend(&self, meanwhile: impl FnOnce()) {
        self.children.while_none_is_born(|| self.shims.frozen(meanwhile));
    }

    /// Kills everything below us that no shim and nobody else owns: what a killed shim left behind.
    pub async fn sweep_strays(&self) -> Vec<Stray> {
        self.children.sweep().await
    }

    /// Starts a run, and returns when its program executes.
    ///
    /// Whoever drops this future, or what it returns, lets go of the run: its shim stops it.
    pub async fn spawn(
        &self,
        spec: &ProcessSpec,
        inherited: &[(OsString, OsString)],
        run: &RunId,
    ) -> Result<Spawned, SpawnFailure> {
        let shim_failed = |why: String| SpawnFailure::Shim { why };
        let message =
            shim::encode(&self.shim_spec(spec, inherited, run)).map_err(|error| shim_failed(error.to_string()))?;
        let ends = Ends::open(spec.pty, self.window).map_err(|error| no_output(&error))?;
        let failed = |error: io::Error| shim_failed(error.to_string());
        let (ours, theirs) = StdStream::pair().map_err(failed)?;
        // The first thing in an empty socket, so that it can't block.
        socket::send_descriptors(&ours, HANDOVER, &ends.ours()).map_err(failed)?;
        let shim = self.start_shim(spec, run, theirs, ends.stdout, ends.stderr).map_err(failed)?;
        ours.set_nonblocking(true).map_err(failed)?;
        let socket = Arc::new(UnixStream::from_std(ours).map_err(failed)?);
        let pid = shim.pid();
        let mut reports =
            Reports { socket: Arc::clone(&socket), decoder: Decoder::default(), shim, last: None, over: false };
        let first = async {
            // When this fails the shim has ended, and then there is no answer either.
            let _ = self.shims.hand_over(&socket, &message).await;
            reports.read().await
        };
        match timeout(START_PATIENCE, first).await {
            Ok(Ok(shim::Report::Started { pid: main })) => {
                let control = Control { socket };
                Ok(Spawned { pid: Pid(main), shim: pid, output: ends.output, control, reports })
            }
            Ok(Ok(shim::Report::SpawnFailed(failure))) => {
                reports.reap().await;
                Err(failure.into())
            }
            Ok(Ok(other)) => Err(shim_failed(format!("it began with {other:?}"))),
            Ok(Err(error)) => {
                reports.reap().await;
                Err(shim_failed(format!("it ended before the service was started ({error})")))
            }
            Err(_) => Err(shim_failed(format!("it said nothing for {} s", START_PATIENCE.as_secs()))),
        }
    }

    fn shim_spec(&self, spec: &ProcessSpec, inherited: &[(OsString, OsString)], run: &RunId) -> Spec {
        let environment = child_environment(spec, inherited, &self.project);
        let mut env: Vec<(Raw, Raw)> = environment
            .iter()
            .filter(|(name, _)| name != MARKER)
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        env.push((MARKER.into(), (&self.marker(run)).into()));
        Spec {
            argv: spec.command.iter().map(Raw::from).collect(),
            env,
            cwd: Raw::from(&self.project.join(&spec.cwd)),
            pty: spec.pty,
            open_files: self.open_files,
            // What is run to its end (a oneshot, a probe's command, which has no ladder) is over when its script is.
            outlived: spec.oneshot.is_none() && !spec.stop.rungs.is_empty(),
            ladder: steps(&spec.stop),
        }
    }

    /// Without `pre_exec` and without a change of folder or user, so that std can use posix_spawn: a fork of
    /// a large process takes milliseconds. No PDEATHSIG on the shim: it would hang on the thread that we are.
    #[expect(clippy::disallowed_methods, reason = "the shim is what all other children are started through")]
    fn start_shim(
        &self,
        spec: &ProcessSpec,
        run: &RunId,
        socket: StdStream,
        stdout: OwnedFd,
        stderr: OwnedFd,
    ) -> io::Result<Helper> {
        let mut command = Command::new(&self.shim);
        command
            .arg0(NAME)
            .arg(spec.name.as_str())
            .env_clear()
            .env(MARKER, self.marker(run))
            // A group of its own: Ctrl-C at our terminal is for us, and we tell the shims.
            .process_group(0)
            .stdin(Stdio::from(OwnedFd::from(socket)))
            .stdout(Stdio::from(stdout))
            .stderr(Stdio::from(stderr));
        self.children.start(&mut command)
    }
}

/// Both ends of a run's output.
struct Ends {
    output: Output,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

impl Ends {
    fn open(pty: bool, window: WindowSize) -> io::Result<Self> {
        if pty {
            let Pty { master, slave } = Pty::open(window)?;
            let stderr = slave.try_clone()?;
            return Ok(Self { output: Output::Pty(master), stdout: slave, stderr });
        }
        let (stdout, stderr) = (Pipe::for_output()?, Pipe::for_output()?);
        let output = Output::Pipes { stdout: stdout.read, stderr: stderr.read };
        Ok(Self { output, stdout: stdout.write, stderr: stderr.write })
    }

    fn ours(&self) -> Vec<BorrowedFd<'_>> {
        match &self.output {
            Output::Pty(master) => vec![master.as_fd()],
            Output::Pipes { stdout, stderr } => vec![stdout.as_fd(), stderr.as_fd()],
        }
    }
}

fn no_output(error: &io::Error) -> SpawnFailure {
    let errno = error.raw_os_error().unwrap_or_default();
    SpawnFailure::System {
        step: SpawnStep::Terminal,
        what: String::new(),
        why: describe(errno),
        // ENOSPC: all pseudo terminals are in use.
        transient: meaning(errno) == Meaning::Short || error.kind() == io::ErrorKind::StorageFull,
    }
}

impl From<Failure> for SpawnFailure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotFound { program } => Self::ProgramNotFound { program },
            Failure::System { step, what, why, transient } => Self::System { step, what, why, transient },
        }
    }
}

impl Control {
    /// Tells the shim. It doesn't wait: requests are small, and a shim always listens.
    ///
    /// An error means that the shim is gone, of which `Reports` will speak, or that it is stopped and has not
    /// listened for a long time.
    pub fn send(&self, request: &Request) -> io::Result<()> {
        let bytes = shim::encode(request).map_err(io::Error::other)?;
        // A message this small goes in whole or not at all.
        self.socket.try_io(Interest::WRITABLE, || crate::sys::pipe::write(self.socket.as_fd(), &bytes))?;
        Ok(())
    }

    /// Tells the shim to take the stop ladder's next step.
    pub fn stop(&self, rung: &Rung) -> io::Result<()> {
        self.send(&stop_request(rung))
    }
}

impl Reports {
    /// The next news; none once the run is over. May be dropped and called again.
    pub async fn next(&mut self) -> Option<Report> {
        if self.over {
            return None;
        }
        if self.last.is_none() {
            let report = match self.read().await {
                Ok(shim::Report::Exited(end)) => return Some(Report::Exited(end.into())),
                Ok(shim::Report::Inherited { pid }) => return Some(Report::Inherited(Pid(pid))),
                Ok(shim::Report::Survivors { pids }) => {
                    return Some(Report::Survivors(pids.into_iter().map(Pid).collect()));
                }
                Ok(shim::Report::Gone { swept }) => {
                    let strays: Vec<_> =
                        swept.into_iter().map(|swept| Stray { pid: swept.pid(), command: swept.command }).collect();
                    Report::Gone(if strays.is_empty() { Leftovers::None } else { Leftovers::Swept(strays) })
                }
                Ok(shim::Report::Started { .. } | shim::Report::SpawnFailed(_)) | Err(_) => {
                    // Had it not ended, it would be out of its mind, and its tree is better ours.
                    let _ = self.shim.child().start_kill();
                    Report::Lost
                }
            };
            self.last = Some(report);
        }
        self.reap().await;
        self.over = true;
        self.last.take()
    }

    async fn reap(&mut self) {
        let _ = timeout(END_PATIENCE, self.shim.wait()).await;
    }

    /// The next message. May be dropped and called again: what was read stays in the decoder.
    async fn read(&mut self) -> io::Result<shim::Report> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(report) = self.decoder.take().map_err(io::Error::other)? {
                return Ok(report);
            }
            self.socket.readable().await?;
            match self.socket.try_read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.decoder.push(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Shims {
    fn lock(&self) -> MutexGuard<'_, Vec<Weak<UnixStream>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes all of a spec. From the moment at which a shim has it, what it runs can be stopped: one lock over both.
    async fn hand_over(&self, socket: &Arc<UnixStream>, mut spec: &[u8]) -> io::Result<()> {
        while !spec.is_empty() {
            socket.writable().await?;
            let mut known = self.lock();
            match socket.try_write(spec) {
                Ok(length) => spec = &spec[length..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if spec.is_empty() {
                known.retain(|socket| socket.strong_count() > 0);
                known.push(Arc::downgrade(socket));
            }
        }
        Ok(())
    }

    /// Has everything stand still while this is done. It isn't waited for that it does: it is the shims' work.
    fn frozen(&self, meanwhile: impl FnOnce()) {
        let known = self.lock();
        let tell = |request: &Request| {
            let Ok(bytes) = shim::encode(request) else { return };
            for socket in known.iter().filter_map(Weak::upgrade) {
                // Gone, or stopped itself.
                let _ = crate::sys::pipe::write(socket.as_fd(), &bytes);
            }
        };
        tell(&Request::Freeze);
        meanwhile();
        tell(&Request::Thaw);
    }
}
