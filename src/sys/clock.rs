//! How long the machine itself was asleep.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// How long the machine has been suspended since it was started: what CLOCK_BOOTTIME counts and CLOCK_MONOTONIC doesn't.
pub fn suspended() -> Duration {
    let read = |clock| clock_gettime(clock).map_or(Duration::ZERO, Duration::from);
    // In this order, so that it is never less than nothing; a later look may be some microseconds more.
    let awake = read(ClockId::CLOCK_MONOTONIC);
    read(ClockId::CLOCK_BOOTTIME).saturating_sub(awake)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_slept_does_not_grow_while_we_are_awake() {
        let before = suspended();
        assert!(suspended().saturating_sub(before) < Duration::from_secs(5));
    }
}
