//! What lines look like that mean something: patterns, as data.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Each step.
    Trace,
    /// For whoever looks for a fault.
    Debug,
    /// By the way.
    Info,
    /// Somebody may want to look.
    Warn,
    /// Something went wrong.
    Error,
    /// It can't go on.
    Fatal,
}

impl Level {
    /// All of them, the least first.
    pub const ALL: [Self; 6] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// Their names, in the same order.
    pub const NAMES: [&'static str; 6] = ["trace", "debug", "info", "warn", "error", "fatal"];
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(Self::NAMES[*self as usize])
    }
}

impl FromStr for Level {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let at = Self::NAMES.iter().position(|name| *name == text).ok_or(())?;
        Ok(Self::ALL[at])
    }
}

/// What a line that matches is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogKind {
    /// A request that was answered: groups `method` and `status`.
    Access,
    /// One that says how much it matters: a group `level`, or the rule's own level.
    Level,
    /// The first line of a traceback.
    Traceback,
    /// It is up.
    Ready,
    /// It starts anew by itself.
    Reloading,
    /// The unfinished line of somebody who waits for input.
    Prompt,
}

impl LogKind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Access, Self::Level, Self::Traceback, Self::Ready, Self::Reloading, Self::Prompt];

    /// Their names, in the same order.
    pub const NAMES: [&'static str; 6] = ["access", "level", "traceback", "ready", "reloading", "prompt"];
}

impl FromStr for LogKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let at = Self::NAMES.iter().position(|name| *name == text).ok_or(())?;
        Ok(Self::ALL[at])
    }
}

/// A pattern of lines, as configured: `[log.pattern.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct LogRule {
    /// Its name.
    pub name: String,
    /// What a line is that matches.
    pub kind: LogKind,
    /// A regular expression.
    #[serde(rename = "match")]
    pub matches: String,
    /// How much such a line matters, where the line itself doesn't say it.
    pub level: Option<Level>,
    /// In a traceback: lines that belong to it.
    pub within: Option<String>,
    /// In a traceback: a line that is its last one.
    pub last: Option<String>,
    /// In a traceback: lines between its last one and another that came of it.
    pub joins: Option<String>,
    /// In a traceback: lines about the code of others.
    pub dim: Option<String>,
}
