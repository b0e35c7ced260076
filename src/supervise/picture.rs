//! How everything stands, for those who ask: phases, and why what isn't running isn't. Changes nothing.

use crate::model::{Health, Hold, Phase, ProcessName, ProcessStatus, Status};

use super::Supervisor;
use super::process::Process;
use super::reconcile::Obstacle;

impl Supervisor {
    /// A picture of everything, as of the last step.
    pub fn status(&self) -> Status {
        let obstacles = self.graph.obstacles(&self.processes);
        let processes = (0..self.processes.len()).map(|at| self.picture(at, &obstacles)).collect();
        Status { at: self.now, processes }
    }

    /// Why a process isn't running; none when it is, or when there is no such process.
    pub fn hold(&self, process: &ProcessName) -> Option<Hold> {
        let at = *self.index.get(process)?;
        self.hold_of(at, &self.graph.obstacles(&self.processes))
    }

    fn hold_of(&self, at: usize, obstacles: &[Option<Obstacle>]) -> Option<Hold> {
        let process = &self.processes[at];
        match &process.phase {
            Phase::Idle if !process.wanted => Some(Hold::NotWanted),
            Phase::Idle => Some(match &obstacles[at] {
                Some(Obstacle::Failed(on, failure)) => {
                    let dependency = self.processes[*on].name().clone();
                    Hold::Blocked { dependency, failure: failure.clone() }
                }
                Some(Obstacle::Stopped) | None => {
                    let unmet = self.graph.unmet(at, &self.processes);
                    let live = |below: &usize| self.processes[*below].phase.is_live();
                    // Nothing unmet: what it stands on is on its way down, to come back.
                    let those = if unmet.is_empty() { self.graph.below(at).filter(live).collect() } else { unmet };
                    Hold::Waiting { dependencies: self.names(&those) }
                }
            }),
            Phase::Backoff { until } => Some(Hold::Backoff { until: *until }),
            Phase::Failed { failure } => Some(Hold::Failed { failure: failure.clone() }),
            Phase::Done { .. } => Some(Hold::Done),
            Phase::Starting | Phase::Running { .. } | Phase::Ready | Phase::Stopping { .. } => None,
        }
    }

    fn picture(&self, at: usize, obstacles: &[Option<Obstacle>]) -> ProcessStatus {
        let process = &self.processes[at];
        let (spec, run) = (&process.spec, process.run.as_ref());
        ProcessStatus {
            name: spec.name.clone(),
            silo: spec.silo.clone(),
            service: spec.service.clone(),
            oneshot: spec.oneshot.is_some(),
            phase: process.phase.clone(),
            health: process.health,
            run: run.map(|run| run.id.clone()),
            pid: run.and_then(|run| run.live_pid()),
            started: run.and_then(|run| run.started),
            ready_after: run.and_then(|run| run.ready_after()),
            probe: run.filter(|_| is_unwell(process)).and_then(|run| run.last_probe.clone()),
            restarts: process.runs().saturating_sub(1),
            hold: self.hold_of(at, obstacles),
            url: spec.url.clone(),
            port: spec.port,
            depends_on: self.names(&self.graph.needs(at).collect::<Vec<_>>()),
        }
    }
}

/// It is up, and either not ready yet or no longer well.
fn is_unwell(process: &Process) -> bool {
    match process.phase {
        Phase::Running { .. } => true,
        Phase::Ready => process.health != Health::Ok,
        Phase::Idle
        | Phase::Starting
        | Phase::Stopping { .. }
        | Phase::Backoff { .. }
        | Phase::Done { .. }
        | Phase::Failed { .. } => false,
    }
}
