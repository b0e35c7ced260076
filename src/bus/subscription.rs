//! The subscriber's end: takes what has gathered, on a thread of its own or in a task.

use std::fmt;
use std::sync::{Arc, Condvar, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::Record;
use super::fanout::Shared;

/// Wakes one subscriber, whichever way it waits.
#[derive(Debug, Default)]
pub(super) struct Wake {
    pub(super) thread: Condvar,
    pub(super) task: Notify,
}

impl Wake {
    pub(super) fn wake(&self) {
        self.thread.notify_one();
        self.task.notify_one();
    }
}

/// What came of asking for records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Batch {
    /// There were some.
    Records,
    /// There were none in the time given.
    TimedOut,
    /// There are none left and there won't be any: the bus is closed.
    Closed,
}

/// A place in the order of records, from which on one subscriber gets them.
pub struct Subscription {
    pub(super) shared: Arc<Shared>,
    pub(super) wake: Arc<Wake>,
    pub(super) id: u64,
}

impl Subscription {
    /// A batch is at most about this many bytes, so that what is taken and not yet written stays little.
    pub const BATCH: usize = 256 * 1024;

    /// Waits, blocking this thread, until there are records; adds what has gathered to `into`.
    pub fn next_batch(&mut self, into: &mut Vec<Record>, timeout: Option<Duration>) -> Batch {
        let mut state = self.shared.lock();
        let id = self.id;
        let waits = |state: &mut super::fanout::State| !state.closed && state.queue(id).is_empty();
        match timeout {
            None => state = self.wake.thread.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner),
            Some(timeout) => {
                let waited = self.wake.thread.wait_timeout_while(state, timeout, waits);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        let queue = state.queue(id);
        if queue.is_empty() {
            return if state.closed { Batch::Closed } else { Batch::TimedOut };
        }
        queue.take(Self::BATCH, into);
        drop(state);
        self.shared.relief.notify_waiters();
        Batch::Records
    }

    /// Waits until there are records and adds what has gathered to `into`. Loses nothing when dropped.
    pub async fn next(&mut self, into: &mut Vec<Record>) -> Batch {
        loop {
            // A wake-up between the look and the wait isn't lost: `notify_one` leaves a permit.
            match self.next_batch(into, Some(Duration::ZERO)) {
                Batch::TimedOut => self.wake.task.notified().await,
                batch => return batch,
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let at = state.subscribers.iter().position(|subscriber| subscriber.id == self.id);
        let gone = at.map(|at| state.subscribers.swap_remove(at));
        drop(state);
        // Outside the lock: there may be much to free.
        drop(gone);
        self.shared.relief.notify_waiters();
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("id", &self.id).finish_non_exhaustive()
    }
}
