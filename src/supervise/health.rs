//! Probes of one process: what makes it ready, and how it does after that.
//!
//! Health is shown. Only `liveness` lets something follow from it, and only while the process is wanted:
//! what waits for its dependents to stop first is not to be ended by its own probe.

use crate::model::{Event, Health, Phase, ProbeFailure};

use super::effect::Turn;
use super::process::{Cause, Process};

impl Process {
    /// All its probes passed.
    pub(super) fn probe_passed(&mut self, turn: &mut Turn) {
        match self.phase {
            Phase::Running { .. } if self.spec.oneshot.is_none() => self.become_ready(turn),
            Phase::Ready => {
                if let Some(run) = &mut self.run {
                    run.failed_rounds = 0;
                }
                self.does(Health::Ok, None, turn);
            }
            Phase::Idle
            | Phase::Starting
            | Phase::Running { .. }
            | Phase::Stopping { .. }
            | Phase::Backoff { .. }
            | Phase::Done { .. }
            | Phase::Failed { .. } => {}
        }
    }

    /// One try of a probe failed.
    pub(super) fn probe_failed(&mut self, failure: ProbeFailure, turn: &mut Turn) {
        let Some(run) = &mut self.run else { return };
        run.last_probe = Some(failure.clone());
        if self.phase != Phase::Ready {
            return;
        }
        run.failed_rounds += 1;
        let failures = run.failed_rounds;
        self.does(Health::Degraded, Some(failure.clone()), turn);
        if self.wanted && self.spec.ready.liveness.is_some_and(|most| failures >= most.max(1)) {
            self.not_alive(failures, failure, turn);
        }
    }

    /// Its main process doesn't run now: somebody debugs it, or a signal stopped it. No failure of its own.
    pub(super) fn paused(&mut self, health: Health, turn: &mut Turn) {
        if self.phase == Phase::Ready {
            self.does(health, None, turn);
        }
    }

    fn not_alive(&mut self, failures: u32, last: ProbeFailure, turn: &mut Turn) {
        let Some(run) = &mut self.run else { return };
        run.cause = Cause::NotAlive { failures, last: last.clone() };
        turn.emit(Event::NotAlive { run: run.id.clone(), failures, last });
        self.put_on_rung(0, turn);
    }

    fn does(&mut self, health: Health, last: Option<ProbeFailure>, turn: &mut Turn) {
        if self.health == health {
            return;
        }
        self.health = health;
        if let Some(run) = &self.run {
            turn.emit(Event::HealthChanged { run: run.id.clone(), health, last });
        }
    }
}
