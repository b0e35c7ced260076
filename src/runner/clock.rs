//! The one place that reads the clock for those who decide: `Moment` is made here.
//!
//! Time runs while the machine is awake (CLOCK_MONOTONIC): a laptop that sleeps for eight hours has no
//! eight hours' worth of timeouts when it wakes up, and a changed wall clock changes nothing.

use tokio::time::{Instant, sleep_until};

use crate::model::Moment;

/// A clock that began when it was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    /// Begins now.
    pub(super) fn new() -> Self {
        Self { start: instant() }
    }

    /// How late it is.
    pub(super) fn now(&self) -> Moment {
        Moment::after_start(instant().duration_since(self.start))
    }

    /// Waits until then; for ever where there is no such moment.
    pub(super) async fn until(&self, moment: Option<Moment>) {
        match moment {
            Some(moment) => sleep_until(self.start + moment.since(Moment::START)).await,
            None => std::future::pending().await,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where every `Moment` comes from")]
fn instant() -> Instant {
    Instant::now()
}
