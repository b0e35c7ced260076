//! What must hold whatever happens: the invariants of supervision, checked against a model of its own.
//!
//! It shares no code with the supervisor. It knows what the supervisor was told and what it answered, and
//! nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use devserver::model::{Command, Event, ExitStatus, Failure, Moment, Phase, RequestId, RunId, Signal, Verdict};
use devserver::plan::{Condition, Plan, ProcessSpec, RestartWhen};
use devserver::supervise::{Effect, Input, Supervisor};

/// A process, as told.
#[derive(Debug)]
struct Model {
    spec: Arc<ProcessSpec>,
    needs: Vec<(usize, Condition)>,
    below: BTreeSet<usize>,
    wanted: bool,
    bounce: bool,
    done: bool,
    phase: Phase,
    run: Option<Told>,
    number: u32,
    /// Spawns since anything excused the earlier ones.
    streak: u32,
}

/// A run, as told.
#[derive(Debug, Default)]
struct Told {
    spawned: bool,
    ready: Option<Moment>,
    exited: Option<(Moment, ExitStatus)>,
    /// The signal of its latest `Stop`.
    stop: Option<Signal>,
    stopped_before_exit: bool,
    /// What is known of its stop command.
    command: ByCommand,
    /// Until when that has time.
    commanded_until: Option<Moment>,
    late: bool,
    over: bool,
    /// It survived KILL, and the supervisor said so.
    given_up: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum ByCommand {
    #[default]
    Never,
    AtWork,
    Ended,
    Failed,
}

/// Stands for the signal of a run that is being stopped by its command.
const COMMANDED: Signal = Signal::from_number(0);

impl Told {
    fn is_live(&self) -> bool {
        !self.over && !self.given_up
    }
}

/// The model, and what it has seen.
#[derive(Debug)]
pub(super) struct Oracle {
    models: Vec<Model>,
    shutdown: Option<Moment>,
    interrupts: u32,
    killed: Option<Moment>,
    open: BTreeSet<RequestId>,
    settled: bool,
    /// A Ctrl-Z is being answered.
    suspends: bool,
    pub(super) finished: Option<Verdict>,
}

impl Oracle {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut models: Vec<Model> = Vec::new();
        for spec in &plan.processes {
            let needs: Vec<(usize, Condition)> = spec
                .depends_on
                .iter()
                .filter_map(|edge| {
                    let on = models.iter().position(|model| model.spec.name == edge.process)?;
                    Some((on, edge.condition))
                })
                .collect();
            let below = needs.iter().flat_map(|(on, _)| models[*on].below.iter().copied().chain([*on])).collect();
            models.push(Model {
                needs,
                below,
                wanted: true,
                bounce: false,
                done: spec.oneshot.as_ref().is_some_and(|oneshot| !oneshot.stale),
                phase: Phase::Idle,
                run: None,
                number: 0,
                streak: 0,
                spec: Arc::clone(spec),
            });
        }
        Self {
            models,
            shutdown: None,
            interrupts: 0,
            killed: None,
            open: BTreeSet::new(),
            settled: false,
            suspends: false,
            finished: None,
        }
    }

    fn index(&self, run: &RunId) -> Option<usize> {
        self.models.iter().position(|model| model.spec.name == run.process && model.number == run.number)
    }

    fn told(&mut self, run: &RunId) -> Option<&mut Told> {
        let at = self.index(run)?;
        self.models[at].run.as_mut().filter(|told| !told.over)
    }

    /// Takes in what the supervisor is about to be told.
    pub(super) fn before(&mut self, now: Moment, input: &Input) {
        match input {
            Input::Commanded(request, command, _) => {
                self.open.insert(*request);
                self.commanded(command);
            }
            Input::Spawned(run, _) => {
                if let Some(told) = self.told(run) {
                    told.spawned = true;
                }
            }
            Input::ProbePassed(run) => {
                if let Some(told) = self.told(run) {
                    told.ready.get_or_insert(now);
                }
            }
            Input::Exited(run, status) => {
                if let Some(told) = self.told(run) {
                    told.exited = Some((now, *status));
                    told.stopped_before_exit = told.stop.is_some();
                }
            }
            Input::UpToDate(run) => self.over(now, run, true),
            Input::SpawnFailed(run, _) | Input::Gone(run, _) | Input::ShimLost(run) => self.over(now, run, false),
            Input::Interrupted(Signal::TSTP) => self.suspends = true,
            Input::Interrupted(signal) => {
                if *signal != Signal::HUP || self.interrupts == 0 {
                    self.interrupts += 1;
                }
                if self.interrupts == 2 {
                    self.killed.get_or_insert(now);
                }
            }
            Input::StopCommandEnded(run, outcome) => {
                if let Some(told) = self.told(run) {
                    told.command = match outcome {
                        Ok(()) => ByCommand::Ended,
                        Err(_) => ByCommand::Failed,
                    };
                }
            }
            Input::ProbeFailed(..)
            | Input::Paused(..)
            | Input::Noted(_)
            | Input::OutOfMemory(_)
            | Input::Remaining(..)
            | Input::Unkillable(..)
            | Input::Resumed(_)
            | Input::Inherited(..)
            | Input::PeersAnswered(_)
            | Input::Tick => {}
        }
    }

    fn over(&mut self, now: Moment, run: &RunId, needless: bool) {
        let Some(at) = self.index(run) else { return };
        let model = &mut self.models[at];
        let Some(told) = model.run.as_mut().filter(|told| !told.over) else { return };
        told.over = true;
        let succeeded = told.exited.is_some_and(|(_, status)| status.success()) && !told.stopped_before_exit;
        let rests = model.spec.oneshot.is_some() || model.wanted && model.spec.restart.when != RestartWhen::Always;
        model.done = (needless || succeeded && rests) && !model.bounce;
        model.bounce = false;
        let ended = told.exited.map_or(now, |(at, _)| at);
        let unprobed = model.spec.ready.probes.is_empty();
        let ready_for = told.ready.map_or(Duration::ZERO, |ready| ended.since(ready));
        // A run that we stopped in time, or that was ready for long, excuses the ones before it. (Without a
        // probe the model doesn't know since when it was ready, and lets it go.)
        if (told.stopped_before_exit || told.stop.is_some() && told.exited.is_none()) && !told.late
            || ready_for >= model.spec.restart.reset_after
            || unprobed
        {
            model.streak = 0;
        }
    }

    fn commanded(&mut self, command: &Command) {
        let (selector, up, bounce) = match command {
            Command::Start { selector } => (selector, true, false),
            Command::Restart { selector, .. } => (selector, true, true),
            Command::Stop { selector } => (selector, false, false),
            Command::Signal { .. } | Command::Down => return,
        };
        for at in 0..self.models.len() {
            if !selector.matches(&self.models[at].spec.name) {
                continue;
            }
            if up && self.shutdown.is_some() {
                continue;
            }
            self.models[at].wanted = up;
            self.models[at].bounce &= up;
            if !up {
                continue;
            }
            for lower in self.models[at].below.clone() {
                self.models[lower].wanted = true;
                self.models[lower].streak = 0;
            }
            let model = &mut self.models[at];
            model.streak = 0;
            let live = model.run.as_ref().is_some_and(|told| !told.over);
            model.bounce |= bounce && live;
            model.done &= !bounce && model.spec.oneshot.is_some();
        }
    }

    /// Checks what the supervisor answered.
    pub(super) fn after(&mut self, now: Moment, effects: &[Effect], supervisor: &Supervisor) {
        for effect in effects {
            assert!(self.finished.is_none(), "6: nothing comes after Finish, but {effect:?}");
            match effect {
                Effect::Spawn(run, _) => self.spawned(run),
                Effect::Stop(run, rung) => self.stopped(run, rung.signal),
                Effect::StopBy(run, stop) => self.stopped_by(now, run, stop.timeout),
                Effect::Reply(request, _) => {
                    assert!(self.open.remove(request), "request {request:?} is answered once");
                }
                Effect::Suspend => {
                    assert!(std::mem::take(&mut self.suspends), "only a Ctrl-Z suspends, and once");
                }
                Effect::Finish(verdict) => self.finish(verdict),
                Effect::Emit(event) => self.event(now, event),
                Effect::Signal(..)
                | Effect::StartProbe(..)
                | Effect::StopProbe(_)
                | Effect::Remember(_)
                | Effect::AskPeers(_) => {}
            }
        }
        assert!(!std::mem::take(&mut self.suspends), "a Ctrl-Z suspends, whatever is under way");
        self.standing(now, supervisor);
    }

    fn spawned(&mut self, run: &RunId) {
        let at = self.models.iter().position(|model| model.spec.name == run.process).expect("a process of the plan");
        let model = &self.models[at];
        assert!(model.run.as_ref().is_none_or(|told| told.over), "1: two live runs of {}", run.process);
        assert_eq!(run.number, model.number + 1, "runs count up");
        assert!(model.wanted && self.shutdown.is_none(), "2: {run} is spawned, but nobody wants it");
        for (on, condition) in &model.needs {
            assert!(
                self.fulfils(*on, *condition),
                "2: {run} is spawned before {} allows it",
                self.models[*on].spec.name
            );
        }
        let model = &mut self.models[at];
        model.number = run.number;
        model.run = Some(Told::default());
        model.done = false;
        model.streak += 1;
        let most = model.spec.restart.give_up_after.max(1);
        assert!(model.streak <= most, "{run}: {} tries in a row, more than {most}", model.streak);
    }

    fn fulfils(&self, on: usize, condition: Condition) -> bool {
        let model = &self.models[on];
        let told = model
            .run
            .as_ref()
            .filter(|told| told.is_live() && told.spawned && told.exited.is_none() && told.stop.is_none());
        let oneshot = model.spec.oneshot.is_some();
        let ready = !oneshot && told.is_some_and(|told| told.ready.is_some() || model.spec.ready.probes.is_empty());
        match condition {
            Condition::Started => told.is_some() || model.done,
            Condition::Ready | Condition::Bound => ready || oneshot && model.done,
            Condition::Succeeded => model.done,
        }
    }

    fn stopped(&mut self, run: &RunId, signal: Signal) {
        let at = self.index(run).expect("a run that was spawned");
        let first = self.models[at].run.as_ref().is_some_and(|told| told.stop.is_none() && told.exited.is_none());
        if first && self.shutdown.is_some() && self.interrupts < 2 {
            let up = self
                .models
                .iter()
                .find(|model| model.below.contains(&at) && model.run.as_ref().is_some_and(Told::is_live));
            assert!(up.is_none(), "3: {run} is stopped while {} is up", up.expect("just found").spec.name);
        }
        let told = self.models[at].run.as_mut().expect("it was spawned");
        assert!(!told.over, "{run} is stopped when it is over");
        told.stop = Some(signal);
    }

    fn stopped_by(&mut self, now: Moment, run: &RunId, timeout: Duration) {
        let before = self.told(run).expect("a run that was spawned").command;
        assert_eq!(before, ByCommand::Never, "{run} is stopped by its command once");
        self.stopped(run, COMMANDED);
        let told = self.told(run).expect("it was spawned");
        assert!(told.spawned && told.exited.is_none(), "a command asks a main process that lives");
        (told.command, told.commanded_until) = (ByCommand::AtWork, Some(now + timeout));
    }

    fn event(&mut self, now: Moment, event: &Event) {
        match event {
            Event::PhaseChanged { process, from, to, .. } => {
                let at = self.models.iter().position(|model| model.spec.name == *process).expect("of the plan");
                let model = &mut self.models[at];
                assert_eq!((&model.phase, from == to), (from, false), "7: {process}: {from:?} to {to:?}");
                model.phase = to.clone();
                if let (Phase::Failed { failure: Failure::Unkillable { .. } }, Some(told)) = (to, &mut model.run) {
                    assert_eq!(told.stop, Some(Signal::KILL), "{process} wasn't even killed");
                    told.given_up = true;
                }
                if *to == Phase::Ready {
                    assert!(self.fulfils(at, Condition::Ready), "{process} is called ready");
                }
            }
            Event::Exited { run, status, expected, .. } => {
                let told = self.told(run).expect("a run under way");
                assert_eq!(told.exited, Some((now, *status)), "an exit is said once, and truly");
                assert_eq!(told.stopped_before_exit, *expected, "{run}: expected");
            }
            Event::Commanded { .. } => {}
            Event::NotAlive { run, failures, .. } => {
                let at = self.index(run).expect("a run under way");
                assert!(self.fulfils(at, Condition::Ready), "{run} is ended by its probe, and wasn't ready");
                self.told(run).expect("it is under way").late = true;
                let most = self.models[at].spec.ready.liveness;
                assert!(most.is_some_and(|most| *failures >= most.max(1)), "{run}: {failures} failures of {most:?}");
                assert!(self.models[at].wanted && self.shutdown.is_none(), "{run} is on its way down already");
            }
            Event::NotReady { run, .. } => self.told(run).expect("a run under way").late = true,
            Event::Stopping { .. } => {
                self.shutdown.get_or_insert(now);
                for model in &mut self.models {
                    model.wanted = false;
                    model.bounce = false;
                }
            }
            Event::Settled { .. } => {
                assert!(!self.settled, "the end of starting up is said once");
                self.settled = true;
            }
            Event::RestartScheduled { process, .. }
            | Event::GaveUp { process, .. }
            | Event::Blocked { process, .. } => {
                let model = self.models.iter().find(|model| model.spec.name == *process).expect("of the plan");
                assert!(model.wanted, "{event:?}, but nobody wants it");
            }
            Event::StillStopping { run, waited, of, .. } => {
                let told = self.told(run).expect("a run under way");
                assert!((told.stop.is_some() || told.exited.is_some()) && waited <= of, "{event:?}");
            }
            Event::Notice { .. }
            | Event::Started { .. }
            | Event::SpawnFailed { .. }
            | Event::BecameReady { .. }
            | Event::HealthChanged { .. }
            | Event::Gone { .. }
            | Event::ShimLost { .. }
            | Event::Resumed { .. }
            | Event::StopCommandFailed { .. }
            | Event::Escalated { .. } => {}
        }
    }

    fn live(&self) -> impl Iterator<Item = (&Model, &Told)> {
        let runs = self.models.iter().filter_map(|model| Some((model, model.run.as_ref()?)));
        runs.filter(|(_, told)| told.is_live())
    }

    fn finish(&mut self, verdict: &Verdict) {
        let survivors =
            self.models.iter().any(|model| model.run.as_ref().is_some_and(|told| told.given_up && !told.over));
        match verdict {
            Verdict::Abandoned => assert_eq!(self.interrupts, 3, "only a third interrupt leaves"),
            Verdict::Fine | Verdict::Killed | Verdict::GaveUp(_) | Verdict::Ended { .. } | Verdict::Unstoppable(_) => {
                assert!(self.live().next().is_none(), "6: {} is alive", self.live().next().expect("one").0.spec.name);
                assert_eq!(survivors, matches!(verdict, Verdict::Unstoppable(_)), "who survived KILL is named");
                let killed = self.interrupts == 2 && !survivors;
                assert_eq!(killed, *verdict == Verdict::Killed, "after {} interrupts", self.interrupts);
            }
        }
        assert!(self.open.is_empty(), "every request is answered before the end: {:?}", self.open);
        self.finished = Some(verdict.clone());
    }

    /// What holds after every step.
    fn standing(&self, now: Moment, supervisor: &Supervisor) {
        let status = supervisor.status();
        for (model, shown) in self.models.iter().zip(&status.processes) {
            assert_eq!(model.phase, shown.phase, "7: {} as said and as shown", shown.name);
            let backs_off = matches!(model.phase, Phase::Backoff { .. });
            assert!(model.wanted || !backs_off, "{} would come back, but nobody wants it", shown.name);
        }
        if self.finished.is_some() {
            assert_eq!(supervisor.next_deadline(), None, "6: nothing is due after Finish");
            return;
        }
        if self.interrupts > 0 {
            assert!(self.shutdown.is_some(), "an interrupt stops everything");
        }
        if self.interrupts >= 2 {
            for (model, told) in self.live() {
                assert_eq!(told.stop, Some(Signal::KILL), "4: {} is on its last rung", model.spec.name);
            }
        }
        for (model, told) in self.live().filter(|(_, told)| told.stop == Some(COMMANDED)) {
            let name = &model.spec.name;
            assert_ne!(told.command, ByCommand::Failed, "{name}: after its command failed come the signals");
            assert!(told.commanded_until.is_some_and(|until| now < until), "{name}: its command's time is up");
            let left = told.command == ByCommand::Ended && told.exited.is_some();
            assert!(!left, "{name}: what is left after its command gets the signals");
        }
        if let Some(since) = self.shutdown {
            let took = now.since(since);
            assert!(took <= self.longest_chain(), "5: stopping takes {took:?}");
            assert!(self.live().next().is_some(), "5: nothing is alive, and still no Finish");
        }
        if let Some(since) = self.killed {
            let longest = self.models.iter().map(|model| model.spec.stop.signal(model.spec.stop.last()).timeout).max();
            assert!(now.since(since) <= longest.unwrap_or_default(), "5: killing takes {:?}", now.since(since));
        }
        for (at, model) in self.models.iter().enumerate() {
            let idle = model.wanted && !model.done && model.phase == Phase::Idle;
            let free = model.run.as_ref().is_none_or(|told| told.over);
            let allowed = model.needs.iter().all(|(on, condition)| self.fulfils(*on, *condition));
            let firm = model.below.iter().all(|lower| !self.is_sinking(*lower));
            let waits = idle && free && allowed && firm;
            assert!(!waits, "{} could start: {:?}", self.models[at].spec.name, supervisor.hold(&model.spec.name));
        }
    }

    /// Whether a process is alive and on its way down, or will be.
    fn is_sinking(&self, at: usize) -> bool {
        let model = &self.models[at];
        let Some(told) = model.run.as_ref().filter(|told| told.is_live()) else { return false };
        let mut bonds = model.needs.iter().filter(|(_, condition)| *condition == Condition::Bound);
        let loose = bonds.any(|(on, condition)| !self.fulfils(*on, *condition) || self.is_sinking(*on));
        !model.wanted || model.bounce || told.stop.is_some() || loose
    }

    /// The longest chain of stop ladders, each below the other.
    fn longest_chain(&self) -> Duration {
        let mut longest: Vec<Duration> = Vec::new();
        for model in &self.models {
            let below = model.below.iter().map(|lower| longest[*lower]).max().unwrap_or_default();
            longest.push(below + model.spec.stop.longest());
        }
        longest.into_iter().max().unwrap_or_default()
    }
}
