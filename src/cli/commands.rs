//! The names of the commands, for suggestions.

/// Every command.
pub const COMMANDS: &[&str] = &["plan", "env", "run", "open", "logs", "config", "status", "init", "import"];

/// What `devserver config` does.
pub const CONFIG_COMMANDS: &[&str] = &["check", "show", "schema"];
