//! The names of the commands, for suggestions.

/// Every command.
pub const COMMANDS: &[&str] = &["plan", "config", "status", "init"];
