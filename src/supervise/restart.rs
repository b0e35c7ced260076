//! Backoff: whether a process is started again, after how long, and when its count begins anew.

use std::time::Duration;

use crate::model::{ExitStatus, ProcessName};
use crate::plan::{RestartPolicy, RestartWhen};

/// The runs in a row that ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Failures(u32);

/// What the policy says after a run that ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sequel {
    /// Start it again after this time.
    Again(Duration),
    /// It ended so often, early, that it is left alone.
    GiveUp(u32),
}

impl Failures {
    /// Begins anew: a user's command, or a run that was ready for long enough.
    pub(super) fn clear(&mut self) {
        self.0 = 0;
    }

    /// Takes in a run that ended after having been ready for `ready_for` (if it ever was).
    pub(super) fn count(
        &mut self,
        policy: &RestartPolicy,
        process: &ProcessName,
        ready_for: Option<Duration>,
    ) -> Sequel {
        // However long a run took to become ready: only time spent ready shows that the fault is gone.
        if ready_for.is_some_and(|lasted| lasted >= policy.reset_after) {
            self.clear();
            return Sequel::Again(delay(policy, process, 0));
        }
        self.0 += 1;
        if self.0 >= policy.give_up_after.max(1) {
            return Sequel::GiveUp(self.0);
        }
        Sequel::Again(delay(policy, process, self.0 - 1))
    }
}

/// Whether the policy starts a process again after this end.
pub(super) fn brings_back(policy: &RestartPolicy, status: Option<ExitStatus>) -> bool {
    match policy.when {
        RestartWhen::Never => false,
        RestartWhen::OnFailure => !status.is_some_and(ExitStatus::success),
        RestartWhen::Always => true,
    }
}

/// The delay after `doublings` earlier failures, 20 % more or less.
///
/// Processes that fail together (their database went away) would otherwise come back together. The jitter
/// is drawn from the name, so that the machine stays pure.
fn delay(policy: &RestartPolicy, process: &ProcessName, doublings: u32) -> Duration {
    let doubled = policy.min.saturating_mul(1 << doublings.min(20)).min(policy.max);
    let percent = 80 + fnv(process.as_str(), doublings) % 41;
    doubled * percent / 100
}

/// FNV-1a: the standard library's hasher may change with any release.
fn fnv(text: &str, count: u32) -> u32 {
    let bytes = text.bytes().chain(count.to_le_bytes());
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy() -> RestartPolicy {
        RestartPolicy {
            when: RestartWhen::OnFailure,
            min: Duration::from_millis(500),
            max: Duration::from_secs(10),
            reset_after: Duration::from_secs(30),
            give_up_after: 8,
        }
    }

    #[test]
    fn delays_double_up_to_the_longest_give_or_take_a_fifth() {
        let name = ProcessName::new("region.worker").expect("a name");
        let mut failures = Failures::default();
        for expected in [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000] {
            let Sequel::Again(delay) = failures.count(&policy(), &name, None) else { panic!("gave up early") };
            let (least, most) = (expected * 8 / 10, expected * 12 / 10);
            assert!((least..=most).contains(&delay.as_millis()), "{delay:?} instead of about {expected} ms");
        }
        assert_eq!(failures.count(&policy(), &name, None), Sequel::GiveUp(8));
    }

    #[test]
    fn a_run_that_was_ready_long_enough_begins_the_count_anew() {
        let name = ProcessName::new("a").expect("a name");
        let mut failures = Failures::default();
        for _ in 0..7 {
            failures.count(&policy(), &name, Some(Duration::from_secs(29)));
        }
        failures.count(&policy(), &name, Some(Duration::from_secs(30)));
        assert_eq!(failures, Failures::default());
    }

    proptest! {
        /// Whatever the policy, and whatever runs did before: no two of a row of failures are nearer to each other than
        /// the policy says, give or take a fifth, and the row ends where it says.
        #[test]
        fn a_row_of_failures_backs_off_and_ends(
            (min, max) in (1u64..20_000).prop_flat_map(|min| (Just(min), min..60_000)),
            give_up_after in 1u32..12,
            name in "[a-z]{1,9}",
            ready_for in prop::collection::vec(prop::option::weighted(0.3, 0u64..60_000), 1..40),
        ) {
            let (min, max) = (Duration::from_millis(min), Duration::from_millis(max));
            let policy = RestartPolicy { min, max, give_up_after, ..policy() };
            let name = ProcessName::new(&name).expect("a name");
            let (mut failures, mut row) = (Failures::default(), 0);
            for millis in ready_for {
                let ready_for = millis.map(Duration::from_millis);
                let long = ready_for.is_some_and(|lasted| lasted >= policy.reset_after);
                row = if long { 0 } else { row + 1 };
                match failures.count(&policy, &name, ready_for) {
                    Sequel::GiveUp(runs) => {
                        prop_assert_eq!((runs, row), (give_up_after, give_up_after));
                        failures.clear();
                        row = 0;
                    }
                    Sequel::Again(delay) => {
                        prop_assert!(row < give_up_after);
                        let doubled = min.saturating_mul(1 << row.saturating_sub(1)).min(max);
                        prop_assert!(delay >= doubled * 80 / 100 && delay <= doubled * 120 / 100, "{:?}", delay);
                    }
                }
            }
        }
    }
}
