//! What is said while it goes on; by whom and where is decided elsewhere.

/// Whoever says it.
pub trait Voice: Send + Sync {
    /// A line for everybody.
    fn say(&self, line: &str);
    /// A line for those who asked for more.
    fn detail(&self, line: &str);
    /// What lies ahead: how many bytes in how many tables.
    fn ahead(&self, doing: &str, bytes: u64, tables: u64);
    /// What was done of it.
    fn done(&self, bytes: u64, tables: u64);
    /// All of it was done.
    fn over(&self);
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Voice for Silent {
    fn say(&self, _: &str) {}
    fn detail(&self, _: &str) {}
    fn ahead(&self, _: &str, _: u64, _: u64) {}
    fn done(&self, _: u64, _: u64) {}
    fn over(&self) {}
}
