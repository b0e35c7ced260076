//! The world under the supervisor: runs with a temper each, and the news that they will cause.
//!
//! Stands for the runner, the shims and the children together. It keeps their contract (each spawn has
//! exactly one end, the exit comes before it) and is as nasty as that allows.

use std::collections::BTreeMap;
use std::time::Duration;

use devserver::model::{ExitStatus, Leftovers, Moment, Pid, ProbeFailure, RunId, Signal, SpawnFailure, SpawnStep};
use devserver::plan::{ProcessSpec, Rung};
use devserver::supervise::Input;

use super::dice::Dice;

/// A run as it really is.
#[derive(Debug)]
struct Run {
    id: RunId,
    temper: Temper,
    state: State,
    /// Counts what was scheduled for it, so that a newer fate replaces an older one.
    told: Option<Signal>,
    /// Its stop command is at work: the news that it is gone waits for that.
    commanded: bool,
    held: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The spawn is on its way.
    Born,
    /// Its main process lives.
    Alive,
    /// Its main process ended, something is left.
    Leftover,
    /// Nothing is left.
    Gone,
}

/// How a run behaves.
#[derive(Debug)]
struct Temper {
    spawn: Spawn,
    spawn_after: Duration,
    /// When its probe passes; never for none.
    ready_after: Option<Duration>,
    /// When it ends by itself, and how.
    life: Option<(Duration, End)>,
    stops: Stops,
    stop_after: Duration,
    leaves: Leaves,
}

#[derive(Debug, PartialEq, Eq)]
enum Spawn {
    Works,
    FailsForNow,
    FailsForGood,
    /// Somebody else did the work.
    Needless,
    /// Nothing is ever heard.
    Hangs,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Exit(ExitStatus),
    ShimLost,
}

#[derive(Debug, PartialEq, Eq)]
enum Stops {
    Obeys,
    IgnoresAllButKill,
    /// And its shim says so.
    Unkillable,
    /// And nobody says anything, until it does end after all.
    UnkillableForLong,
}

#[derive(Debug, PartialEq, Eq)]
enum Leaves {
    Nothing,
    /// Goes by itself a little later.
    Slowly,
    /// Goes when told.
    UntilTold,
    /// Goes when killed.
    UntilKilled,
}

/// What will happen if nothing else does first.
#[derive(Debug, Clone)]
enum Fate {
    Spawn,
    Ready,
    ProbeFails,
    End(End),
    Gone,
    /// Its stop command ends, well or not.
    Commanded(bool),
    /// Somebody looks who is left.
    Look,
    Report,
}

/// All runs, and what is about to happen to them.
#[derive(Debug, Default)]
pub(super) struct Kernel {
    runs: Vec<Run>,
    agenda: BTreeMap<(Moment, u64), (usize, Fate)>,
    count: u64,
}

impl Kernel {
    /// When the next thing happens.
    pub(super) fn next(&self) -> Option<Moment> {
        self.agenda.keys().next().map(|(at, _)| *at)
    }

    fn schedule(&mut self, at: Moment, run: usize, fate: Fate) {
        self.count += 1;
        self.agenda.insert((at, self.count), (run, fate));
    }

    /// Lets the next thing happen: the news of it, if it is any.
    pub(super) fn happen(&mut self) -> Option<Input> {
        let (key, (index, fate)) = self.agenda.pop_first()?;
        let now = key.0;
        let run = &mut self.runs[index];
        let id = run.id.clone();
        match (fate, run.state) {
            (_, State::Gone) => None,
            (Fate::Spawn, State::Born) => self.spawned(now, index),
            (Fate::Ready, State::Alive) => Some(Input::ProbePassed(id)),
            (Fate::ProbeFails, State::Alive) => {
                Some(Input::ProbeFailed(id, ProbeFailure::Refused { target: "it".into() }))
            }
            (Fate::End(End::ShimLost), State::Alive) => {
                run.state = State::Gone;
                Some(Input::ShimLost(id))
            }
            (Fate::End(End::Exit(status)), State::Alive) => {
                run.state = State::Leftover;
                let when = match run.temper.leaves {
                    Leaves::Nothing => Some(Duration::ZERO),
                    Leaves::Slowly => Some(run.temper.stop_after),
                    Leaves::UntilTold | Leaves::UntilKilled if run.told == Some(Signal::KILL) => Some(Duration::ZERO),
                    Leaves::UntilTold | Leaves::UntilKilled => None,
                };
                if let Some(when) = when {
                    self.schedule(now + when, index, Fate::Gone);
                }
                Some(Input::Exited(id, status))
            }
            (Fate::Gone, State::Leftover) if run.commanded => {
                run.held = true;
                None
            }
            (Fate::Commanded(well), State::Alive | State::Leftover) if run.commanded => {
                run.commanded = false;
                if std::mem::take(&mut run.held) {
                    self.schedule(now, index, Fate::Gone);
                }
                Some(Input::StopCommandEnded(id, if well { Ok(()) } else { Err("exited with 1".into()) }))
            }
            (Fate::Gone, State::Leftover | State::Born) => {
                run.state = State::Gone;
                Some(Input::Gone(id, Leftovers::None))
            }
            (Fate::Look, State::Alive | State::Leftover) => Some(Input::Remaining(id, Vec::new(), 1)),
            (Fate::Report, State::Alive | State::Leftover) => Some(Input::Unkillable(id, vec![Pid(4_242)])),
            (
                Fate::Spawn
                | Fate::Ready
                | Fate::ProbeFails
                | Fate::End(_)
                | Fate::Gone
                | Fate::Commanded(_)
                | Fate::Look
                | Fate::Report,
                State::Born | State::Alive | State::Leftover,
            ) => None,
        }
    }

    fn spawned(&mut self, now: Moment, index: usize) -> Option<Input> {
        let run = &mut self.runs[index];
        let id = run.id.clone();
        match run.temper.spawn {
            Spawn::Hangs => return None,
            Spawn::FailsForNow => {
                run.state = State::Gone;
                return Some(Input::SpawnFailed(id, SpawnFailure::PortTaken { port: 80, holder: None }));
            }
            Spawn::FailsForGood => {
                run.state = State::Gone;
                let (what, why) = ("it".into(), "it can't".into());
                let failure = SpawnFailure::System { step: SpawnStep::Exec, what, why, transient: false };
                return Some(Input::SpawnFailed(id, failure));
            }
            Spawn::Needless => {
                run.state = State::Gone;
                return Some(Input::UpToDate(id));
            }
            Spawn::Works => run.state = State::Alive,
        }
        let (ready, life, told) = (run.temper.ready_after, run.temper.life, run.told);
        if let Some(after) = ready {
            self.schedule(now + after, index, Fate::Ready);
            self.schedule(now + after / 2, index, Fate::ProbeFails);
            for rounds in 2..5 {
                self.schedule(now + after * rounds, index, Fate::ProbeFails);
            }
            self.schedule(now + after * 7, index, Fate::Ready);
            self.schedule(now + after * 8, index, Fate::ProbeFails);
        }
        if let Some((after, end)) = life {
            self.schedule(now + after, index, Fate::End(end));
        }
        // The signal met it while it was being born.
        if let Some(signal) = told {
            self.signalled(now, index, signal);
        }
        Some(Input::Spawned(id, Pid(index.try_into().expect("few runs"))))
    }

    /// A `Spawn` effect.
    pub(super) fn spawn(&mut self, now: Moment, id: RunId, spec: &ProcessSpec, dice: &mut Dice) {
        let temper = Temper::new(spec, dice);
        let at = now + temper.spawn_after;
        self.runs.push(Run { id, temper, state: State::Born, told: None, commanded: false, held: false });
        self.schedule(at, self.runs.len() - 1, Fate::Spawn);
    }

    /// A `Stop` effect.
    pub(super) fn stop(&mut self, now: Moment, id: &RunId, rung: Rung) {
        let index = self.runs.iter().rposition(|run| run.id == *id).expect("only runs that were spawned are stopped");
        let run = &mut self.runs[index];
        run.told = Some(rung.signal);
        // Broken off.
        run.commanded = false;
        if std::mem::take(&mut run.held) {
            self.schedule(now, index, Fate::Gone);
        }
        let run = &mut self.runs[index];
        match run.state {
            // Half of those that aren't born yet are taken back, the others meet the signal later.
            State::Born if run.temper.spawn == Spawn::Hangs && run.temper.stops != Stops::UnkillableForLong => {
                let after = run.temper.stop_after;
                self.schedule(now + after, index, Fate::Gone);
            }
            State::Born | State::Gone => {}
            State::Alive | State::Leftover => {
                self.schedule(now + Duration::from_millis(200), index, Fate::Look);
                self.signalled(now, index, rung.signal);
            }
        }
    }

    /// A `StopBy` effect.
    pub(super) fn stop_by(&mut self, now: Moment, id: &RunId, dice: &mut Dice) {
        let index = self.runs.iter().rposition(|run| run.id == *id).expect("only runs that were spawned are stopped");
        self.runs[index].commanded = true;
        let after = dice.millis(6_000);
        self.schedule(now + after / 2, index, Fate::Look);
        let end = Fate::End(End::Exit(ExitStatus::Code(0)));
        let fates = match dice.below(6) {
            0 => vec![(after, end), (after, Fate::Commanded(true))],
            1 => vec![(after, Fate::Commanded(true)), (after + dice.millis(6_000), end)],
            2 => vec![(after, end), (after + dice.millis(6_000), Fate::Commanded(dice.chance(50)))],
            3 => vec![(after, Fate::Commanded(true))],
            4 => vec![(after, Fate::Commanded(false))],
            // It hangs.
            _ => Vec::new(),
        };
        fates.into_iter().for_each(|(after, fate)| self.schedule(now + after, index, fate));
    }

    fn signalled(&mut self, now: Moment, index: usize, signal: Signal) {
        let run = &self.runs[index];
        let after = run.temper.stop_after;
        let kills = signal == Signal::KILL;
        let fate = match (run.state, &run.temper.stops) {
            (State::Alive, Stops::Obeys) => Fate::End(End::Exit(ExitStatus::Code(0))),
            (State::Alive, Stops::IgnoresAllButKill) if kills => {
                Fate::End(End::Exit(ExitStatus::Signal { signal, core: false }))
            }
            (State::Alive, Stops::Unkillable) if kills => Fate::Report,
            (State::Alive, Stops::UnkillableForLong) if kills => {
                let end = Fate::End(End::Exit(ExitStatus::Signal { signal, core: false }));
                self.schedule(now + Duration::from_secs(30), index, end);
                return;
            }
            (State::Leftover, _) if kills || run.temper.leaves == Leaves::UntilTold => Fate::Gone,
            (State::Born | State::Alive | State::Leftover | State::Gone, _) => return,
        };
        // KILL works at once, or not.
        let after = if kills { after.min(Duration::from_millis(200)) } else { after };
        self.schedule(now + after, index, fate);
    }
}

impl Temper {
    fn new(spec: &ProcessSpec, dice: &mut Dice) -> Self {
        let oneshot = spec.oneshot.is_some();
        let spawn = match dice.below(20) {
            16 => Spawn::FailsForNow,
            17 => Spawn::FailsForGood,
            18 if oneshot => Spawn::Needless,
            19 => Spawn::Hangs,
            _ => Spawn::Works,
        };
        let status = match dice.below(4) {
            0 => ExitStatus::Code(0),
            1 | 2 => ExitStatus::Code(1),
            _ => ExitStatus::Signal { signal: Signal::SEGV, core: false },
        };
        let end = if dice.chance(5) { End::ShimLost } else { End::Exit(status) };
        let life = (oneshot || dice.chance(40)).then(|| (dice.millis(20_000), end));
        let stops = match dice.below(20) {
            0..=12 => Stops::Obeys,
            13..=17 => Stops::IgnoresAllButKill,
            18 => Stops::Unkillable,
            _ => Stops::UnkillableForLong,
        };
        let leaves = match dice.below(10) {
            0..=5 => Leaves::Nothing,
            6 => Leaves::Slowly,
            7 | 8 => Leaves::UntilTold,
            _ => Leaves::UntilKilled,
        };
        Self {
            spawn,
            spawn_after: dice.millis(300),
            ready_after: (!dice.chance(15)).then(|| dice.millis(8_000)),
            life,
            stops,
            stop_after: dice.millis(5_000),
            leaves,
        }
    }
}
