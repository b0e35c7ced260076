//! `Sim`: a supervisor on a plan written in a line, driven by hand. Returns what it wants done, as words.

use std::time::Duration;

use devserver::model::{
    Actor, Command, Event, ExitStatus, Hold, Leftovers, Moment, Phase, Pid, ProcessName, RequestId, RunId, Selector,
    Signal, SpawnFailure,
};
use devserver::plan::{Condition, Dependency, Oneshot, Plan, ProcessSpec, RestartWhen, Rung, StopCommand, Target};
use devserver::supervise::{Effect, Input, Supervisor};

pub(super) use crate::support::plans::{plan, process};

/// Reads `b depends_on a, c bound; …`: the words after a name, separated by blanks.
fn parse(text: &str) -> ProcessSpec {
    let mut words = text.split_whitespace();
    let mut spec = process(words.next().expect("a name"));
    let edge = |condition: Condition, words: &mut dyn Iterator<Item = &str>| Dependency {
        process: ProcessName::new(words.next().expect("a dependency")).expect("a name"),
        condition,
    };
    while let Some(word) = words.next() {
        match word {
            "depends_on" => spec.depends_on.push(edge(Condition::Ready, &mut words)),
            "bound_to" => spec.depends_on.push(edge(Condition::Bound, &mut words)),
            "after_start_of" => spec.depends_on.push(edge(Condition::Started, &mut words)),
            "after_success_of" => spec.depends_on.push(edge(Condition::Succeeded, &mut words)),
            "oneshot" | "fresh" => {
                spec.oneshot = Some(Oneshot {
                    stale: word == "oneshot",
                    creates: Vec::new(),
                    inputs: Vec::new(),
                    variables: Vec::new(),
                    digest: Some("d1".into()),
                });
                spec.restart.when = RestartWhen::Never;
                spec.ready.timeout = None;
            }
            "unprobed" => spec.ready.probes.clear(),
            "never" => spec.restart.when = RestartWhen::Never,
            "always" => spec.restart.when = RestartWhen::Always,
            "patient" => spec.ready.timeout = None,
            "commanded" => {
                let timeout = Duration::from_secs(5);
                spec.stop.command = Some(StopCommand { command: vec!["halt".into()], timeout });
            }
            "main" => spec.stop.rungs[0].target = Target::Main,
            "exit_on_end" => spec.exit_on_end = true,
            other => panic!("what is `{other}`?"),
        }
    }
    spec
}

/// A supervisor, driven by hand.
pub(super) struct Sim {
    pub(super) supervisor: Supervisor,
    pub(super) now: Moment,
    /// Every effect so far.
    pub(super) effects: Vec<Effect>,
    requests: u64,
}

impl Sim {
    pub(super) fn new(text: &str) -> Self {
        Self::of(plan(text.split(';').map(parse).collect()))
    }

    pub(super) fn of(plan: Plan) -> Self {
        Self { supervisor: Supervisor::new(plan), now: Moment::START, effects: Vec::new(), requests: 0 }
    }

    /// Hands in one input; returns what is to be done, events aside.
    pub(super) fn step(&mut self, input: Input) -> Vec<String> {
        let effects = self.supervisor.step(self.now, input);
        self.effects.extend(effects.iter().cloned());
        effects.iter().filter_map(action).collect()
    }

    pub(super) fn begin(&mut self) -> Vec<String> {
        self.step(Input::Tick)
    }

    pub(super) fn run(&self, name: &str) -> RunId {
        let status = self.supervisor.status();
        let process = status.processes.into_iter().find(|process| process.name.as_str() == name);
        process.expect("a process").run.expect("a run")
    }

    pub(super) fn spawned(&mut self, name: &str) -> Vec<String> {
        let run = self.run(name);
        let pid = Pid(1_000 + run.number.cast_signed());
        self.step(Input::Spawned(run, pid))
    }

    pub(super) fn spawn_fails(&mut self, name: &str, failure: SpawnFailure) -> Vec<String> {
        self.step(Input::SpawnFailed(self.run(name), failure))
    }

    pub(super) fn ready(&mut self, name: &str) -> Vec<String> {
        self.step(Input::ProbePassed(self.run(name)))
    }

    /// Its main process ends with this code; its tree isn't gone yet.
    pub(super) fn main_exits(&mut self, name: &str, code: i32) -> Vec<String> {
        self.step(Input::Exited(self.run(name), ExitStatus::Code(code)))
    }

    pub(super) fn gone(&mut self, name: &str) -> Vec<String> {
        self.step(Input::Gone(self.run(name), Leftovers::None))
    }

    /// It ends with this code, and its tree with it. The signal for what it might have left is left out.
    pub(super) fn exits(&mut self, name: &str, code: i32) -> Vec<String> {
        let mut actions = self.main_exits(name, code);
        actions.retain(|action| !action.ends_with(&format!(" {name}")));
        actions.extend(self.gone(name));
        actions
    }

    /// It ends as it was told to.
    pub(super) fn exited(&mut self, name: &str) -> Vec<String> {
        self.exits(name, 0)
    }

    pub(super) fn interrupt(&mut self) -> Vec<String> {
        self.step(Input::Interrupted(Signal::INT))
    }

    pub(super) fn command(&mut self, command: Command) -> Vec<String> {
        self.requests += 1;
        self.step(Input::Commanded(RequestId(self.requests), command, Actor::ITSELF))
    }

    pub(super) fn start(&mut self, which: &str) -> Vec<String> {
        self.command(Command::Start { selector: Selector::new(which) })
    }

    pub(super) fn stop(&mut self, which: &str) -> Vec<String> {
        self.command(Command::Stop { selector: Selector::new(which) })
    }

    pub(super) fn restart(&mut self, which: &str) -> Vec<String> {
        self.command(Command::Restart { selector: Selector::new(which), wait: true })
    }

    /// Lets this much time pass, with a tick at its end.
    pub(super) fn after(&mut self, millis: u64) -> Vec<String> {
        self.now = self.now + Duration::from_millis(millis);
        self.step(Input::Tick)
    }

    /// Jumps to the next deadline.
    pub(super) fn next(&mut self) -> Vec<String> {
        self.now = self.supervisor.next_deadline().expect("a deadline");
        self.step(Input::Tick)
    }

    /// Brings up everything that can come up.
    pub(super) fn until_ready(&mut self) {
        self.begin();
        loop {
            let status = self.supervisor.status();
            let next = status.processes.iter().find(|p| matches!(p.phase, Phase::Starting | Phase::Running { .. }));
            let Some(next) = next else { return };
            let name = next.name.as_str();
            match next.phase {
                Phase::Starting => self.spawned(name),
                _ if next.oneshot => self.exits(name, 0),
                _ => self.ready(name),
            };
        }
    }

    pub(super) fn phase(&self, name: &str) -> Phase {
        let status = self.supervisor.status();
        status.processes.into_iter().find(|process| process.name.as_str() == name).expect("a process").phase
    }

    pub(super) fn hold(&self, name: &str) -> Option<Hold> {
        self.supervisor.hold(&ProcessName::new(name).expect("a name"))
    }

    /// Every event so far that the closure has a word for.
    pub(super) fn said<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        let events = self.effects.iter().filter_map(|effect| match effect {
            Effect::Emit(event) => Some(event),
            _ => None,
        });
        events.filter_map(pick).collect()
    }
}

/// An effect in words; nothing for events and probes.
fn action(effect: &Effect) -> Option<String> {
    match effect {
        Effect::Spawn(run, _) => Some(format!("spawn {run}")),
        Effect::Stop(run, Rung { signal, target: Target::Group, .. }) => Some(format!("{signal} {}", run.process)),
        Effect::Stop(run, Rung { signal, target: Target::Main, .. }) => {
            Some(format!("{signal} main of {}", run.process))
        }
        Effect::StopBy(run, stop) => Some(format!("`{}` for {}", stop.command.join(" "), run.process)),
        Effect::Signal(run, signal) => Some(format!("signal {signal} {}", run.process)),
        Effect::Remember(spec) => Some(format!("remember {}", spec.name)),
        Effect::AskPeers(peers) => Some(format!("ask {} peers", peers.len())),
        Effect::Suspend => Some("suspend".into()),
        Effect::Reply(request, reply) => Some(format!("reply {}: {reply:?}", request.0)),
        Effect::Finish(verdict) => Some(format!("finish {verdict:?}")),
        Effect::Emit(_) | Effect::StartProbe(..) | Effect::StopProbe(_) => None,
    }
}
