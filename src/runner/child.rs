//! One run, from its `Spawn` to its end: waits for the lock where it sets something up, looks whether its
//! port is free, starts it, pumps its output, hears its shim, does what it is ordered, and reports.
//!
//! Exactly one end is reported for each spawn, and the exit before it, after the last lines.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use regex::bytes::Regex;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};

use super::ask::ask;
use super::clock::Clock;
use super::notify::Notify;
use super::oneshot::{AtWork, Setup};
use super::probe::Prober;
use super::pump::{LogProbe, Pump};
use super::spawn::{Control, Output, Report, Reports, Spawned, Spawner, steps};
use crate::bus::{Bus, Stream};
use crate::logs::Mask;
use crate::model::{ExitStatus, Leftovers, Origin, Owner, Pid, RunId, Rung, Signal, SpawnFailure, Stray};
use crate::plan::{EnvValue, Probe, ProcessSpec, StopCommand};
use crate::shim::Request;
use crate::supervise::Input;
use crate::sys::{fault, listeners, memory, proc};

/// How long the exit waits for the last lines: a leftover may hold the output open.
const DRAIN: Duration = Duration::from_millis(200);

/// So often it is looked who is left of a run that was told to stop.
const LOOK: Duration = Duration::from_secs(2);

/// So many of them are named.
const NAMED: usize = 8;

/// How long the pumps of a run may go on of which nothing is left: a slow view may hold them up.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Variables, as they are inherited.
type Environment = Vec<(OsString, OsString)>;

/// What a run is told.
#[derive(Debug)]
pub(super) enum Order {
    /// Take this rung of the stop ladder.
    Stop(Rung),
    /// Begin with the stop ladder's command.
    StopBy(StopCommand),
    /// Send this to the main process.
    Signal(Signal),
    /// Begin to ask whether it is ready.
    Probe,
    /// Stop asking.
    Unprobe,
    /// Note that it succeeded.
    Remember,
}

/// What every run needs.
#[derive(Debug)]
pub(super) struct Premises {
    pub(super) spawner: Spawner,
    pub(super) inherited: Environment,
    pub(super) bus: Bus,
    pub(super) mask: Arc<Mask>,
    pub(super) setup: Setup,
    pub(super) clock: Clock,
    pub(super) news: mpsc::Sender<Input>,
}

/// A run under way.
pub(super) struct Child {
    pub(super) run: RunId,
    pub(super) spec: Arc<ProcessSpec>,
    pub(super) premises: Arc<Premises>,
    pub(super) orders: mpsc::Receiver<Order>,
}

/// What came of the time before it was spawned.
enum Before {
    /// Go on; with the lock, where it sets something up, and the last stop that it was ordered meanwhile.
    Ready(Option<AtWork>),
    /// This is its end.
    Over(Input),
}

impl Child {
    /// Lives it.
    pub(super) async fn live(mut self) {
        let lock = match self.prepare().await {
            Before::Ready(lock) => lock,
            Before::Over(end) => return self.tell(end).await,
        };
        let (mut found, mut lines) = (Vec::new(), Vec::new());
        for probe in &self.spec.ready.probes {
            if let Probe::Log { pattern } = probe {
                let (sender, receiver) = mpsc::channel(1);
                found.push((pattern.clone(), sender));
                lines.push(receiver);
            }
        }
        let (notify, inherited) = match self.notify() {
            Ok(notified) => notified,
            Err(error) => {
                let why = format!("NOTIFY_SOCKET can't be opened: {error}");
                return self.tell(Input::SpawnFailed(self.run.clone(), SpawnFailure::Shim { why })).await;
            }
        };
        let killed_before = memory::kills();
        let (spawned, stop) = self.spawn(inherited).await;
        let spawned = match spawned {
            Ok(spawned) => spawned,
            Err(failure) => return self.tell(Input::SpawnFailed(self.run.clone(), failure)).await,
        };
        let Spawned { pid, shim, output, control, reports } = spawned;
        let ledger = self.premises.spawner.ledger().cloned();
        ledger.iter().for_each(|ledger| ledger.note(&self.run, shim, pid, steps(&self.spec.stop)));
        let pumps = self.pump(output, &found);
        drop(found);
        self.tell(Input::Spawned(self.run.clone(), pid)).await;
        if let Some(rung) = stop {
            self.stop(&control, rung).await;
        }
        let mut course = Course {
            pumps,
            exited: None,
            told: false,
            killed_before,
            probing: JoinSet::new(),
            stopping: JoinSet::new(),
            gone: None,
        };
        let mut prober = Some(self.prober(pid, shim, notify));
        let mut ask = |course: &mut Course| {
            if let Some(prober) = prober.take() {
                course.probing.spawn(prober.run(std::mem::take(&mut lines)));
            }
        };
        self.follow(&mut course, control, reports, (pid, shim), &mut ask).await;
        course.probing.abort_all();
        ledger.iter().for_each(|ledger| ledger.forget(&self.run));
        // Its success may still have to be noted, under the lock; then the loop lets go of us.
        while let Some(order) = self.orders.recv().await {
            self.remember_if(order).await;
        }
        drop(lock);
        // What is still on its way to the bus belongs to a process that is no more.
        course.drain(&self.premises.clock).await;
    }

    async fn tell(&self, input: Input) {
        // Closed: the session is over.
        let _ = self.premises.news.send(input).await;
    }

    fn taken_back(&self) -> Before {
        Before::Over(Input::Gone(self.run.clone(), Leftovers::None))
    }

    /// The lock, and the port. A stop takes the spawn back.
    async fn prepare(&mut self) -> Before {
        let (premises, spec, news) = (Arc::clone(&self.premises), Arc::clone(&self.spec), self.premises.news.clone());
        let mut lock = None;
        if let Some(oneshot) = &spec.oneshot {
            let begun = tokio::select! {
                begun = premises.setup.begin(&spec.name, &news) => begun,
                () = stopped(&mut self.orders) => return self.taken_back(),
            };
            match begun {
                // Looked at anew under the lock: another supervisor may have done it since the plan was made.
                Ok(_) if premises.setup.is_done(&spec.name, oneshot) => {
                    return Before::Over(Input::UpToDate(self.run.clone()));
                }
                Ok(at_work) => lock = Some(at_work),
                Err(error) => {
                    let why = format!("the lock of this checkout can't be used: {error}");
                    return Before::Over(Input::SpawnFailed(self.run.clone(), SpawnFailure::Shim { why }));
                }
            }
        }
        if let Some(port) = spec.port
            && spec.ready.owner == Owner::Own
        {
            // Some milliseconds of /proc when it is taken.
            let look = spawn_blocking(move || listeners::is_taken(port).then(|| listeners::holder(port)));
            let taken = tokio::select! {
                taken = look => taken,
                () = stopped(&mut self.orders) => return self.taken_back(),
            };
            if let Ok(Some(holder)) = taken {
                let failure = SpawnFailure::PortTaken { port, holder };
                return Before::Over(Input::SpawnFailed(self.run.clone(), failure));
            }
        }
        Before::Ready(lock)
    }

    /// Where it says that it is ready, if it does, and what it inherits: a socket of ours, never that of who started us.
    fn notify(&self) -> std::io::Result<(Option<Notify>, Environment)> {
        let mut inherited = self.premises.inherited.clone();
        inherited.retain(|(name, _)| name != "NOTIFY_SOCKET");
        if !self.spec.ready.probes.contains(&Probe::Notify) {
            return Ok((None, inherited));
        }
        let notify = Notify::open()?;
        inherited.push(("NOTIFY_SOCKET".into(), notify.address()?));
        Ok((Some(notify), inherited))
    }

    /// Spawns it, and keeps the last stop that comes meanwhile. The shim that is being born must be heard out.
    async fn spawn(&mut self, inherited: Environment) -> (Result<Spawned, SpawnFailure>, Option<Rung>) {
        let (premises, spec, run) = (Arc::clone(&self.premises), Arc::clone(&self.spec), self.run.clone());
        // Boxed: the compiler doesn't see through the borrows that it is `Send`.
        let mut spawning: Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(async move { premises.spawner.spawn(&spec, &inherited, &run).await });
        let mut stop = None;
        loop {
            tokio::select! {
                spawned = &mut spawning => return (spawned, stop),
                Some(order) = self.orders.recv() => match order {
                    Order::Stop(rung) => stop = Some(rung),
                    Order::StopBy(_) | Order::Signal(_) | Order::Probe | Order::Unprobe | Order::Remember => {}
                },
            }
        }
    }

    fn pump(&self, output: Output, found: &[(String, mpsc::Sender<()>)]) -> JoinSet<()> {
        let outlets: Vec<(OwnedFd, Origin)> = match output {
            Output::Pty(master) => vec![(master, Origin::Pty)],
            Output::Pipes { stdout, stderr } => vec![(stdout, Origin::Stdout), (stderr, Origin::Stderr)],
        };
        let mut pumps = JoinSet::new();
        for (fd, origin) in outlets {
            let probes = found.iter().filter_map(|(pattern, found)| {
                // Checked when the plan was made.
                let pattern = Regex::new(pattern).ok()?;
                Some(LogProbe { pattern, found: found.clone() })
            });
            let stream = Stream { run: self.run.clone(), origin };
            let news = self.premises.news.clone();
            match Pump::new(fd, stream, self.premises.bus.clone(), probes.collect()) {
                Ok(pump) => {
                    let pump = pump.masked(Arc::clone(&self.premises.mask));
                    pumps.spawn(async move {
                        if let Some(failure) = pump.run().await.failure {
                            let _ = news.send(Input::Noted(failure.to_string())).await;
                        }
                    });
                }
                Err(error) => {
                    let text = format!("the output of {} can't be read: {error}", self.run);
                    pumps.spawn(async move {
                        let _ = news.send(Input::Noted(text)).await;
                    });
                }
            }
        }
        pumps
    }

    /// Hears its shim and its orders until nothing of it is left.
    async fn follow(
        &mut self,
        course: &mut Course,
        control: Control,
        mut reports: Reports,
        (mut main, shim): (Pid, Pid),
        ask: &mut (dyn FnMut(&mut Course) + Send),
    ) {
        let clock = &self.premises.clock.clone();
        let mut drained = pin!(None);
        let mut looking = pin!(None);
        loop {
            // Whatever stops it goes on after it, as `docker compose down` does, and belongs to it.
            if course.stopping.is_empty()
                && let Some(leftovers) = course.gone.take()
            {
                return self.tell(Input::Gone(self.run.clone(), leftovers)).await;
            }
            let waits = course.exited.is_some() && !course.told;
            tokio::select! {
                Some(order) = self.orders.recv() => match order {
                    Order::Stop(rung) => {
                        fault::point("child");
                        // From the first rung on, whatever follows.
                        if looking.is_none() {
                            looking.set(Some(clock.sleep(LOOK)));
                        }
                        course.stopping.abort_all();
                        self.stop(&control, rung).await;
                    }
                    Order::StopBy(command) => {
                        looking.set(Some(clock.sleep(LOOK)));
                        self.stop_by(course, command, main);
                    }
                    Order::Signal(signal) => {
                        let target = crate::shim::Target::Main;
                        let request = Request::Signal { signal: signal.number(), target };
                        // It ended a moment ago: its end is on the way.
                        let _ = control.send(&request);
                    }
                    Order::Probe => ask(course),
                    Order::Unprobe => course.probing.abort_all(),
                    Order::Remember => self.remember().await,
                },
                report = reports.next(), if course.gone.is_none() => match report {
                    Some(Report::Exited(status)) => {
                        course.exited = Some(status);
                        drained.set(Some(clock.sleep(DRAIN)));
                    }
                    Some(Report::Inherited(pid)) => {
                        main = pid;
                        self.tell(Input::Inherited(self.run.clone(), pid)).await;
                    }
                    Some(Report::Survivors(pids)) => self.tell(Input::Unkillable(self.run.clone(), pids)).await,
                    Some(Report::Gone(leftovers)) => {
                        course.drain(clock).await;
                        self.tell_exit(course).await;
                        course.gone = Some(leftovers);
                    }
                    Some(Report::Lost) | None => {
                        self.premises.spawner.sweep_strays().await;
                        course.drain(clock).await;
                        self.tell_exit(course).await;
                        return self.tell(Input::ShimLost(self.run.clone())).await;
                    }
                },
                Some(ended) = course.stopping.join_next() => {
                    // Else it was broken off: the ladder went on.
                    if let Ok(outcome) = ended {
                        self.tell(Input::StopCommandEnded(self.run.clone(), outcome)).await;
                    }
                }
                joined = course.pumps.join_next(), if waits => {
                    if joined.is_none() {
                        self.tell_exit(course).await;
                    }
                }
                () = until(looking.as_mut()) => {
                    looking.set(Some(clock.sleep(LOOK)));
                    self.tell_remaining(shim).await;
                }
                () = until(drained.as_mut()), if waits => self.tell_exit(course).await,
            }
        }
    }

    /// Begins with its stop command, which finds its main process in `$MAINPID`.
    fn stop_by(&self, course: &mut Course, stop: StopCommand, main: Pid) {
        let (premises, run, mut spec) = (Arc::clone(&self.premises), self.run.clone(), ProcessSpec::clone(&self.spec));
        let value = EnvValue { value: main.to_string(), origin: String::new() };
        spec.env.insert("MAINPID".to_owned(), value);
        course.stopping.spawn(async move {
            // Whoever waits for it breaks it off; this is for when nobody does.
            let patience = (&premises.clock, stop.timeout * 2);
            ask(&premises.spawner, &spec, &stop.command, &premises.inherited, &run, patience).await
        });
    }

    /// Tells who is left of it.
    async fn tell_remaining(&self, shim: Pid) {
        // Some milliseconds of /proc where a tree is large.
        let look = spawn_blocking(move || {
            let mut there = proc::descendants(shim);
            there.retain(|pid| proc::stat(*pid).is_some_and(|stat| stat.state != 'Z'));
            let named = there.iter().take(NAMED).map(|pid| Stray { pid: *pid, command: proc::command_line(*pid) });
            (named.collect::<Vec<_>>(), there.len())
        });
        if let Ok((remaining, count)) = look.await
            && count > 0
        {
            self.tell(Input::Remaining(self.run.clone(), remaining, count)).await;
        }
    }

    /// Tells its exit, once.
    async fn tell_exit(&self, course: &mut Course) {
        let Some(status) = course.exited.filter(|_| !course.told) else { return };
        course.told = true;
        let killed = matches!(status, ExitStatus::Signal { signal: Signal::KILL, .. });
        if killed && memory::kills() > course.killed_before && course.killed_before.is_some() {
            self.tell(Input::OutOfMemory(self.run.clone())).await;
        }
        self.tell(Input::Exited(self.run.clone(), status)).await;
    }

    async fn stop(&self, control: &Control, rung: Rung) {
        let sent = if rung.signal == Signal::KILL { control.send(&Request::Kill) } else { control.stop(&rung) };
        // Gone: its end is on the way. Stopped for long: the ladder goes on, and KILL of the shim is its end.
        if let Err(error) = sent
            && error.kind() == std::io::ErrorKind::WouldBlock
        {
            let text = format!("the shim of {} doesn't listen", self.run);
            self.tell(Input::Noted(text)).await;
        }
    }

    fn prober(&self, main: Pid, shim: Pid, notify: Option<Notify>) -> Prober {
        let Premises { spawner, inherited, clock, news, .. } = &*self.premises;
        Prober {
            run: self.run.clone(),
            spec: Arc::clone(&self.spec),
            main,
            shim,
            notify,
            unseen_said: AtomicBool::new(false),
            spawner: spawner.clone(),
            inherited: inherited.clone(),
            clock: clock.clone(),
            news: news.clone(),
        }
    }

    async fn remember_if(&self, order: Order) {
        match order {
            Order::Remember => self.remember().await,
            Order::Stop(_) | Order::StopBy(_) | Order::Signal(_) | Order::Probe | Order::Unprobe => {}
        }
    }

    async fn remember(&self) {
        let (premises, spec) = (Arc::clone(&self.premises), Arc::clone(&self.spec));
        let noted = spawn_blocking(move || premises.setup.remember(&spec)).await;
        if let Ok(Err(error)) = noted {
            let text = format!("that {} succeeded can't be noted, so it will run again: {error}", self.spec.name);
            self.tell(Input::Noted(text)).await;
        }
    }
}

/// How far a run is.
struct Course {
    pumps: JoinSet<()>,
    exited: Option<ExitStatus>,
    /// How many the system had killed for want of memory before it was started.
    killed_before: Option<u64>,
    /// Whether its exit was told.
    told: bool,
    probing: JoinSet<()>,
    /// Its stop command, at work.
    stopping: JoinSet<Result<(), String>>,
    /// What was swept, once nothing of it is left.
    gone: Option<Leftovers>,
}

impl Course {
    /// Waits for the last lines. Nothing holds the output open any more, so they come as fast as they are read.
    async fn drain(&mut self, clock: &Clock) {
        let _ = clock.timeout(LAST_LINES, async { while self.pumps.join_next().await.is_some() {} }).await;
    }
}

/// Waits for a stop, or for the end of the session.
async fn stopped(orders: &mut mpsc::Receiver<Order>) {
    while let Some(order) = orders.recv().await {
        match order {
            Order::Stop(_) => return,
            Order::StopBy(_) | Order::Signal(_) | Order::Probe | Order::Unprobe | Order::Remember => {}
        }
    }
}

/// Waits for a timer, if there is one.
async fn until(timer: Pin<&mut Option<impl Future<Output = ()>>>) {
    match timer.as_pin_mut() {
        Some(timer) => timer.await,
        None => std::future::pending().await,
    }
}
