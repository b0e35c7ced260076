//! The state machine: what should be happening now. Pure: it returns effects and performs none.
