//! The door: `step` takes in one thing that happened and returns what must be done about it.
//!
//! Commands, interrupts and ends change intent; `reconcile` then moves each process until nothing moves.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Event, ExitStatus, Failure, Moment, PeerAnswer, Phase, ProcessName, RunId, Signal, Verdict};
use crate::plan::Plan;

use super::effect::Turn;
use super::process::{End, Process};
use super::reconcile::{Graph, Move, Obstacle};
use super::shutdown::{Reason, Shutdown, Urgency};
use super::waiting::Waiting;
use super::{Effect, Input};

/// The state machine of a session: one input in, effects out, nothing done.
#[derive(Debug)]
pub struct Supervisor {
    pub(super) plan: Arc<Plan>,
    pub(super) graph: Graph,
    pub(super) processes: Vec<Process>,
    pub(super) index: HashMap<ProcessName, usize>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) shutdown: Shutdown,
    settling: Settling,
    life: Life,
    pub(super) now: Moment,
}

/// How far the session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// Nothing was taken in yet.
    Unborn,
    /// Under way.
    Going,
    /// `Finish` is out.
    Finished,
}

/// How far starting up is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settling {
    /// Something may still come up.
    Awaited,
    /// Everything has come to rest; the other silos are being asked.
    Asked,
    /// It was said.
    Said,
}

impl Supervisor {
    /// A supervisor that will do what the plan says, from its first step on.
    pub fn new(plan: impl Into<Arc<Plan>>) -> Self {
        let plan = plan.into();
        let processes: Vec<Process> = plan.processes.iter().map(|spec| Process::new(Arc::clone(spec))).collect();
        let index = processes.iter().enumerate().map(|(at, process)| (process.name().clone(), at)).collect();
        Self {
            graph: Graph::new(&plan),
            plan,
            processes,
            index,
            waiting: Vec::new(),
            shutdown: Shutdown::default(),
            settling: Settling::Awaited,
            life: Life::Unborn,
            now: Moment::START,
        }
    }

    /// Takes in one thing that happened; returns what must be done about it, in order.
    pub fn step(&mut self, now: Moment, input: Input) -> Vec<Effect> {
        let mut turn = Turn::new(now);
        if self.life == Life::Finished {
            return turn.effects;
        }
        self.now = now;
        if self.life == Life::Unborn {
            self.begin(&mut turn);
        }
        self.take_in(input, &mut turn);
        if self.life == Life::Going {
            for process in &mut self.processes {
                process.expire(&mut turn);
            }
            self.heed_exit_on_end(&mut turn);
            self.reconcile(&mut turn);
            self.say_who_is_blocked(&mut turn);
            self.answer(&mut turn);
            self.settle(&mut turn);
            self.finish_if_over(&mut turn);
        }
        turn.effects
    }

    /// The next moment at which `step(now, Input::Tick)` would change something.
    pub fn next_deadline(&self) -> Option<Moment> {
        match self.life {
            Life::Unborn => Some(Moment::START),
            Life::Going => self.processes.iter().filter_map(Process::deadline).min(),
            Life::Finished => None,
        }
    }

    fn begin(&mut self, turn: &mut Turn) {
        self.life = Life::Going;
        for text in &self.plan.notices {
            turn.emit(Event::Notice { text: text.clone() });
        }
        for process in &mut self.processes {
            if process.spec.oneshot.as_ref().is_some_and(|oneshot| !oneshot.stale) {
                process.enter(Phase::Done { status: ExitStatus::Code(0) }, turn);
            }
        }
    }

    fn take_in(&mut self, input: Input, turn: &mut Turn) {
        match input {
            Input::Commanded(request, command, by) => self.command(request, command, by, turn),
            Input::Spawned(run, pid) => self.with(&run, |process| process.spawned(pid, turn)),
            Input::Inherited(run, pid) => self.with(&run, |process| process.inherited(pid)),
            Input::SpawnFailed(run, failure) => self.with(&run, |process| process.spawn_failed(failure, turn)),
            Input::UpToDate(run) => self.with(&run, |process| process.up_to_date(turn)),
            Input::ProbePassed(run) => self.with(&run, |process| process.probe_passed(turn)),
            Input::ProbeFailed(run, failure) => self.with(&run, |process| process.probe_failed(failure, turn)),
            Input::Paused(run, health) => self.with(&run, |process| process.paused(health, turn)),
            Input::Noted(text) => turn.emit(Event::Notice { text }),
            Input::OutOfMemory(run) => self.with(&run, Process::ran_out_of_memory),
            Input::Exited(run, status) => {
                let mut ended = None;
                self.with(&run, |process| {
                    if process.exited(status, turn) == End::Own && process.spec.exit_on_end && process.wanted {
                        ended = Some(Reason::Ended(process.name().clone(), status));
                    }
                });
                if let Some(reason) = ended {
                    self.stop_everything(reason, turn);
                }
            }
            Input::StopCommandEnded(run, outcome) => {
                self.with(&run, |process| process.stop_command_ended(outcome, turn));
            }
            Input::Gone(run, leftovers) => self.with(&run, |process| process.gone(leftovers, turn)),
            Input::Unkillable(run, pids) => self.with(&run, |process| process.survived(pids, turn)),
            Input::ShimLost(run) => self.with(&run, |process| process.shim_lost(turn)),
            Input::Remaining(run, remaining, count) => {
                self.with(&run, |process| process.still_stopping(remaining, count, turn));
            }
            // No time passes meanwhile, so nothing else is changed by it.
            Input::Interrupted(Signal::TSTP) => turn.ask(Effect::Suspend),
            Input::Resumed(after) => turn.emit(Event::Resumed { after }),
            Input::Interrupted(signal) => self.interrupt(signal, turn),
            Input::PeersAnswered(answers) => {
                if self.settling == Settling::Asked && !self.shutdown.is_under_way() {
                    self.say_settled(answers, turn);
                }
            }
            Input::Tick => {}
        }
    }

    /// Does something with the process whose present run this is. Late news of another is dropped here.
    fn with(&mut self, run: &RunId, act: impl FnOnce(&mut Process)) {
        let at = self.index.get(&run.process);
        let process = at.map(|at| &mut self.processes[*at]);
        if let Some(process) = process
            && process.current(run).is_some()
        {
            act(process);
        }
    }

    fn interrupt(&mut self, signal: Signal, turn: &mut Turn) {
        match self.shutdown.interrupted(signal) {
            Urgency::AsBefore => {}
            Urgency::Orderly if self.shutdown.is_under_way() => self.say_stopping(false, turn),
            Urgency::Orderly => self.stop_everything(Reason::Asked, turn),
            Urgency::Now => {
                self.say_stopping(true, turn);
                for process in &mut self.processes {
                    process.kill(turn);
                }
            }
            Urgency::Leave => self.finish(Verdict::Abandoned, turn),
        }
    }

    pub(super) fn stop_everything(&mut self, reason: Reason, turn: &mut Turn) {
        if self.shutdown.is_under_way() {
            return;
        }
        self.shutdown.begin(reason);
        for process in &mut self.processes {
            process.wanted = false;
        }
        self.say_stopping(false, turn);
    }

    fn say_stopping(&self, now: bool, turn: &mut Turn) {
        let processes = self.processes.iter().filter(|process| process.phase.is_live()).count();
        turn.emit(Event::Stopping { processes, now });
    }

    /// A process whose end is to be ours, and that failed in another way than by ending.
    fn heed_exit_on_end(&mut self, turn: &mut Turn) {
        let failed = self.processes.iter().find(|process| {
            let failed = match &process.phase {
                Phase::Failed { failure } => !matches!(failure, Failure::Unkillable { .. }),
                _ => false,
            };
            failed && process.spec.exit_on_end
        });
        if let Some(name) = failed.map(|process| process.name().clone()) {
            self.stop_everything(Reason::GaveUp(name), turn);
        }
    }

    fn reconcile(&mut self, turn: &mut Turn) {
        while let Some(next) = self.graph.next_move(&self.processes) {
            match next {
                Move::Start(at) => self.processes[at].start(turn),
                Move::Stop(at) => self.processes[at].stop(turn),
                Move::Rest(at) => self.processes[at].enter(Phase::Idle, turn),
                Move::Lapse(at) => self.processes[at].enter(Phase::Running { ready_by: None }, turn),
                Move::Arm(at) => {
                    let ready_by = self.processes[at].time_to_be_ready(turn.now);
                    self.processes[at].enter(Phase::Running { ready_by }, turn);
                }
            }
        }
    }

    fn say_who_is_blocked(&mut self, turn: &mut Turn) {
        let obstacles = self.graph.obstacles(&self.processes);
        for (at, obstacle) in obstacles.into_iter().enumerate() {
            let waits = self.processes[at].wanted && self.processes[at].phase == Phase::Idle;
            let by = match obstacle {
                Some(Obstacle::Failed(on, _)) if waits => Some(self.processes[on].name().clone()),
                Some(Obstacle::Failed(..) | Obstacle::Stopped) | None => None,
            };
            if by == self.processes[at].blocked_by {
                continue;
            }
            self.processes[at].blocked_by.clone_from(&by);
            if let Some(dependency) = by {
                turn.emit(Event::Blocked { process: self.processes[at].name().clone(), dependency });
            }
        }
    }

    fn answer(&mut self, turn: &mut Turn) {
        if self.waiting.is_empty() {
            return;
        }
        let (obstacles, ending) = (self.graph.obstacles(&self.processes), self.shutdown.is_under_way());
        self.waiting.retain(|waiting| match waiting.answer(&self.processes, &obstacles, ending) {
            Some(reply) => {
                turn.ask(Effect::Reply(waiting.request(), reply));
                false
            }
            None => true,
        });
    }

    /// Whether every wanted process has come up, done its work, or won't do either unasked.
    fn is_settled(&self) -> bool {
        let obstacles = self.graph.obstacles(&self.processes);
        self.processes.iter().zip(&obstacles).filter(|(process, _)| process.wanted).all(|(process, obstacle)| {
            match process.phase {
                Phase::Ready | Phase::Done { .. } | Phase::Failed { .. } => true,
                Phase::Idle => obstacle.is_some(),
                Phase::Starting | Phase::Running { .. } | Phase::Stopping { .. } | Phase::Backoff { .. } => false,
            }
        })
    }

    fn settle(&mut self, turn: &mut Turn) {
        if self.settling != Settling::Awaited || self.shutdown.is_under_way() || !self.is_settled() {
            return;
        }
        self.settling = Settling::Asked;
        if self.plan.peers.is_empty() {
            self.say_settled(Vec::new(), turn);
        } else {
            turn.ask(Effect::AskPeers(self.plan.peers.clone()));
        }
    }

    fn say_settled(&mut self, peers: Vec<PeerAnswer>, turn: &mut Turn) {
        self.settling = Settling::Said;
        turn.emit(Event::Settled { status: self.status(), peers });
    }

    fn finish_if_over(&mut self, turn: &mut Turn) {
        if self.processes.iter().any(|process| process.phase.is_live()) {
            return;
        }
        if !self.shutdown.is_under_way() {
            // Who stopped something by hand may start it by hand.
            if !self.is_settled() || self.processes.iter().any(|process| !process.wanted) {
                return;
            }
            if self.settling != Settling::Said {
                self.say_settled(Vec::new(), turn);
            }
        }
        self.finish(self.shutdown.verdict(&self.processes), turn);
    }

    fn finish(&mut self, verdict: Verdict, turn: &mut Turn) {
        self.life = Life::Finished;
        for waiting in self.waiting.drain(..) {
            turn.ask(Effect::Reply(waiting.request(), waiting.last_answer(&verdict)));
        }
        turn.ask(Effect::Finish(verdict));
    }

    pub(super) fn names(&self, selected: &[usize]) -> Vec<ProcessName> {
        selected.iter().map(|at| self.processes[*at].name().clone()).collect()
    }

    pub(super) fn runs(&self, of: impl Iterator<Item = usize>) -> Vec<(usize, u32)> {
        of.map(|at| (at, self.processes[at].runs())).collect()
    }
}
