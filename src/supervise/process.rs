//! One process: its phase, its latest run, and the moves between phases.
//!
//! It knows nothing of the other processes and nothing of shutdown: who may start or must stop is
//! `reconcile`'s business. A deadline is a field of the phase that it belongs to, so leaving the phase
//! takes it away.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{
    Event, ExitStatus, Failure, Health, Leftovers, Moment, Phase, Pid, ProbeFailure, ProcessName, RunId, SpawnFailure,
};
use crate::plan::ProcessSpec;

use super::Effect;
use super::effect::Turn;
use super::restart::{Failures, Sequel, brings_back};

/// A process of the plan, and where it stands.
#[derive(Debug)]
pub(super) struct Process {
    /// Everything about it.
    pub(super) spec: Arc<ProcessSpec>,
    /// Whether it shall be up.
    pub(super) wanted: bool,
    /// Whether its present run shall end first, because somebody asked for a restart.
    pub(super) bounce: bool,
    /// Where it is.
    pub(super) phase: Phase,
    /// How it does.
    pub(super) health: Health,
    /// Its latest run.
    pub(super) run: Option<Run>,
    /// Whether it was said that it is blocked, and by whom.
    pub(super) blocked_by: Option<ProcessName>,
    failures: Failures,
}

/// The latest run of a process.
#[derive(Debug)]
pub(super) struct Run {
    /// Which it is.
    pub(super) id: RunId,
    /// Its main process, once it was spawned.
    pub(super) pid: Option<Pid>,
    /// When it was spawned.
    pub(super) started: Option<Moment>,
    /// When it became ready.
    pub(super) ready: Option<Moment>,
    /// How its main process ended.
    pub(super) exited: Option<ExitStatus>,
    /// Whether nothing of it is left.
    pub(super) over: bool,
    ended: Option<Moment>,
    pub(super) cause: Cause,
    pub(super) probing: bool,
    pub(super) last_probe: Option<ProbeFailure>,
    /// How many rounds of its probes failed in a row since it was ready.
    pub(super) failed_rounds: u32,
    pub(super) survivors: Vec<Pid>,
    /// Whether its stop command has done what it could.
    pub(super) command_ended: bool,
    out_of_memory: bool,
}

/// Why a run ends.
#[derive(Debug, Clone)]
pub(super) enum Cause {
    /// It does so by itself.
    Itself,
    /// It was told to.
    Told,
    /// It wasn't ready in time.
    NotReady { after: Duration, last: Option<ProbeFailure> },
    /// It was ready, and then failed its probe too often.
    NotAlive { failures: u32, last: ProbeFailure },
    /// It could not be spawned.
    NotSpawned(SpawnFailure),
}

/// Who began the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum End {
    /// The run did.
    Own,
    /// We did, or it is no news.
    Ours,
}

impl Process {
    pub(super) fn new(spec: Arc<ProcessSpec>) -> Self {
        Self {
            spec,
            wanted: true,
            bounce: false,
            phase: Phase::Idle,
            health: Health::Ok,
            run: None,
            blocked_by: None,
            failures: Failures::default(),
        }
    }

    pub(super) fn name(&self) -> &ProcessName {
        &self.spec.name
    }

    /// The run of this id, if it is the present one and not over.
    pub(super) fn current(&mut self, id: &RunId) -> Option<&mut Run> {
        self.run.as_mut().filter(|run| run.id == *id && !run.over)
    }

    /// Whether a run is under way, one that survived KILL included.
    pub(super) fn has_run(&self) -> bool {
        self.run.as_ref().is_some_and(|run| !run.over)
    }

    /// How many runs there have been.
    pub(super) fn runs(&self) -> u32 {
        self.run.as_ref().map_or(0, |run| run.id.number)
    }

    /// Goes to another phase, and says so.
    pub(super) fn enter(&mut self, to: Phase, turn: &mut Turn) {
        if self.phase == to {
            return;
        }
        let from = std::mem::replace(&mut self.phase, to.clone());
        let run = self.run.as_ref().map(|run| run.id.clone());
        turn.emit(Event::PhaseChanged { process: self.name().clone(), run, from, to });
    }

    /// Forgets what went wrong: somebody asked for it to be up.
    pub(super) fn pardon(&mut self) {
        self.failures.clear();
    }

    /// Begins a new run.
    pub(super) fn start(&mut self, turn: &mut Turn) {
        let id = RunId { process: self.name().clone(), number: self.runs() + 1 };
        self.run = Some(Run::new(id.clone()));
        self.health = Health::Ok;
        self.enter(Phase::Starting, turn);
        turn.ask(Effect::Spawn(id, Arc::clone(&self.spec)));
    }

    /// The program of its run is executing.
    pub(super) fn spawned(&mut self, pid: Pid, turn: &mut Turn) {
        let Some(run) = self.run.as_mut().filter(|run| run.pid.is_none()) else { return };
        run.pid = Some(pid);
        run.started = Some(turn.now);
        let id = run.id.clone();
        turn.emit(Event::Started { run: id.clone(), pid });
        if self.phase != Phase::Starting {
            return;
        }
        if self.spec.oneshot.is_none() && self.spec.ready.probes.is_empty() {
            self.become_ready(turn);
            return;
        }
        let ready_by = self.time_to_be_ready(turn.now);
        self.enter(Phase::Running { ready_by }, turn);
        // A oneshot is ready when it succeeded; there is nothing to probe.
        if self.spec.oneshot.is_none() {
            if let Some(run) = &mut self.run {
                run.probing = true;
            }
            turn.ask(Effect::StartProbe(id, Arc::clone(&self.spec)));
        }
    }

    /// Another process is its main one from now on.
    pub(super) fn inherited(&mut self, pid: Pid) {
        if let Some(run) = self.run.as_mut().filter(|run| run.live_pid().is_some()) {
            run.pid = Some(pid);
        }
    }

    /// Until when a run that is alive now must be ready.
    pub(super) fn time_to_be_ready(&self, now: Moment) -> Option<Moment> {
        self.spec.ready.timeout.map(|timeout| now + timeout)
    }

    pub(super) fn become_ready(&mut self, turn: &mut Turn) {
        let Some(run) = &mut self.run else { return };
        run.ready = Some(turn.now);
        let after = turn.now.since(run.started.unwrap_or(turn.now));
        let event = Event::BecameReady { run: run.id.clone(), after };
        self.enter(Phase::Ready, turn);
        turn.emit(event);
    }

    /// Its run could not be started.
    pub(super) fn spawn_failed(&mut self, failure: SpawnFailure, turn: &mut Turn) {
        let Some(run) = &mut self.run else { return };
        turn.emit(Event::SpawnFailed { run: run.id.clone(), failure: failure.clone() });
        if matches!(self.phase, Phase::Starting) {
            run.cause = Cause::NotSpawned(failure);
        }
        self.over(turn);
    }

    /// Somebody else did its work.
    pub(super) fn up_to_date(&mut self, turn: &mut Turn) {
        let Some(run) = &mut self.run else { return };
        run.over = true;
        let done = Phase::Done { status: ExitStatus::Code(0) };
        let to = if std::mem::take(&mut self.bounce) { Phase::Idle } else { done };
        self.enter(to, turn);
    }

    /// Its main process is about to have been killed for want of memory.
    pub(super) fn ran_out_of_memory(&mut self) {
        if let Some(run) = &mut self.run {
            run.out_of_memory = true;
        }
    }

    /// Its main process ended.
    pub(super) fn exited(&mut self, status: ExitStatus, turn: &mut Turn) -> End {
        let Some(run) = self.run.as_mut().filter(|run| run.exited.is_none()) else { return End::Ours };
        run.exited = Some(status);
        run.ended = Some(turn.now);
        let (id, expected) = (run.id.clone(), !matches!(run.cause, Cause::Itself));
        let out_of_memory = run.out_of_memory && !expected;
        turn.emit(Event::Exited { run: id, status, expected, out_of_memory });
        match self.phase {
            Phase::Stopping { rung, .. } => self.tell_the_rest(rung, turn),
            Phase::Starting | Phase::Running { .. } | Phase::Ready => self.put_on_rung(0, turn),
            // It had survived KILL until now.
            Phase::Idle | Phase::Backoff { .. } | Phase::Done { .. } | Phase::Failed { .. } => {}
        }
        if expected { End::Ours } else { End::Own }
    }

    /// Nothing of its tree is left.
    pub(super) fn gone(&mut self, leftovers: Leftovers, turn: &mut Turn) {
        let Some(run) = &self.run else { return };
        turn.emit(Event::Gone { run: run.id.clone(), leftovers });
        self.over(turn);
    }

    /// Its shim was lost, and the rest swept.
    pub(super) fn shim_lost(&mut self, turn: &mut Turn) {
        let Some(run) = &self.run else { return };
        turn.emit(Event::ShimLost { run: run.id.clone() });
        self.over(turn);
    }

    /// The moment at which its phase ends by itself.
    pub(super) fn deadline(&self) -> Option<Moment> {
        match self.phase {
            Phase::Running { ready_by } => ready_by,
            Phase::Stopping { escalate_at, .. } => Some(escalate_at),
            Phase::Backoff { until } => Some(until),
            Phase::Idle | Phase::Starting | Phase::Ready | Phase::Done { .. } | Phase::Failed { .. } => None,
        }
    }

    /// Leaves its phase if its time is up.
    pub(super) fn expire(&mut self, turn: &mut Turn) {
        if self.deadline().is_none_or(|deadline| turn.now < deadline) {
            return;
        }
        match self.phase {
            Phase::Running { .. } => self.late(turn),
            Phase::Stopping { rung, .. } => self.escalate(rung, turn),
            Phase::Backoff { .. } => self.enter(Phase::Idle, turn),
            Phase::Idle | Phase::Starting | Phase::Ready | Phase::Done { .. } | Phase::Failed { .. } => {}
        }
    }

    /// It wasn't ready in time.
    fn late(&mut self, turn: &mut Turn) {
        let after = self.spec.ready.timeout.unwrap_or_default();
        let Some(run) = &mut self.run else { return };
        let last = run.last_probe.clone();
        run.cause = Cause::NotReady { after, last: last.clone() };
        turn.emit(Event::NotReady { run: run.id.clone(), after, last });
        self.put_on_rung(0, turn);
    }

    /// Its run is over: what follows?
    fn over(&mut self, turn: &mut Turn) {
        let Some(run) = &mut self.run else { return };
        run.over = true;
        if std::mem::take(&mut run.probing) {
            turn.ask(Effect::StopProbe(run.id.clone()));
        }
        self.health = Health::Ok;
        let (cause, status) = (run.cause.clone(), run.exited);
        let ready_for = run.ready.map(|ready| run.ended.unwrap_or(turn.now).since(ready));
        let bounced = std::mem::take(&mut self.bounce);

        let succeeded = status.filter(|status| status.success() && matches!(cause, Cause::Itself));
        if let (Some(status), Some(oneshot)) = (succeeded, &self.spec.oneshot) {
            if oneshot.digest.is_some() {
                turn.ask(Effect::Remember(Arc::clone(&self.spec)));
            }
            self.enter(if bounced { Phase::Idle } else { Phase::Done { status } }, turn);
            return;
        }
        if bounced || !self.wanted {
            self.enter(Phase::Idle, turn);
            return;
        }
        match cause {
            Cause::Told => self.enter(Phase::Idle, turn),
            Cause::NotSpawned(failure) if !failure.is_transient() => {
                self.enter(Phase::Failed { failure: Failure::Spawn { failure } }, turn);
            }
            Cause::Itself | Cause::NotReady { .. } | Cause::NotAlive { .. } | Cause::NotSpawned(_) => {
                let again = brings_back(&self.spec.restart, status.filter(|_| matches!(cause, Cause::Itself)));
                self.follow_up(again, &cause, status, ready_for, turn);
            }
        }
    }

    /// After a run that ended unasked: done, failed, or once more.
    fn follow_up(
        &mut self,
        again: bool,
        cause: &Cause,
        status: Option<ExitStatus>,
        ready_for: Option<Duration>,
        turn: &mut Turn,
    ) {
        if !again {
            let to = match (cause.failure(), status) {
                (Some(failure), _) => Phase::Failed { failure },
                (None, Some(status)) if status.success() => Phase::Done { status },
                (None, Some(status)) => Phase::Failed { failure: Failure::Exited { status } },
                (None, None) => Phase::Failed { failure: lost() },
            };
            self.enter(to, turn);
            return;
        }
        match self.failures.count(&self.spec.restart, &self.spec.name, ready_for) {
            Sequel::Again(delay) => {
                turn.emit(Event::RestartScheduled { process: self.name().clone(), delay });
                self.enter(Phase::Backoff { until: turn.now + delay }, turn);
            }
            Sequel::GiveUp(runs) => {
                // A port that is taken, or a probe that somebody else answers, says more than a number.
                let (failure, why) = match cause.failure() {
                    Some(failure) => {
                        let why = format!("{runs} tries in a row failed; the last one: {failure}");
                        (failure, why)
                    }
                    None => {
                        let failure = Failure::GaveUp { runs, last: status };
                        let why = failure.to_string();
                        (failure, why)
                    }
                };
                if let Some(run) = &self.run {
                    let (process, run) = (self.name().clone(), run.id.clone());
                    turn.emit(Event::GaveUp { process, run, why, lines: Vec::new() });
                }
                self.enter(Phase::Failed { failure }, turn);
            }
        }
    }
}

impl Run {
    fn new(id: RunId) -> Self {
        Self {
            id,
            pid: None,
            started: None,
            ready: None,
            exited: None,
            over: false,
            ended: None,
            cause: Cause::Itself,
            probing: false,
            last_probe: None,
            failed_rounds: 0,
            survivors: Vec::new(),
            command_ended: false,
            out_of_memory: false,
        }
    }

    /// Its main process, while it lives.
    pub(super) fn live_pid(&self) -> Option<Pid> {
        self.pid.filter(|_| self.exited.is_none() && !self.over)
    }

    /// How long it took to become ready.
    pub(super) fn ready_after(&self) -> Option<Duration> {
        Some(self.ready?.since(self.started?))
    }
}

impl Cause {
    /// The failure that this is, where it is one by itself.
    fn failure(&self) -> Option<Failure> {
        match self {
            Self::Itself | Self::Told => None,
            Self::NotReady { after, last } => Some(Failure::NotReady { after: *after, last: last.clone() }),
            Self::NotAlive { failures, last } => Some(Failure::NotAlive { failures: *failures, last: last.clone() }),
            Self::NotSpawned(failure) => Some(Failure::Spawn { failure: failure.clone() }),
        }
    }
}

fn lost() -> Failure {
    Failure::Spawn { failure: SpawnFailure::Shim { why: "it was lost".into() } }
}
