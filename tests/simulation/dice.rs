//! Choices for a world, drawn from a list that proptest can shrink: 0 is always the tame choice, and an
//! exhausted list gives nothing but 0.

use std::time::Duration;

/// A stream of choices.
#[derive(Debug, Clone)]
pub(super) struct Dice {
    choices: Vec<u16>,
    next: usize,
}

impl Dice {
    pub(super) fn new(choices: Vec<u16>) -> Self {
        Self { choices, next: 0 }
    }

    fn roll(&mut self) -> u16 {
        let choice = self.choices.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        choice
    }

    /// One of `0..n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::from(self.roll()) % n
    }

    /// True this often in a hundred; never once the list is exhausted.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }

    /// Up to this long.
    pub(super) fn millis(&mut self, most: usize) -> Duration {
        Duration::from_millis(self.below(most + 1) as u64)
    }
}
