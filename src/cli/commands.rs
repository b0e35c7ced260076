//! The names of the commands, for suggestions.

/// Every command.
pub const COMMANDS: &[&str] = &[
    "plan", "env", "run", "open", "ps", "status", "logs", "start", "stop", "restart", "signal", "wait", "why",
    "events", "timeline", "down", "db", "config", "init", "import",
];

/// Those that talk to what runs, and need no configuration for it.
pub const CONTROL_COMMANDS: &[&str] =
    &["ps", "status", "start", "stop", "restart", "signal", "wait", "why", "events", "timeline", "down"];

/// What `devserver db` does.
pub const DB_COMMANDS: &[&str] = &["create", "drop", "split", "check", "clean"];

/// What `devserver config` does.
pub const CONFIG_COMMANDS: &[&str] = &["check", "show", "schema"];
