//! Doing nothing, which is a part of misbehaving.

use std::thread;
use std::time::Duration;

/// Does nothing for so long.
pub(super) fn pause(length: Duration) {
    thread::sleep(length);
}

/// Does nothing until this is so.
pub(super) fn wait_until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        pause(Duration::from_millis(2));
    }
}
