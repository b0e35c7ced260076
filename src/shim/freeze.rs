//! A whole tree that stands still, while the supervisor is suspended, and goes on after that.

use std::collections::HashSet;
use std::time::Instant;

use super::tree;
use super::watch::{Shim, now};
use crate::model::Pid;
use crate::sys::proc;

/// So often it is tried to stop what is stopped, a millisecond apart: what is stuck in the kernel stops when it comes
/// out of there.
const FREEZE_ROUNDS: u32 = 2000;

/// The whole tree stands still, or is about to.
pub(super) struct Frozen {
    since: Instant,
    /// What stood still before.
    before: HashSet<(Pid, u64)>,
    rounds: u32,
    /// Whether all of it stands still, as far as it can be made to.
    still: bool,
}

impl Shim {
    /// Has everything stand still from now on.
    pub(super) fn begin_to_freeze(&mut self) {
        if self.frozen.is_none() {
            let (since, before) = (now(), tree::standing());
            self.frozen = Some(Frozen { since, before, rounds: 0, still: false });
        }
        self.freeze();
    }

    /// Whether something may still move that is to stand still.
    pub(super) fn is_freezing(&self) -> bool {
        self.frozen.as_ref().is_some_and(|frozen| !frozen.still)
    }

    /// One round, if anything still moves.
    pub(super) fn freeze(&mut self) {
        if let Some(frozen) = self.frozen.as_mut().filter(|frozen| !frozen.still && self.killing.is_none()) {
            frozen.rounds += 1;
            frozen.still = tree::freeze() || frozen.rounds >= FREEZE_ROUNDS;
        }
    }

    pub(super) fn thaw(&mut self) {
        let Some(mut frozen) = self.frozen.take() else { return };
        if self.shell_waits {
            frozen.before.extend(proc::start_time(self.main).map(|started| (self.main, started)));
        }
        tree::thaw(&frozen.before);
        if let Some(asked) = &mut self.asked {
            // It had no time to act on it meanwhile.
            asked.since += now().saturating_duration_since(frozen.since.max(asked.since));
        }
    }
}
