//! The one place that reads the clock for those who decide: `Moment` is made here.
//!
//! Time runs while we are awake. It stands still while we are suspended by a Ctrl-Z, and what was lost to a stop from
//! outside, a paused container or a machine that sleeps doesn't count either: a laptop that sleeps for eight hours
//! has no eight hours' worth of timeouts when it wakes up. A changed wall clock changes nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::model::Moment;
use crate::supervise::Input;
use crate::sys;

/// Between two beats.
const BEAT: Duration = Duration::from_millis(500);

/// When no beat came for so long, we aren't awake: on a busy machine a task waits for its turn, but not as long.
const STILL: Duration = Duration::from_millis(2_000);

/// Sleep that is shorter isn't worth a word.
const TOLD: Duration = Duration::from_secs(10);

/// A clock that began when it was made. All clones are one clock; it runs as long as it beats.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    awake: Arc<Mutex<Awake>>,
}

/// What of the time since `start` we were awake.
#[derive(Debug)]
struct Awake {
    start: Instant,
    beat: Instant,
    lost: Duration,
    paused: Option<Instant>,
}

impl Awake {
    fn since(start: Instant) -> Self {
        Self { start, beat: start, lost: Duration::ZERO, paused: None }
    }

    /// How long we were awake.
    fn at(&self, now: Instant) -> Duration {
        let now = self.paused.unwrap_or(now).min(self.beat + STILL);
        now.saturating_duration_since(self.start).saturating_sub(self.lost)
    }

    /// We are awake. How long we weren't.
    fn beat(&mut self, now: Instant) -> Duration {
        let lost = match self.paused {
            Some(_) => Duration::ZERO,
            None => now.saturating_duration_since(self.beat + STILL),
        };
        self.lost += lost;
        self.beat = now;
        lost
    }

    fn pause(&mut self, now: Instant) {
        self.paused.get_or_insert(now.min(self.beat + STILL));
    }

    /// How long it stood still.
    fn resume(&mut self, now: Instant) -> Duration {
        let Some(paused) = self.paused.take() else { return self.beat(now) };
        let lost = now.saturating_duration_since(paused);
        self.lost += lost;
        self.beat = now;
        lost
    }
}

impl Clock {
    /// Begins now.
    pub(super) fn new() -> Self {
        Self { awake: Arc::new(Mutex::new(Awake::since(instant()))) }
    }

    fn awake(&self) -> MutexGuard<'_, Awake> {
        self.awake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How late it is.
    pub(super) fn now(&self) -> Moment {
        Moment::after_start(self.awake().at(instant()))
    }

    /// Waits until then; for ever where there is no such moment.
    pub(super) async fn until(&self, moment: Option<Moment>) {
        let Some(moment) = moment else { return std::future::pending().await };
        loop {
            let left = moment.since(self.now());
            if left.is_zero() {
                return;
            }
            sleep_until(instant() + left).await;
        }
    }

    /// Waits until we have been awake for so long.
    pub(super) async fn sleep(&self, time: Duration) {
        self.until(Some(self.now() + time)).await;
    }

    /// What comes of this, or none when we have been awake for so long without it.
    pub(super) async fn timeout<T>(&self, time: Duration, what: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            value = what => Some(value),
            () = self.sleep(time) => None,
        }
    }

    /// Stands still from now on.
    pub(super) fn pause(&self) {
        self.awake().pause(instant());
    }

    /// Goes on. Says how long it stood still.
    pub(super) fn resume(&self) -> Duration {
        self.awake().resume(instant())
    }

    /// Keeps it running, and tells of a longer sleep that nobody has told us of.
    pub(super) async fn run(self, news: mpsc::Sender<Input>) {
        let mut suspended = sys::clock::suspended();
        loop {
            sleep_until(instant() + BEAT).await;
            let lost = self.awake().beat(instant());
            // The machine's own sleep isn't counted by the clock that we read.
            let total = sys::clock::suspended();
            let slept = lost + total.saturating_sub(suspended);
            suspended = total;
            if slept >= TOLD {
                let _ = news.send(Input::Resumed(slept)).await;
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where every `Moment` comes from")]
fn instant() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_suspension_is_no_time() {
        let start = instant();
        let mut awake = Awake::since(start);
        awake.beat(start + millis(500));
        awake.pause(start + millis(700));
        assert_eq!(awake.at(start + millis(60_000)), millis(700));
        assert_eq!(awake.beat(start + millis(60_000)), Duration::ZERO, "it stands still until it is resumed");
        assert_eq!(awake.resume(start + millis(60_700)), millis(60_000));
        assert_eq!(awake.at(start + millis(61_000)), millis(1_000));
    }

    #[test]
    fn a_stop_that_nobody_tells_us_of_is_no_time_either() {
        let start = instant();
        let mut awake = Awake::since(start);
        awake.beat(start + millis(500));
        // Whoever looks before the next beat sees no more than what a busy machine may take.
        assert_eq!(awake.at(start + millis(30_500)), millis(2_500));
        assert_eq!(awake.beat(start + millis(30_500)), millis(28_000));
        assert_eq!(awake.at(start + millis(30_600)), millis(2_600));
    }

    #[tokio::test]
    async fn a_timeout_does_not_run_out_while_it_is_paused() {
        let clock = Clock::new();
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { clock.timeout(millis(20), std::future::pending::<()>()).await }
        });
        clock.pause();
        let before = clock.now();
        sleep_until(instant() + millis(100)).await;
        assert_eq!((clock.now(), waiting.is_finished()), (before, false));
        assert!(clock.resume() >= millis(100));
        assert_eq!(waiting.await.expect("no panic"), None);
    }

    proptest! {
        /// Whatever happens in whatever order, awake time never goes back, and never runs faster than the clock.
        #[test]
        fn time_goes_forward(steps in prop::collection::vec((0u8..4, 0u64..10_000), 0..60)) {
            let start = instant();
            let (mut awake, mut now, mut last) = (Awake::since(start), start, Duration::ZERO);
            for (what, wait) in steps {
                now += millis(wait);
                let passed = awake.at(now);
                prop_assert!(passed >= last && passed <= last + millis(wait));
                match what {
                    0 => { awake.beat(now); }
                    1 => awake.pause(now),
                    2 => { awake.resume(now); }
                    _ => {}
                }
                prop_assert_eq!(awake.at(now), passed);
                last = passed;
            }
        }
    }
}
