//! The bus itself: numbers, history and queues under one lock, and pressure on those who fill them.

use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::history::Ring;
use super::queue::{Kind, Queue};
use super::subscription::{Subscription, Wake};
use super::{Block, Body, Record};
use crate::model::{Event, ProcessName, RunId, Seq};

/// How much is kept, and when those who publish have to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Lines of history for each process.
    pub history_lines: u64,
    /// Bytes of history for each process.
    pub history_bytes: usize,
    /// Events of history.
    pub history_events: u64,
    /// Above so many bytes in a lossless queue, pumps wait; below half of it they go on. A lossy queue
    /// keeps to it.
    pub high: usize,
    /// So many bytes a stopping run may publish beyond the high mark.
    pub waiver: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            history_lines: 10_000,
            history_bytes: 512 * 1024,
            history_events: 5_000,
            // Small: what waits here is what stands between a quiet child's line and the screen.
            high: 1024 * 1024,
            waiver: 1024 * 1024,
        }
    }
}

/// From where on a subscriber gets records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// From the oldest that is kept.
    Start,
    /// Only what comes from now on.
    Now,
    /// So many numbers of what is kept, then the rest.
    Tail(usize),
}

/// Which records a subscriber gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// All.
    Everything,
    /// What was said.
    Lines,
    /// What happened. No flood of lines then makes it miss any of that.
    Events,
}

impl Wants {
    fn takes(self, body: &Body) -> bool {
        match (self, body) {
            (Self::Everything, _) | (Self::Lines, Body::Block(_)) | (Self::Events, Body::Event(_)) => true,
            (Self::Lines | Self::Events, Body::Lagged { .. } | Body::Event(_) | Body::Block(_)) => false,
        }
    }
}

/// Everything that was said and happened goes through here. Cheap to clone; all clones are one bus.
#[derive(Clone)]
pub struct Bus(Arc<Shared>);

pub(super) struct Shared {
    state: Mutex<State>,
    /// Some queue has room again, or a waiver was given: whoever waits should look.
    pub(super) relief: Notify,
    limits: Limits,
}

pub(super) struct State {
    next: Seq,
    subscribed: u64,
    pub(super) closed: bool,
    histories: HashMap<ProcessName, Ring>,
    events: Ring,
    pub(super) subscribers: Vec<Subscriber>,
    /// What stopping runs may still publish beyond the high mark.
    waivers: HashMap<ProcessName, (u32, usize)>,
}

pub(super) struct Subscriber {
    pub(super) id: u64,
    wants: Wants,
    queue: Queue,
    wake: Arc<Wake>,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock; and if it did, lines would still be lines.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The queue of this subscriber.
    pub(super) fn queue(&mut self, id: u64) -> &mut Queue {
        let found = self.subscribers.iter_mut().find(|subscriber| subscriber.id == id);
        &mut found.expect("a subscriber stays until its subscription is dropped").queue
    }

    /// Whether a lossless queue holds more than this.
    fn above(&self, mark: usize) -> bool {
        let lossless = self.subscribers.iter().filter(|subscriber| subscriber.queue.kind == Kind::Lossless);
        lossless.into_iter().any(|subscriber| subscriber.queue.weight() > mark)
    }

    fn waived(&self, run: &RunId) -> bool {
        self.waivers.get(&run.process).is_some_and(|(number, left)| *number == run.number && *left > 0)
    }

    /// Gives a record its numbers and hands it to every subscriber.
    fn hand_out(&mut self, at: Timestamp, body: Body, room: usize) -> Record {
        let record = Record { seq: self.next, at, body };
        self.next += record.numbers();
        for subscriber in self.subscribers.iter_mut().filter(|subscriber| subscriber.wants.takes(&record.body)) {
            let sleeps = subscriber.queue.is_empty();
            subscriber.queue.push(record.clone(), room);
            if sleeps {
                subscriber.wake.wake();
            }
        }
        record
    }

    /// What is kept from there on, in order.
    fn kept(&self, from: From, wants: Wants) -> Vec<Record> {
        let mut records: Vec<Record> = match from {
            From::Now => return Vec::new(),
            From::Start | From::Tail(_) => self
                .histories
                .values()
                .chain([&self.events])
                .flat_map(Ring::iter)
                .filter(|record| wants.takes(&record.body))
                .cloned()
                .collect(),
        };
        records.sort_unstable_by_key(|record| record.seq);
        let From::Tail(most) = from else { return records };
        let mut excess = records.iter().map(Record::numbers).sum::<u64>().saturating_sub(most as u64);
        let mut tail = Vec::new();
        for record in records {
            let skipped = excess.min(record.numbers());
            excess -= skipped;
            if skipped < record.numbers() {
                tail.push(record.skip(skipped));
            }
        }
        tail
    }
}

impl Bus {
    /// An empty bus.
    pub fn new(limits: Limits) -> Self {
        let state = State {
            next: 1,
            subscribed: 0,
            closed: false,
            histories: HashMap::new(),
            events: Ring::default(),
            subscribers: Vec::new(),
            waivers: HashMap::new(),
        };
        Self(Arc::new(Shared { state: Mutex::new(state), relief: Notify::new(), limits }))
    }

    /// Hands lines to everyone. Never waits; a pump waits for the `Pressure` to be relieved before it
    /// reads on.
    pub fn publish(&self, block: Block) -> Pressure {
        let Limits { history_lines, history_bytes, high, .. } = self.0.limits;
        let run = block.stream.run.clone();
        let mut evicted = Vec::new();
        let mut state = self.0.lock();
        if state.closed {
            return Pressure(None);
        }
        let record = state.hand_out(block.at, Body::Block(Arc::new(block)), high);
        let weight = record.weight();
        match state.histories.get_mut(&run.process) {
            Some(ring) => ring.push(record, history_lines, history_bytes, &mut evicted),
            None => {
                let ring = state.histories.entry(run.process.clone()).or_default();
                ring.push(record, history_lines, history_bytes, &mut evicted);
            }
        }
        let mut pressed = state.above(high);
        if pressed
            && state.waived(&run)
            && let Some((_, left)) = state.waivers.get_mut(&run.process)
        {
            *left = left.saturating_sub(weight);
            pressed = *left == 0;
        }
        drop(state);
        // Freed outside the lock.
        drop(evicted);
        Pressure(pressed.then(|| (Arc::clone(&self.0), run)))
    }

    /// Tells everyone what happened. Never waits, whatever the queues hold.
    pub fn emit(&self, at: Timestamp, event: Event) {
        let mut evicted = Vec::new();
        let mut state = self.0.lock();
        if !state.closed {
            let record = state.hand_out(at, Body::Event(Arc::new(event)), self.0.limits.high);
            state.events.push(record, self.0.limits.history_events, usize::MAX, &mut evicted);
        }
    }

    /// Hands over what is kept and all that comes, with nothing lost or doubled between the two.
    pub fn subscribe(&self, from: From, kind: Kind) -> Subscription {
        self.subscribe_to(Wants::Everything, from, kind)
    }

    /// The same, and only what is wanted.
    pub fn subscribe_to(&self, wants: Wants, from: From, kind: Kind) -> Subscription {
        let mut state = self.0.lock();
        let mut queue = Queue::new(kind);
        for record in state.kept(from, wants) {
            queue.push(record, self.0.limits.high);
        }
        state.subscribed += 1;
        let (id, wake) = (state.subscribed, Arc::new(Wake::default()));
        state.subscribers.push(Subscriber { id, wants, queue, wake: Arc::clone(&wake) });
        Subscription { shared: Arc::clone(&self.0), wake, id }
    }

    /// The latest blocks of a run that are kept, oldest first: as many as have so many lines together, if there are.
    pub fn latest(&self, run: &RunId, lines: usize) -> Vec<Arc<Block>> {
        let state = self.0.lock();
        let (mut latest, mut counted) = (Vec::new(), 0);
        for record in state.histories.get(&run.process).into_iter().flat_map(Ring::iter).rev() {
            let Body::Block(block) = &record.body else { continue };
            // Runs of a process come one after the other.
            if counted >= lines || block.stream.run != *run {
                break;
            }
            counted += block.lines().filter(|line| !line.continues).count();
            latest.push(Arc::clone(block));
        }
        latest.reverse();
        latest
    }

    /// Lets a stopping run publish beyond the high mark, up to a fixed number of bytes, so that its
    /// last words don't hang on a stopped reader. Does nothing the second time for the same run.
    pub fn waive(&self, run: &RunId) {
        let mut state = self.0.lock();
        let known = state.waivers.get(&run.process).is_some_and(|(number, _)| *number == run.number);
        if !known {
            state.waivers.insert(run.process.clone(), (run.number, self.0.limits.waiver));
        }
        drop(state);
        self.0.relief.notify_waiters();
    }

    /// Takes in nothing more; subscriptions end after what they still hold.
    pub fn close(&self) {
        let mut state = self.0.lock();
        state.closed = true;
        for subscriber in &state.subscribers {
            subscriber.wake.wake();
        }
        drop(state);
        self.0.relief.notify_waiters();
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}

/// Whether a lossless subscriber can't keep up with what was just published.
#[must_use = "whoever publishes lines waits until the pressure is relieved"]
pub struct Pressure(Option<(Arc<Shared>, RunId)>);

impl Pressure {
    /// Whether there is any.
    pub const fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// Waits until every lossless queue is half empty again, the run is waived, or the bus is closed.
    pub async fn relieved(self) {
        let Some((shared, run)) = self.0 else { return };
        loop {
            // Registered before the look, so that no relief is missed between the two.
            let mut notified = pin!(shared.relief.notified());
            notified.as_mut().enable();
            {
                let state = shared.lock();
                if state.closed || state.waived(&run) || !state.above(shared.limits.high / 2) {
                    return;
                }
            }
            notified.await;
        }
    }
}

impl fmt::Debug for Pressure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pressure").field(&self.is_some()).finish()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
