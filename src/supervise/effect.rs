//! What the supervisor wants done: imperative, in order, and never done in this room.

use std::sync::Arc;

use crate::model::{Event, Moment, Reply, RequestId, RunId, Signal, Verdict};
use crate::plan::{Peer, ProcessSpec, Rung, StopCommand};

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Start a run.
    Spawn(RunId, Arc<ProcessSpec>),
    /// Put a run on this rung of its stop ladder. Also takes back a `Spawn` that isn't through yet.
    Stop(RunId, Rung),
    /// Begin to stop a run by its command. The next `Stop` breaks that off.
    StopBy(RunId, StopCommand),
    /// Send a signal to the main process of a run, because somebody asked for that.
    Signal(RunId, Signal),
    /// Ask again and again whether a run is ready, and report each answer.
    StartProbe(RunId, Arc<ProcessSpec>),
    /// Stop asking.
    StopProbe(RunId),
    /// Note that a oneshot succeeded with the inputs that it has now.
    Remember(Arc<ProcessSpec>),
    /// Ask whether these silos answer.
    AskPeers(Vec<Peer>),
    /// Stop all runs where they stand, and ourselves, until somebody continues us; then let them go on.
    Suspend,
    /// Tell everyone who watches.
    Emit(Event),
    /// Answer a request.
    Reply(RequestId, Reply),
    /// The session is over. Nothing comes after this.
    Finish(Verdict),
}

/// The step under way: when it is, and what it asks for so far.
#[derive(Debug)]
pub(super) struct Turn {
    /// The moment that was handed to `step`.
    pub(super) now: Moment,
    /// What is asked for so far.
    pub(super) effects: Vec<Effect>,
}

impl Turn {
    pub(super) fn new(now: Moment) -> Self {
        Self { now, effects: Vec::new() }
    }

    pub(super) fn ask(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.effects.push(Effect::Emit(event));
    }
}
