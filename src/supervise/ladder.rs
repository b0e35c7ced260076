//! How a run is stopped: the steps of its ladder, one after the other, until nothing of it is left.

use std::sync::Arc;

use crate::model::{Event, Failure, Phase, Pid, Signal, StopMeans, Stray, brief};
use crate::plan::{Rung, StopStep, Target};

use super::Effect;
use super::effect::Turn;
use super::process::{Cause, Process};

impl Process {
    /// These survived KILL.
    pub(super) fn survived(&mut self, pids: Vec<Pid>, turn: &mut Turn) {
        let Some(run) = &mut self.run else { return };
        run.survivors = pids;
        if let Phase::Stopping { rung, .. } = self.phase
            && rung >= self.spec.stop.last()
        {
            self.give_in(turn);
        }
    }

    /// It was told to stop, and these are still there.
    pub(super) fn still_stopping(&mut self, remaining: Vec<Stray>, count: usize, turn: &mut Turn) {
        let (Phase::Stopping { rung, escalate_at }, Some(run)) = (&self.phase, &self.run) else { return };
        let step = self.spec.stop.step(*rung);
        let by = match step {
            StopStep::Command(stop) => StopMeans::Command(stop.command.join(" ")),
            StopStep::Signal(rung) => StopMeans::Signal(rung.signal),
        };
        let of = step.timeout();
        let waited = of.saturating_sub(escalate_at.since(turn.now));
        turn.emit(Event::StillStopping { run: run.id.clone(), by, waited, of, remaining, count });
    }

    /// Tells its run to end, beginning with the first rung.
    pub(super) fn stop(&mut self, turn: &mut Turn) {
        if let Some(run) = &mut self.run {
            run.cause = Cause::Told;
        }
        self.put_on_rung(0, turn);
    }

    /// Puts its run on the last rung, unless it is there.
    pub(super) fn kill(&mut self, turn: &mut Turn) {
        let last = self.spec.stop.last();
        match self.phase {
            Phase::Stopping { rung, .. } if rung >= last => return,
            Phase::Starting | Phase::Running { .. } | Phase::Ready => {
                if let Some(run) = &mut self.run {
                    run.cause = Cause::Told;
                }
            }
            Phase::Stopping { .. } => {}
            Phase::Idle | Phase::Backoff { .. } | Phase::Done { .. } | Phase::Failed { .. } => return,
        }
        self.put_on_rung(last, turn);
    }

    pub(super) fn put_on_rung(&mut self, index: usize, turn: &mut Turn) {
        let Some(run) = &mut self.run else { return };
        let id = run.id.clone();
        if std::mem::take(&mut run.probing) {
            turn.ask(Effect::StopProbe(id.clone()));
        }
        let left = run.exited.is_some();
        // A command asks a main process that lives; a spawn under way, or what one left, gets the signals.
        let index = if run.live_pid().is_none() { index.max(self.spec.stop.first_signal()) } else { index };
        let spec = Arc::clone(&self.spec);
        let step = spec.stop.step(index);
        self.enter(Phase::Stopping { rung: index, escalate_at: turn.now + step.timeout() }, turn);
        turn.ask(match step {
            StopStep::Command(command) => Effect::StopBy(id, command.clone()),
            StopStep::Signal(rung) => Effect::Stop(id, if left { to_the_rest(rung) } else { rung }),
        });
    }

    /// Its time on this step is up.
    pub(super) fn escalate(&mut self, index: usize, turn: &mut Turn) {
        if index >= self.spec.stop.last() {
            self.give_in(turn);
            return;
        }
        let (spec, next) = (Arc::clone(&self.spec), self.spec.stop.signal(index + 1).signal);
        let Some(run) = &self.run else { return };
        match spec.stop.step(index) {
            StopStep::Command(stop) => {
                let why = match run.command_ended {
                    true => format!("exited with 0, but it is still there after {}", brief(stop.timeout)),
                    false => format!("hasn't ended after {}", brief(stop.timeout)),
                };
                self.command_failed(why, next, turn);
            }
            StopStep::Signal(Rung { signal: ignored, timeout: after, .. }) => {
                turn.emit(Event::Escalated { run: run.id.clone(), ignored, after, signal: next });
            }
        }
        self.put_on_rung(index + 1, turn);
    }

    /// Its stop command ended; it may be too late to matter.
    pub(super) fn stop_command_ended(&mut self, outcome: Result<(), String>, turn: &mut Turn) {
        let Phase::Stopping { rung, .. } = self.phase else { return };
        if !matches!(self.spec.stop.step(rung), StopStep::Command(_)) {
            return;
        }
        let Some(run) = &mut self.run else { return };
        run.command_ended = true;
        match outcome {
            Err(why) => {
                let next = self.spec.stop.signal(rung + 1).signal;
                self.command_failed(why, next, turn);
                self.put_on_rung(rung + 1, turn);
            }
            Ok(()) if run.exited.is_some() => self.put_on_rung(rung + 1, turn),
            // It may take its time.
            Ok(()) => {}
        }
    }

    fn command_failed(&self, why: String, signal: Signal, turn: &mut Turn) {
        if let (Some(run), Some(stop)) = (&self.run, &self.spec.stop.command) {
            turn.emit(Event::StopCommandFailed { run: run.id.clone(), command: stop.command.join(" "), why, signal });
        }
    }

    /// Its main process has ended on this step: what it leaves behind is told too.
    pub(super) fn tell_the_rest(&mut self, index: usize, turn: &mut Turn) {
        let Some(run) = &self.run else { return };
        match self.spec.stop.step(index) {
            // It had been told alone; what it leaves behind is told now.
            StopStep::Signal(rung) if rung.target == Target::Main => {
                turn.ask(Effect::Stop(run.id.clone(), to_the_rest(rung)));
            }
            StopStep::Command(_) if run.command_ended => self.put_on_rung(index + 1, turn),
            // Its group was told, or the command is still at it.
            StopStep::Signal(_) | StopStep::Command(_) => {}
        }
    }

    /// KILL didn't help; we don't hang on it. Its run isn't over: no other may start beside it.
    fn give_in(&mut self, turn: &mut Turn) {
        let Some(run) = &self.run else { return };
        let main = run.pid.filter(|_| run.exited.is_none());
        let pids = if run.survivors.is_empty() { main.into_iter().collect() } else { run.survivors.clone() };
        self.enter(Phase::Failed { failure: Failure::Unkillable { pids } }, turn);
    }
}

/// The same rung for what a main process left behind.
fn to_the_rest(rung: Rung) -> Rung {
    Rung { target: Target::Group, ..rung }
}
