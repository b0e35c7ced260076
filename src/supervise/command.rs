//! What somebody asks for: it changes what is wanted, and is answered when it is done or can't be.
//!
//! It moves nothing by itself but what was at rest: `reconcile` does, right after it.

use crate::model::{Actor, Command, Event, Phase, ProcessName, Reply, RequestId, Selector};

use super::effect::Turn;
use super::process::Process;
use super::shutdown::Reason;
use super::waiting::{Awaited, ENDING, Waiting};
use super::{Effect, Supervisor};

impl Supervisor {
    pub(super) fn command(&mut self, request: RequestId, command: Command, by: Actor, turn: &mut Turn) {
        let selector = match &command {
            Command::Start { selector }
            | Command::Stop { selector }
            | Command::Restart { selector, .. }
            | Command::Signal { selector, .. } => Some(selector),
            Command::Down => None,
        };
        let selected = selector.map_or_else(Vec::new, |selector| self.select(selector));
        let names = self.processes.iter().map(Process::name);
        if let Some(name) = selector.and_then(|selector| selector.stranger(names.clone())) {
            let reply = Reply::Unknown { name: name.to_owned(), known: names.cloned().collect() };
            turn.ask(Effect::Reply(request, reply));
            return;
        }
        let done = Reply::Done { processes: self.names(&selected) };
        let ends = self.shutdown.is_under_way();
        if !(ends && matches!(command, Command::Start { .. } | Command::Restart { .. })) {
            let processes = match command {
                Command::Down => self.live(),
                _ => self.names(&selected),
            };
            turn.emit(Event::Commanded { command: command.clone(), processes, by });
        }
        match command {
            Command::Start { .. } | Command::Restart { .. } if ends => {
                let process = self.processes[selected[0]].name().clone();
                turn.ask(Effect::Reply(request, Reply::Failed { process, why: ENDING.into() }));
            }
            Command::Start { .. } => {
                for &at in &selected {
                    self.want(at, turn);
                }
                turn.ask(Effect::Reply(request, done));
            }
            Command::Stop { .. } => {
                for &at in &selected {
                    self.processes[at].wanted = false;
                    self.processes[at].bounce = false;
                }
                let runs = self.runs(selected.iter().copied().filter(|at| self.processes[*at].has_run()));
                self.waiting.push(Waiting::new(request, self.names(&selected), Awaited::Over(runs)));
            }
            Command::Restart { wait, .. } => {
                let runs = self.runs(selected.iter().copied());
                for &at in &selected {
                    self.want(at, turn);
                    let process = &mut self.processes[at];
                    process.bounce = process.has_run();
                    if !process.has_run() {
                        process.enter(Phase::Idle, turn);
                    }
                }
                if wait {
                    self.waiting.push(Waiting::new(request, self.names(&selected), Awaited::ReadyAfter(runs)));
                } else {
                    turn.ask(Effect::Reply(request, done));
                }
            }
            Command::Signal { signal, .. } => {
                let live = selected.iter().map(|at| &self.processes[*at]);
                let live: Vec<&Process> =
                    live.filter(|process| process.run.as_ref().is_some_and(|run| run.live_pid().is_some())).collect();
                for run in live.iter().filter_map(|process| process.run.as_ref()) {
                    turn.ask(Effect::Signal(run.id.clone(), signal));
                }
                let processes = live.iter().map(|process| process.name().clone()).collect();
                turn.ask(Effect::Reply(request, Reply::Done { processes }));
            }
            Command::Down => {
                self.waiting.push(Waiting::new(request, self.live(), Awaited::End));
                self.stop_everything(Reason::Asked, turn);
            }
        }
    }

    /// Wants a process up, and with it what it stands on; forgets what failed.
    fn want(&mut self, at: usize, turn: &mut Turn) {
        let those: Vec<usize> = self.graph.below(at).chain([at]).collect();
        for each in those {
            let process = &mut self.processes[each];
            let down = !process.has_run() && matches!(process.phase, Phase::Failed { .. } | Phase::Backoff { .. });
            // What it stands on and is about to come back is left to its own backoff.
            if each == at || !process.wanted || matches!(process.phase, Phase::Failed { .. }) {
                process.wanted = true;
                process.pardon();
                if down {
                    process.enter(Phase::Idle, turn);
                }
            }
        }
        // A service that ended with 0 is started again when somebody asks for it; a oneshot's work is done.
        let process = &mut self.processes[at];
        if matches!(process.phase, Phase::Done { .. }) && process.spec.oneshot.is_none() {
            process.enter(Phase::Idle, turn);
        }
    }

    fn select(&self, selector: &Selector) -> Vec<usize> {
        (0..self.processes.len()).filter(|at| selector.matches(self.processes[*at].name())).collect()
    }

    fn live(&self) -> Vec<ProcessName> {
        let live = self.processes.iter().filter(|process| process.phase.is_live());
        live.map(|process| process.name().clone()).collect()
    }
}
