//! Effects to deeds. It never waits and never decides: what takes time happens in a task, which reports.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::child::{Child, Order, Premises};
use super::last_lines::last_lines;
use super::peers;
use crate::logs::mask_event;
use crate::model::{Event, ProcessName, Reply, RequestId, RunId, Verdict};
use crate::plan::ProcessSpec;
use crate::supervise::{Effect, Input};
use crate::sys::{session, signal};

/// So many orders may wait for a run: rungs and a user's signals. It takes them at once.
const ORDERS: usize = 64;

/// So many of the last lines are told of a process that is left alone.
const LAST_LINES: usize = 10;

/// How long the tasks may take that are left when all is over: last lines on their way to the bus.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Performs effects.
pub(super) struct Performer {
    premises: Arc<Premises>,
    runs: HashMap<ProcessName, Handle>,
    answers: HashMap<RequestId, oneshot::Sender<Reply>>,
    tasks: JoinSet<()>,
}

/// The way to a run.
struct Handle {
    run: RunId,
    orders: mpsc::Sender<Order>,
}

impl Performer {
    pub(super) fn new(premises: Premises) -> Self {
        Self { premises: Arc::new(premises), runs: HashMap::new(), answers: HashMap::new(), tasks: JoinSet::new() }
    }

    /// Keeps the way back for a request's answer.
    pub(super) fn expect_reply(&mut self, request: RequestId, answer: oneshot::Sender<Reply>) {
        self.answers.insert(request, answer);
    }

    /// Performs one effect. The verdict, when that is what it is.
    pub(super) fn perform(&mut self, effect: Effect) -> Option<Verdict> {
        match effect {
            Effect::Spawn(run, spec) => self.spawn(run, spec),
            Effect::Stop(run, rung) => {
                self.premises.bus.waive(&run);
                self.order(&run, Order::Stop(rung));
            }
            Effect::StopBy(run, command) => {
                self.premises.bus.waive(&run);
                self.order(&run, Order::StopBy(command));
            }
            Effect::Signal(run, signal) => self.order(&run, Order::Signal(signal)),
            Effect::StartProbe(run, _) => self.order(&run, Order::Probe),
            Effect::StopProbe(run) => self.order(&run, Order::Unprobe),
            Effect::Remember(spec) => {
                if let Some(handle) = self.runs.get(&spec.name) {
                    // Its only order then: it is over.
                    let _ = handle.orders.try_send(Order::Remember);
                }
            }
            Effect::AskPeers(peers) => {
                let news = self.premises.news.clone();
                self.tasks.spawn(async move {
                    let _ = news.send(Input::PeersAnswered(peers::ask(peers).await)).await;
                });
            }
            Effect::Suspend => self.suspend(),
            Effect::Emit(event) => {
                let event = self.with_last_lines(event);
                self.premises.bus.emit(stamp(), mask_event(&self.premises.mask, event));
            }
            Effect::Reply(request, reply) => {
                if let Some(answer) = self.answers.remove(&request) {
                    // Whoever asked has left: no error.
                    let _ = answer.send(reply);
                }
            }
            Effect::Finish(verdict) => return Some(verdict),
        }
        None
    }

    /// Stops everything and us. Whoever continues us continues here.
    fn suspend(&mut self) {
        let news = self.premises.news.clone();
        if session::is_orphaned() {
            let text = "Ctrl-Z does nothing here: there is no shell that could let us go on".to_owned();
            self.tasks.spawn(async move {
                let _ = news.send(Input::Noted(text)).await;
            });
            return;
        }
        let clock = &self.premises.clock;
        clock.pause();
        self.premises.spawner.suspend(|| {
            // It can't fail; and if it did, we would go on at once.
            let _ = signal::stop_self();
        });
        let after = clock.resume();
        self.tasks.spawn(async move {
            let _ = news.send(Input::Resumed(after)).await;
        });
    }

    /// The machine sees no lines; the history has them.
    fn with_last_lines(&self, event: Event) -> Event {
        match event {
            Event::GaveUp { process, run, why, .. } => {
                let lines = last_lines(&self.premises.bus, &run, LAST_LINES);
                Event::GaveUp { process, run, why, lines }
            }
            other => other,
        }
    }

    fn spawn(&mut self, run: RunId, spec: Arc<ProcessSpec>) {
        let (sender, orders) = mpsc::channel(ORDERS);
        self.runs.insert(run.process.clone(), Handle { run: run.clone(), orders: sender });
        let child = Child { run, spec, premises: Arc::clone(&self.premises), orders };
        self.tasks.spawn(child.live());
    }

    fn order(&self, run: &RunId, order: Order) {
        if let Some(handle) = self.runs.get(&run.process).filter(|handle| handle.run == *run) {
            // Full or closed: it is over, or a signal more makes no difference.
            let _ = handle.orders.try_send(order);
        }
    }

    /// Lets go of a run whose end was taken in, after what followed from it was performed.
    pub(super) fn let_go(&mut self, run: &RunId) {
        if self.runs.get(&run.process).is_some_and(|handle| handle.run == *run) {
            self.runs.remove(&run.process);
        }
        // Tasks that are through are forgotten here.
        while self.tasks.try_join_next().is_some() {}
    }

    /// Ends: at once when we are to leave, so that the shims see it; else after the last lines.
    pub(super) async fn end(mut self, verdict: &Verdict) {
        self.runs.clear();
        match verdict {
            Verdict::Abandoned => {}
            Verdict::Fine | Verdict::Killed | Verdict::GaveUp(_) | Verdict::Ended { .. } | Verdict::Unstoppable(_) => {
                let _ = timeout(LAST_WORDS, async { while self.tasks.join_next().await.is_some() {} }).await;
                // Of a probe's command that was broken off.
                self.premises.spawner.children().see_off().await;
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where events are stamped")]
fn stamp() -> Timestamp {
    Timestamp::now()
}
