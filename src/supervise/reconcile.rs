//! Intent against phase: which process must move next, until nothing moves.
//!
//! Start order, reverse stop order, restart, Ctrl-C and bound dependencies all follow from `next_move`.
//! It decides and changes nothing.

use std::collections::{BTreeSet, HashMap};

use crate::model::{Failure, Phase, ProcessName};
use crate::plan::{Condition, Plan};

use super::process::Process;

/// Who depends on whom, by index into the plan. The plan has each process after what it depends on.
#[derive(Debug)]
pub(super) struct Graph {
    needs: Vec<Vec<Need>>,
    /// Everything that a process stands on, directly or not.
    below: Vec<BTreeSet<usize>>,
    /// Everything that stands on a process, directly or not.
    above: Vec<BTreeSet<usize>>,
}

#[derive(Debug, Clone, Copy)]
struct Need {
    on: usize,
    condition: Condition,
}

/// One step of one process towards what is intended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    /// Begin a run.
    Start(usize),
    /// Begin to end its run.
    Stop(usize),
    /// Don't come back from the backoff.
    Rest(usize),
    /// It no longer has to be ready by a certain time.
    Lapse(usize),
    /// It has to again.
    Arm(usize),
}

/// Why an idle process won't start without somebody's help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// This one failed.
    Failed(usize, Failure),
    /// This one was stopped by a user.
    Stopped,
}

impl Graph {
    pub(super) fn new(plan: &Plan) -> Self {
        let index: HashMap<&ProcessName, usize> =
            plan.processes.iter().enumerate().map(|(at, spec)| (&spec.name, at)).collect();
        // A dependency that isn't part of this run doesn't gate.
        let needs: Vec<Vec<Need>> = plan
            .processes
            .iter()
            .map(|spec| {
                let edges = spec.depends_on.iter();
                edges
                    .filter_map(|edge| Some(Need { on: *index.get(&edge.process)?, condition: edge.condition }))
                    .collect()
            })
            .collect();
        let mut below: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); needs.len()];
        let mut above = below.clone();
        for at in 0..needs.len() {
            for need in &needs[at] {
                let deeper = below[need.on].clone();
                below[at].extend(deeper);
                below[at].insert(need.on);
            }
            for &lower in &below[at] {
                above[lower].insert(at);
            }
        }
        Self { needs, below, above }
    }

    /// Everything that a process stands on, directly or not.
    pub(super) fn below(&self, at: usize) -> impl Iterator<Item = usize> {
        self.below[at].iter().copied()
    }

    /// Its direct dependencies.
    pub(super) fn needs(&self, at: usize) -> impl Iterator<Item = usize> {
        self.needs[at].iter().map(|need| need.on)
    }

    /// The direct dependencies that keep a process from starting now.
    pub(super) fn unmet(&self, at: usize, processes: &[Process]) -> Vec<usize> {
        let needs = self.needs[at].iter();
        needs.filter(|need| !fulfils(&processes[need.on], need.condition)).map(|need| need.on).collect()
    }

    /// Which processes may stay up as they are, or come up: wanted, not to be restarted, and not bound to
    /// one that is down or on its way there.
    fn kept(&self, processes: &[Process]) -> Vec<bool> {
        let mut kept: Vec<bool> = Vec::with_capacity(processes.len());
        for (process, needs) in processes.iter().zip(&self.needs) {
            let bonds = needs.iter().filter(|need| need.condition == Condition::Bound);
            let held = bonds.into_iter().all(|need| {
                let on = &processes[need.on];
                fulfils(on, need.condition) && (!on.phase.is_live() || kept[need.on])
            });
            kept.push(process.wanted && !process.bounce && held);
        }
        kept
    }

    /// For each process that waits: what makes that pointless.
    pub(super) fn obstacles(&self, processes: &[Process]) -> Vec<Option<Obstacle>> {
        let mut found: Vec<Option<Obstacle>> = Vec::with_capacity(processes.len());
        for needs in &self.needs {
            let unmet = needs.iter().filter(|need| !fulfils(&processes[need.on], need.condition));
            let mut worst = None;
            for Need { on, .. } in unmet {
                let dependency = &processes[*on];
                let obstacle = match &dependency.phase {
                    Phase::Failed { failure } => Some(Obstacle::Failed(*on, failure.clone())),
                    Phase::Done { status } => Some(Obstacle::Failed(*on, Failure::Exited { status: *status })),
                    _ if !dependency.wanted => Some(Obstacle::Stopped),
                    Phase::Idle => found[*on].clone(),
                    Phase::Starting
                    | Phase::Running { .. }
                    | Phase::Ready
                    | Phase::Stopping { .. }
                    | Phase::Backoff { .. } => None,
                };
                let failed = matches!(worst, Some(Obstacle::Failed(..)));
                if obstacle.is_some() && !failed {
                    worst = obstacle;
                }
            }
            found.push(worst);
        }
        found
    }

    /// The next move towards what is intended, if anything has to move.
    pub(super) fn next_move(&self, processes: &[Process]) -> Option<Move> {
        let kept = self.kept(processes);
        let sinking = |at: &usize| processes[*at].phase.is_live() && !kept[*at];
        // Stops first, from the top down: what is about to go holds back what stands on it.
        let stop = (0..processes.len()).rev().find_map(|at| match processes[at].phase {
            Phase::Starting | Phase::Running { .. } | Phase::Ready if !kept[at] => {
                let under_way = self.above[at].iter().any(sinking);
                (!under_way).then_some(Move::Stop(at))
            }
            Phase::Starting
            | Phase::Running { .. }
            | Phase::Ready
            | Phase::Idle
            | Phase::Stopping { .. }
            | Phase::Backoff { .. }
            | Phase::Done { .. }
            | Phase::Failed { .. } => None,
        });
        stop.or_else(|| {
            (0..processes.len()).find_map(|at| {
                let process = &processes[at];
                match process.phase {
                    Phase::Idle => {
                        let ready = process.wanted && self.unmet(at, processes).is_empty();
                        (ready && !self.below(at).any(|below| sinking(&below))).then_some(Move::Start(at))
                    }
                    Phase::Backoff { .. } => (!process.wanted).then_some(Move::Rest(at)),
                    Phase::Running { ready_by: Some(_) } => (!kept[at]).then_some(Move::Lapse(at)),
                    Phase::Running { ready_by: None } => {
                        (kept[at] && process.spec.ready.timeout.is_some()).then_some(Move::Arm(at))
                    }
                    Phase::Starting
                    | Phase::Ready
                    | Phase::Stopping { .. }
                    | Phase::Done { .. }
                    | Phase::Failed { .. } => None,
                }
            })
        })
    }
}

/// Whether a process in its present phase lets a dependent with this condition start.
fn fulfils(process: &Process, condition: Condition) -> bool {
    let done = matches!(process.phase, Phase::Done { .. });
    match condition {
        Condition::Started => done || matches!(process.phase, Phase::Running { .. } | Phase::Ready),
        Condition::Ready | Condition::Bound => process.phase == Phase::Ready || done && process.spec.oneshot.is_some(),
        Condition::Succeeded => done,
    }
}
