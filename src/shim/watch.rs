//! A shim's life: get the spec, start the service, then wait for its end, for requests, and for the end
//! of the supervisor.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::child;
use super::freeze::Frozen;
use super::protocol::{Decoder, Garbage, HANDOVER, NAME, Report, Request, Spec, Step, Swept, Target, encode};
use super::shell;
use super::tree::{self, Struck};
use crate::model::{ExitStatus, Pid, Signal};
use crate::sys::signal::ChildSignals;
use crate::sys::wait::{self, Reaped};
use crate::sys::{exec, fd, pipe, poll, proc, session, signal, socket};

/// How long KILL may take before those that are left are named.
const KILL_PATIENCE: Duration = Duration::from_secs(2);

/// How long after KILL a shim without a supervisor stays: what is stuck in the kernel dies when it comes
/// out of there, with us or without.
const LAST_PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks whether a shell's program has ended: nobody tells us, it isn't our child.
const SHELL_LOOK: Duration = Duration::from_millis(20);

/// So many leftovers are named; a fork bomb has more.
const NAMED: usize = 32;

/// Whether these arguments say that we are to be a shim.
pub fn is_shim(arguments: impl IntoIterator<Item = OsString>) -> bool {
    arguments.into_iter().next().is_some_and(|name| name == NAME)
}

/// The whole program, when it is a shim: with its socket as descriptor 0 and the service's output as 1 and 2.
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // To whom should it be said? The supervisor sees that we ended.
        Err(_) => ExitCode::FAILURE,
    }
}

fn run() -> io::Result<()> {
    // First of all, so that whatever comes from now on waits: HUP, TERM and INT too, which aren't for us.
    signal::block_all()?;
    session::become_subreaper()?;
    session::set_name(c"dv-shim")?;
    let children = ChildSignals::new()?;
    let null = OwnedFd::from(std::fs::File::options().read(true).write(true).open("/dev/null")?);
    let mut supervisor = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    exec::install(&null, 0)?;
    let Some((HANDOVER, kept)) = socket::receive_descriptors(&supervisor)? else { return Ok(()) };
    let mut requests = Decoder::default();
    let Some(spec) = receive_spec(&mut supervisor, &mut requests)? else { return Ok(()) };

    let started = child::start(&spec);
    // Now the service alone has its output open, and its end is the end.
    exec::install(&null, 1)?;
    exec::install(&null, 2)?;
    drop(null);
    match started {
        Err(failure) => supervisor.write_all(&frame(&Report::SpawnFailed(failure))?),
        Ok(main) => {
            let (ladder, outlived) = (spec.ladder.clone(), spec.outlived);
            // The environment of a service may be large, and it isn't needed again.
            drop(spec);
            let mut shim = Shim {
                supervisor: Some(supervisor),
                requests,
                children,
                kept,
                ended: Vec::new(),
                main,
                main_alive: true,
                group: main,
                inherited: false,
                outlived,
                shell_waits: false,
                ladder,
                asked: None,
                killing: None,
                frozen: None,
                swept: Vec::new(),
            };
            shim.say(&Report::Started { pid: main.0 })?;
            shim.live()
        }
    }
}

/// Waits for the spec. None when the supervisor is gone before it was all there.
fn receive_spec(supervisor: &mut UnixStream, requests: &mut Decoder) -> io::Result<Option<Spec>> {
    let mut buffer = [0; 4096];
    loop {
        if let Some(spec) = requests.take().map_err(garbage)? {
            return Ok(Some(spec));
        }
        match supervisor.read(&mut buffer)? {
            0 => return Ok(None),
            length => requests.push(&buffer[..length]),
        }
    }
}

fn garbage(garbage: Garbage) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, garbage)
}

fn frame(report: &Report) -> io::Result<Vec<u8>> {
    encode(report).map_err(garbage)
}

#[expect(clippy::disallowed_methods, reason = "a shim has no supervisor's clock; this is its own, and the only place")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// A stop that is under way.
pub(super) struct Asked {
    signal: Signal,
    target: Target,
    pub(super) since: Instant,
    /// Its rung on the ladder, as far as that can be told.
    rung: usize,
}

/// A kill that is under way.
pub(super) struct Killing {
    since: Instant,
    rounds: u32,
    named: bool,
}

pub(super) struct Shim {
    /// None once it is gone.
    supervisor: Option<UnixStream>,
    requests: Decoder,
    children: ChildSignals,
    /// Duplicates of the supervisor's ends of the output: while they are open, its end is no hang-up and no
    /// broken pipe for the service, which then gets to hear what its ladder says.
    kept: Vec<OwnedFd>,
    /// Those of them at whose end we are.
    ended: Vec<OwnedFd>,
    /// The main process: what was started, or what a shell that was started left to us.
    pub(super) main: Pid,
    main_alive: bool,
    /// The group of what was started, which has its number.
    group: Pid,
    /// Whether the main process was left to us by a shell.
    inherited: bool,
    /// Whether it may be.
    outlived: bool,
    /// The main process is a shell that stands still until its program has ended, and gets its signal then.
    pub(super) shell_waits: bool,
    ladder: Vec<Step>,
    pub(super) asked: Option<Asked>,
    pub(super) killing: Option<Killing>,
    pub(super) frozen: Option<Frozen>,
    swept: Vec<Swept>,
}

impl Shim {
    fn live(&mut self) -> io::Result<()> {
        // What came together with the spec.
        self.obey()?;
        loop {
            if self.reap()? == Reaped::Nobody {
                let swept = std::mem::take(&mut self.swept);
                return self.say(&Report::Gone { swept });
            }
            if self.supervisor.is_none() {
                self.climb()?;
            }
            if self.killing.is_some() && !self.kill()? {
                return Ok(());
            }
            self.freeze();
            self.end_shell();
            self.wait()?;
        }
    }

    /// Reaps all that ended. Says whether anybody is left.
    fn reap(&mut self) -> io::Result<Reaped> {
        self.children.clear()?;
        loop {
            let ended = wait::peek()?;
            let was_shell = ended == Some(self.main) && self.main_alive && (self.inherited || shell::is_one(self.main));
            match ended.map_or_else(wait::any, wait::child)? {
                Reaped::Ended(pid, status) if pid == self.main && self.main_alive => {
                    if !(was_shell && self.goes_on(status)?) {
                        self.main_alive = false;
                        self.say(&Report::Exited(status.into()))?;
                        self.tell_leftovers();
                    }
                }
                Reaped::Ended(..) => {}
                rest => return Ok(rest),
            }
        }
    }

    /// The shell that was the main process has ended: whether what it started in its group goes on in its place. It does
    /// unless the shell tells of a failure, which is the run's.
    fn goes_on(&mut self, status: ExitStatus) -> io::Result<bool> {
        let failed = matches!(status, ExitStatus::Code(1..)) && self.asked.is_none();
        let heir = shell::heirs(self.group, self.main).first().copied();
        let Some(program) = heir.filter(|_| self.outlived && !failed) else { return Ok(false) };
        (self.main, self.inherited, self.shell_waits) = (program, true, false);
        if let Some(asked) = &self.asked
            && asked.target == Target::Main
        {
            // It is what was meant.
            tree::tell_one(program, asked.signal);
        }
        self.say(&Report::Inherited { pid: program.0 })?;
        Ok(true)
    }

    /// Waits for something to happen, and takes in what the supervisor says.
    fn wait(&mut self) -> io::Result<()> {
        let timeout = self.timeout();
        let mut watched = vec![self.children.as_fd()];
        match &self.supervisor {
            Some(supervisor) => watched.push(supervisor.as_fd()),
            None => watched.extend(self.kept.iter().map(AsFd::as_fd)),
        }
        let ready = poll::readable(&watched, timeout)?;
        match self.supervisor {
            Some(_) if ready.get(1) == Some(&true) => self.hear(),
            Some(_) => Ok(()),
            None => {
                let mut ready = ready.into_iter().skip(1);
                let at_end = |kept: &mut OwnedFd| ready.next() == Some(true) && !drain(kept);
                // Not closed: a terminal that nobody has open may still be somebody's controlling one.
                self.ended.extend(self.kept.extract_if(.., at_end));
                Ok(())
            }
        }
    }

    fn timeout(&self) -> Option<Duration> {
        if let Some(killing) = &self.killing {
            // Quick at first, to get ahead of whatever forks; patient with what is stuck.
            let pause = match killing.rounds {
                0..50 => 0,
                50..500 => 1,
                _ => 20,
            };
            return Some(Duration::from_millis(pause));
        }
        if self.is_freezing() {
            return Some(Duration::from_millis(1));
        }
        let rung = self.supervisor.is_none().then(|| self.rung_left());
        if self.shell_waits { Some(rung.map_or(SHELL_LOOK, |left| left.min(SHELL_LOOK))) } else { rung }
    }

    /// How long the present rung still lasts.
    fn rung_left(&self) -> Duration {
        let asked = self.asked.as_ref();
        let step = asked.and_then(|asked| Some((asked, self.ladder.get(asked.rung)?)));
        step.map_or(Duration::ZERO, |(asked, step)| {
            (asked.since + Duration::from_millis(step.millis)).saturating_duration_since(now())
        })
    }

    fn hear(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        let read = self.supervisor.as_mut().map_or(Ok(0), |supervisor| supervisor.read(&mut buffer));
        match read {
            Ok(length) if length > 0 => self.requests.push(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            // Gone, by whatever name.
            Ok(_) | Err(_) => return self.be_alone(),
        }
        self.obey()
    }

    /// Does what was asked for.
    fn obey(&mut self) -> io::Result<()> {
        loop {
            match self.requests.take() {
                Ok(Some(request)) => self.carry_out(&request),
                Ok(None) => return Ok(()),
                // Whoever that is, it isn't our supervisor.
                Err(_) => return self.be_alone(),
            }
        }
    }

    fn carry_out(&mut self, request: &Request) {
        match *request {
            Request::Kill => self.begin_to_kill(),
            Request::Freeze => self.begin_to_freeze(),
            Request::Thaw => self.thaw(),
            Request::Stop { signal, .. } if signal == Signal::KILL.number() => self.begin_to_kill(),
            Request::Stop { signal, target } => self.stop(Signal::from_number(signal), target),
            Request::Signal { signal, target } => {
                if self.main_alive {
                    self.send(Signal::from_number(signal), target);
                }
            }
        }
    }

    fn stop(&mut self, signal: Signal, target: Target) {
        let last = self.asked.as_ref().map_or(0, |asked| asked.rung);
        let same = |step: &Step| step.signal == signal.number() && step.target == target;
        let rung =
            self.ladder.iter().enumerate().skip(last).find(|(_, step)| same(step)).map_or(last, |(rung, _)| rung);
        self.asked = Some(Asked { signal, target, since: now(), rung });
        let behind = if self.main_alive && target == Target::Group { self.behind_shell(signal) } else { Vec::new() };
        if !behind.is_empty() {
            // Or it would end at once, or go on to its next command.
            self.send(Signal::STOP, Target::Main);
            self.shell_waits = true;
            behind.into_iter().for_each(|pid| tree::tell_one(pid, signal));
        } else if self.main_alive {
            self.send(signal, target);
            // So that what was stopped (Ctrl-Z, a debugger) can act on it.
            self.send(Signal::CONT, target);
        } else {
            self.tell_groups(signal, &HashSet::new());
        }
        // So that the signal is the first thing that it hears.
        self.thaw();
    }

    /// What a shell that is the main process, and would be ended by this signal, runs in its group. One that has a trap
    /// for it has its own way to end what it runs.
    fn behind_shell(&self, signal: Signal) -> Vec<Pid> {
        if self.inherited || !shell::is_one(self.main) || proc::heeds(self.main, signal) {
            return Vec::new();
        }
        shell::mates(self.main, self.group)
    }

    /// Gives a shell its signal once its program has ended.
    fn end_shell(&mut self) {
        let Some(asked) = self.asked.as_ref().filter(|_| self.shell_waits && self.frozen.is_none()) else { return };
        let signal = asked.signal;
        if !self.main_alive || shell::mates(self.main, self.group).is_empty() {
            self.shell_waits = false;
            if self.main_alive {
                self.send(signal, Target::Main);
                self.send(Signal::CONT, Target::Main);
            }
        }
    }

    /// To the main process or its group, which has its number: neither can be another's before it is reaped.
    fn send(&self, signal: Signal, target: Target) {
        // It may have ended just now; then it is reaped in the next turn.
        let _ = match target {
            Target::Main => signal::send(self.main, signal),
            Target::Group => signal::send_group(self.group, signal),
        };
    }

    /// The main process has ended on a stop: what it left behind is asked to end too, once, before KILL.
    fn tell_leftovers(&mut self) {
        let Some(asked) = &self.asked else { return };
        let told = match asked.target {
            Target::Group => HashSet::from([self.group]),
            Target::Main => HashSet::new(),
        };
        self.tell_groups(asked.signal, &told);
    }

    fn tell_groups(&mut self, signal: Signal, except: &HashSet<Pid>) {
        tree::tell(except, signal, |pid| note(&mut self.swept, pid));
    }

    fn begin_to_kill(&mut self) {
        // KILL works on what stands still.
        self.frozen = None;
        self.killing.get_or_insert(Killing { since: now(), rounds: 0, named: false });
    }

    /// One round. `false` when nothing more can be done, and nobody is there to hear of it.
    fn kill(&mut self) -> io::Result<bool> {
        let Some(killing) = &mut self.killing else { return Ok(true) };
        killing.rounds = killing.rounds.saturating_add(1);
        let lasting = now().saturating_duration_since(killing.since);
        let name_them = lasting >= KILL_PATIENCE && !killing.named;
        killing.named |= name_them;

        let (main, group, main_alive, swept) = (self.main, self.group, self.main_alive, &mut self.swept);
        // The main process and its group are what a stop is about anyway; the others need mentioning.
        let hit = |struck: Struck| {
            if struck.pid != main && (struck.group != group || !main_alive) {
                note(swept, struck.pid);
            }
        };
        tree::strike(&proc::children(session::own_pid()), &HashSet::new(), hit);
        if name_them {
            let pids: Vec<_> = tree::alive().into_iter().map(|pid| pid.0).collect();
            if !pids.is_empty() {
                self.say(&Report::Survivors { pids })?;
            }
        }
        Ok(self.supervisor.is_some() || lasting < LAST_PATIENCE)
    }

    /// The supervisor is gone: from now on the ladder is ours to climb.
    fn be_alone(&mut self) -> io::Result<()> {
        self.supervisor = None;
        for kept in &self.kept {
            // It was the supervisor's description too, so it could not be changed before.
            fd::set_nonblocking(kept)?;
        }
        if self.asked.is_some() {
            // It has been told; now it can act on it.
            self.thaw();
        }
        Ok(())
    }

    /// Goes up the ladder as time passes, from where the supervisor left it.
    fn climb(&mut self) -> io::Result<()> {
        if self.killing.is_some() || (self.asked.is_some() && !self.rung_left().is_zero()) {
            return Ok(());
        }
        let next = self.asked.as_ref().map_or(0, |asked| asked.rung + 1);
        match self.ladder.get(next).cloned() {
            Some(step) if step.signal != Signal::KILL.number() => {
                self.stop(Signal::from_number(step.signal), step.target);
                // Two rungs may have the same signal.
                if let Some(asked) = &mut self.asked {
                    asked.rung = next;
                }
            }
            Some(_) | None => self.begin_to_kill(),
        }
        Ok(())
    }

    /// Tells the supervisor, if there is one. That it is gone is found out where we listen.
    fn say(&mut self, report: &Report) -> io::Result<()> {
        let bytes = frame(report)?;
        if let Some(supervisor) = &mut self.supervisor {
            let _ = supervisor.write_all(&bytes);
        }
        Ok(())
    }
}

fn note(swept: &mut Vec<Swept>, pid: Pid) {
    if swept.len() < NAMED && swept.iter().all(|known| known.pid != pid.0) {
        swept.push(Swept { pid: pid.0, command: proc::command_line(pid) });
    }
}

/// Throws away what there is to read. `false` at the end.
fn drain(kept: &OwnedFd) -> bool {
    let mut buffer = [0; 4096];
    match pipe::read(kept, &mut buffer) {
        Ok(0) => false,
        Ok(_) => true,
        Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
    }
}
