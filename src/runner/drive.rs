//! The loop: select over what can happen, make one `Input` of it, step, perform each effect.
//!
//! No blocking call in it, nothing long in it, and an effect never sends to a channel that it selects on,
//! except as a report of something that later happened. It never decides.

use std::ffi::OsString;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::child::Premises;
use super::clock::Clock;
use super::oneshot::Setup;
use super::perform::Performer;
use super::spawn::Spawner;
use crate::bus::Bus;
use crate::logs::{Mask, mask_status};
use crate::model::{Actor, Command, Reply, RequestId, RunId, Signal, Status, Verdict};
use crate::plan::Plan;
use crate::supervise::{Input, Supervisor};
use crate::sys::fault;

/// So many reports may wait for the loop. Whoever has more waits; the loop never does.
const REPORTS: usize = 1024;

/// What a session is given.
#[derive(Debug)]
pub struct Session {
    /// What shall run.
    pub plan: Arc<Plan>,
    /// Where lines and events go.
    pub bus: Bus,
    /// What nobody may see of them.
    pub mask: Arc<Mask>,
    /// Through what runs are started.
    pub spawner: Spawner,
    /// The environment that children inherit.
    pub inherited: Vec<(OsString, OsString)>,
    /// What is asked for.
    pub commands: mpsc::Receiver<Asked>,
    /// INT, TERM, HUP and TSTP, as they reach us: `interrupts()`.
    pub interrupts: mpsc::Receiver<Signal>,
}

/// What is asked of a session, and where the answer goes.
#[derive(Debug)]
pub enum Asked {
    /// To do something.
    Command {
        /// What.
        command: Command,
        /// Who asks.
        by: Actor,
        /// What came of it.
        answer: oneshot::Sender<Reply>,
    },
    /// How everything stands.
    Status {
        /// A picture of now.
        answer: oneshot::Sender<Status>,
    },
}

/// Runs a session to its end.
pub async fn drive(session: Session) -> Verdict {
    let Session { plan, bus, mask, spawner, inherited, mut commands, mut interrupts } = session;
    let clock = Clock::new();
    let (news, mut reports) = mpsc::channel(REPORTS);
    let mut beating = JoinSet::new();
    beating.spawn(clock.clone().run(news.clone()));
    if let Some(ledger) = spawner.ledger() {
        beating.spawn(ledger.clone().keep(clock.clone()));
    }
    let setup = Setup::new(&plan.root);
    let mut performer = Performer::new(Premises {
        spawner,
        inherited,
        bus,
        mask: Arc::clone(&mask),
        setup,
        clock: clock.clone(),
        news,
    });
    let mut supervisor = Supervisor::new(plan);
    let mut requests = 0;
    let mut input = Input::Tick;
    loop {
        fault::point("loop");
        let ended = end_of(&input);
        for effect in supervisor.step(clock.now(), input) {
            if let Some(verdict) = performer.perform(effect) {
                performer.end(&verdict).await;
                return verdict;
            }
        }
        if let Some(run) = ended {
            performer.let_go(&run);
        }
        input = loop {
            break tokio::select! {
                    // A person who presses Ctrl-C comes first, whatever the children do.
                    biased;
                    Some(signal) = interrupts.recv() => Input::Interrupted(signal),
                    Some(asked) = commands.recv() => match asked {
                        Asked::Command { command, by, answer } => {
                            requests += 1;
                            performer.expect_reply(RequestId(requests), answer);
                            Input::Commanded(RequestId(requests), command, by)
                        }
                        Asked::Status { answer } => {
                            // Whoever asked may have left.
                            let _ = answer.send(Status { at: clock.now(), ..mask_status(&mask, supervisor.status()) });
                            continue;
                        }
                    },
                    Some(report) = reports.recv() => report,
                    () = clock.until(supervisor.next_deadline()) => Input::Tick,
            };
        };
    }
}

/// The run whose end this is.
fn end_of(input: &Input) -> Option<RunId> {
    match input {
        Input::SpawnFailed(run, _) | Input::UpToDate(run) | Input::Gone(run, _) | Input::ShimLost(run) => {
            Some(run.clone())
        }
        Input::Commanded(..)
        | Input::Spawned(..)
        | Input::ProbePassed(_)
        | Input::ProbeFailed(..)
        | Input::Paused(..)
        | Input::Noted(_)
        | Input::Remaining(..)
        | Input::OutOfMemory(_)
        | Input::Exited(..)
        | Input::Unkillable(..)
        | Input::Interrupted(_)
        | Input::Inherited(..)
        | Input::Resumed(_)
        | Input::StopCommandEnded(..)
        | Input::PeersAnswered(_)
        | Input::Tick => None,
    }
}
