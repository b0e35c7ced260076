//! Random worlds: random plans, children of every temper, commands and interrupts at random moments, on a
//! clock that jumps. The oracle looks at every step.

#![expect(clippy::print_stdout, reason = "a world that fails is told step by step, and their number at the end")]

use std::time::{Duration, Instant};

use devserver::model::{
    Actor, Command, ExitStatus, Leftovers, Moment, ProcessName, RequestId, RunId, Selector, Signal, SiloName,
};
use devserver::plan::{
    Condition, Dependency, Oneshot, Peer, Plan, ProcessSpec, RestartWhen, Rung, StopCommand, Target,
};
use devserver::supervise::{Effect, Input, Supervisor};
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestError, TestRunner};

use super::dice::Dice;
use super::fixture;
use super::kernel::Kernel;
use super::oracle::Oracle;

/// More steps than any world can need: who gets there runs in circles.
const STEPS: usize = 5_000;

struct World {
    dice: Dice,
    plan: Plan,
    supervisor: Supervisor,
    oracle: Oracle,
    kernel: Kernel,
    now: Moment,
    requests: u64,
    peers_asked: bool,
    /// We stand still; nothing happens, and the clock doesn't run.
    suspended: bool,
    /// What was spawned, to send late news of it.
    spawned: Vec<RunId>,
    /// Whether each step is printed.
    told: bool,
}

impl World {
    fn new(choices: Vec<u16>) -> Self {
        let mut dice = Dice::new(choices);
        let plan = random_plan(&mut dice);
        Self {
            supervisor: Supervisor::new(plan.clone()),
            oracle: Oracle::new(&plan),
            kernel: Kernel::default(),
            plan,
            dice,
            now: Moment::START,
            requests: 0,
            peers_asked: false,
            suspended: false,
            spawned: Vec::new(),
            told: false,
        }
    }

    fn run(mut self) {
        self.step(Input::Tick);
        for _ in 0..self.dice.below(7) {
            let pause = self.dice.millis(20_000);
            self.until(self.now + pause);
            let input = self.random_input();
            self.step(input);
            if std::mem::take(&mut self.suspended) {
                // The end of the world may have come with it.
                self.step(Input::Resumed(Duration::from_secs(3_600)));
            }
        }
        let patience = self.dice.millis(60_000);
        self.until(self.now + patience);
        self.step(Input::Interrupted(Signal::TERM));
        let hour = Duration::from_secs(3_600);
        self.until(self.now + hour);
        assert!(self.oracle.finished.is_some(), "5: it never finishes");
        assert_eq!(self.supervisor.step(self.now, Input::Interrupted(Signal::INT)), [], "6: after Finish");
    }

    /// Lets everything happen that happens until then.
    fn until(&mut self, end: Moment) {
        for _ in 0..STEPS {
            if self.oracle.finished.is_some() {
                return;
            }
            let deadline = self.supervisor.next_deadline();
            let news = self.kernel.next();
            let Some(next) = deadline.into_iter().chain(news).min().filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.check_that_ticks_are_idle(next, deadline);
            self.now = self.now.max(next);
            // Both at once: either may come first.
            if news == Some(next) && (deadline != Some(next) || self.dice.chance(50)) {
                if let Some(input) = self.kernel.happen() {
                    self.step(input);
                }
            } else {
                let effects = self.step(Input::Tick);
                assert!(effects > 0, "8: a deadline at which nothing changes");
            }
        }
        panic!("more than {STEPS} steps");
    }

    /// Before the next deadline a tick changes nothing, and neither does a second one at the same moment.
    fn check_that_ticks_are_idle(&mut self, next: Moment, deadline: Option<Moment>) {
        let before = if deadline == Some(next) { next.since(self.now) / 2 } else { next.since(self.now) };
        if deadline.is_some_and(|deadline| deadline <= self.now + before) || !self.dice.chance(30) {
            return;
        }
        self.now = self.now + before;
        let processes = self.supervisor.status().processes;
        assert_eq!(self.supervisor.step(self.now, Input::Tick), [], "8: a tick before the next deadline");
        assert_eq!(self.supervisor.status().processes, processes, "8: a tick before the next deadline");
    }

    /// One step, looked at by the oracle; returns how many effects it had.
    fn step(&mut self, input: Input) -> usize {
        if self.oracle.finished.is_some() {
            return 0;
        }
        if self.told {
            println!("{:?} {input:?}", self.now);
        }
        self.oracle.before(self.now, &input);
        let effects = self.supervisor.step(self.now, input);
        for effect in effects.iter().filter(|_| self.told) {
            println!("    {effect:.180?}");
        }
        self.oracle.after(self.now, &effects, &self.supervisor);
        for effect in &effects {
            match effect {
                Effect::Spawn(run, spec) => {
                    self.spawned.push(run.clone());
                    self.kernel.spawn(self.now, run.clone(), spec, &mut self.dice);
                }
                Effect::Stop(run, rung) => self.kernel.stop(self.now, run, *rung),
                Effect::StopBy(run, _) => self.kernel.stop_by(self.now, run, &mut self.dice),
                Effect::AskPeers(_) => self.peers_asked = true,
                Effect::Suspend => self.suspended = true,
                Effect::Signal(..)
                | Effect::StartProbe(..)
                | Effect::StopProbe(_)
                | Effect::Remember(_)
                | Effect::Emit(_)
                | Effect::Reply(..)
                | Effect::Finish(_) => {}
            }
        }
        effects.len()
    }

    fn random_input(&mut self) -> Input {
        let roll = self.dice.below(17);
        let command = match roll {
            0 => return Input::Tick,
            1..=3 => Command::Restart { selector: self.random_selector(), wait: self.dice.chance(50) },
            4..=6 => Command::Stop { selector: self.random_selector() },
            7..=9 => Command::Start { selector: self.random_selector() },
            10 => Command::Signal { selector: self.random_selector(), signal: Signal::USR1 },
            11 => Command::Down,
            12 => return Input::Interrupted(Signal::HUP),
            13 => return Input::Interrupted(Signal::INT),
            14 => return Input::Interrupted(Signal::TSTP),
            15 if self.peers_asked => return Input::PeersAnswered(Vec::new()),
            _ => return self.late_news(),
        };
        self.requests += 1;
        Input::Commanded(RequestId(self.requests), command, Actor::ITSELF)
    }

    fn random_selector(&mut self) -> Selector {
        match self.dice.below(self.plan.processes.len() + 2) {
            0 => Selector::new("*"),
            1 => Selector::new("nobody"),
            n => Selector::exactly(&self.plan.processes[n - 2].name),
        }
    }

    /// News of a run that is over, or never was. It must change nothing, so it is checked here.
    fn late_news(&mut self) -> Input {
        let nobody = RunId { process: ProcessName::new("nobody").expect("a name"), number: 1 };
        let old: Vec<RunId> = self
            .spawned
            .iter()
            .filter(|run| self.spawned.iter().any(|newer| newer.process == run.process && newer.number > run.number))
            .cloned()
            .chain([nobody])
            .collect();
        let run = old[self.dice.below(old.len())].clone();
        let input = match self.dice.below(4) {
            0 => Input::Gone(run, Leftovers::None),
            1 => Input::Exited(run, ExitStatus::Code(0)),
            2 => Input::ProbePassed(run),
            _ => Input::ShimLost(run),
        };
        if self.oracle.finished.is_none() && self.supervisor.next_deadline().is_none_or(|next| next > self.now) {
            assert_eq!(self.supervisor.step(self.now, input), [], "late news changes nothing");
        }
        Input::Tick
    }
}

fn random_plan(dice: &mut Dice) -> Plan {
    let mut specs: Vec<ProcessSpec> = Vec::new();
    for number in 0..=dice.below(8) {
        let mut spec = fixture::process(&format!("p{number}"));
        if dice.chance(30) {
            spec.oneshot = Some(Oneshot {
                stale: !dice.chance(25),
                creates: Vec::new(),
                inputs: Vec::new(),
                variables: Vec::new(),
                digest: None,
            });
        }
        for earlier in &specs {
            if dice.chance(35) {
                let condition = match dice.below(6) {
                    0..=2 => Condition::Ready,
                    3 => Condition::Started,
                    4 => Condition::Bound,
                    _ => Condition::Succeeded,
                };
                spec.depends_on.push(Dependency { process: earlier.name.clone(), condition });
            }
        }
        if dice.chance(30) {
            spec.ready.probes.clear();
        }
        spec.ready.timeout = dice.chance(60).then(|| Duration::from_millis(500) + dice.millis(9_000));
        spec.ready.liveness = dice.chance(30).then(|| u32::try_from(dice.below(3)).expect("small"));
        let rung = |dice: &mut Dice, signal| Rung {
            signal,
            target: if dice.chance(30) { Target::Main } else { Target::Group },
            timeout: Duration::from_millis(300) + dice.millis(9_000),
        };
        if dice.chance(30) {
            let timeout = Duration::from_millis(300) + dice.millis(9_000);
            spec.stop.command = Some(StopCommand { command: vec!["halt".into()], timeout });
        }
        spec.stop.rungs = vec![rung(dice, Signal::TERM)];
        if dice.chance(20) {
            spec.stop.rungs.push(rung(dice, Signal::QUIT));
        }
        if dice.chance(20) {
            spec.stop.rungs.push(rung(dice, Signal::KILL));
        }
        spec.restart.when = match dice.below(3) {
            0 => RestartWhen::OnFailure,
            1 => RestartWhen::Always,
            _ => RestartWhen::Never,
        };
        spec.restart.max = Duration::from_secs(5);
        spec.restart.reset_after = Duration::from_secs(1) + dice.millis(9_000);
        spec.restart.give_up_after = u32::try_from(dice.below(6)).expect("small");
        spec.exit_on_end = dice.chance(5);
        specs.push(spec);
    }
    let mut plan = fixture::plan(specs);
    if dice.chance(30) {
        let silo = SiloName::new("control").expect("a name");
        plan.peers.push(Peer { silo, host: "127.0.0.1".into(), port: 8_001, start: String::new() });
    }
    plan
}

/// Lets this many worlds happen.
fn worlds(cases: u32) {
    let config = Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        source_file: Some(file!()),
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let choices = proptest::collection::vec(proptest::num::u16::ANY, 0..300);
    let ran = TestRunner::new(config).run(&choices, |choices| {
        World::new(choices).run();
        Ok::<(), TestCaseError>(())
    });
    match ran {
        Ok(()) => {}
        Err(TestError::Abort(why)) => panic!("{why}"),
        // Once more, told step by step: it fails in the same place.
        Err(TestError::Fail(why, choices)) => {
            let world = World { told: true, ..World::new(choices) };
            for spec in &world.plan.processes {
                let edges: Vec<_> =
                    spec.depends_on.iter().map(|edge| (edge.process.as_str(), edge.condition)).collect();
                println!("{} {edges:?} {:?} {:?}", spec.name, spec.restart, spec.stop);
            }
            world.run();
            panic!("{why}");
        }
    }
}

/// What an environment variable holds, as a number.
fn asked(name: &str) -> Option<u32> {
    std::env::var(name).ok()?.parse().ok()
}

/// `DEVSERVER_WORLDS` asks for more of them; `DEVSERVER_SOAK` for as many as so many seconds have room for (`make
/// soak`).
#[test]
fn whatever_children_do_the_invariants_hold() {
    const SOME: u32 = 10_000;
    let seconds = asked("DEVSERVER_SOAK").map(|seconds| Duration::from_secs(u64::from(seconds)));
    let (began, mut happened) = (Instant::now(), 0_u64);
    loop {
        let cases = asked("DEVSERVER_WORLDS").unwrap_or(SOME);
        worlds(cases);
        happened += u64::from(cases);
        if seconds.is_none_or(|seconds| began.elapsed() >= seconds) {
            break;
        }
    }
    let took = began.elapsed().as_secs();
    println!("{happened} random worlds in {took} s: every invariant held");
}
