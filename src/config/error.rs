//! What can be wrong with a configuration, and the fix for each.

use super::source::{Origin, Sources};
use super::suggest::listed;

/// Everything that is wrong with one configuration, in the order of the text.
#[derive(Debug, Clone)]
pub struct ConfigErrors {
    /// The texts, for excerpts.
    pub sources: Sources,
    /// At least one.
    pub errors: Vec<ConfigError>,
}

impl ConfigErrors {
    /// Sorts the errors by where they stand and drops repetitions.
    pub fn new(sources: &Sources, mut errors: Vec<ConfigError>) -> Self {
        errors.sort_by_key(|error| error.at.as_ref().map(|at| (at.source, at.span.start)));
        errors.dedup();
        Self { sources: sources.clone(), errors }
    }
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigError {
    /// What.
    pub problem: Problem,
    /// Where, if it stands somewhere.
    pub at: Option<Origin>,
    /// Other places that belong to it, each with a word on why.
    pub also: Vec<(Origin, String)>,
}

impl ConfigError {
    /// A problem at a place.
    pub fn at(origin: &Origin, problem: Problem) -> Self {
        Self { problem, at: Some(origin.clone()), also: Vec::new() }
    }

    /// The same with one more place.
    #[must_use]
    pub fn and(mut self, origin: &Origin, label: impl Into<String>) -> Self {
        self.also.push((origin.clone(), label.into()));
        self
    }
}

/// A way in which a configuration can be wrong.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Problem {
    /// Not TOML.
    #[error("this isn't TOML: {message}")]
    Syntax {
        /// What the parser stumbled over.
        message: String,
        /// What to write instead.
        fix: Option<String>,
    },
    /// A key that isn't one.
    #[error("unknown key `{key}` in {table}")]
    UnknownKey {
        /// The key.
        key: String,
        /// `service `server``, `the file`.
        table: String,
        /// The nearest known key.
        suggestion: Option<String>,
        /// All known keys.
        known: Vec<String>,
    },
    /// A key that must be there and isn't.
    #[error("{table} has no `{key}`")]
    MissingKey {
        /// The key.
        key: String,
        /// Whose.
        table: String,
    },
    /// A value of another type.
    #[error("`{key}` must be {expected}, not {found}")]
    WrongType {
        /// The key.
        key: String,
        /// `a string`, `a list of strings`.
        expected: String,
        /// `a string`, `true`.
        found: String,
        /// What to write instead.
        fix: Option<String>,
    },
    /// A value that isn't among the possible ones.
    #[error("`{key}` can't be `{value}`")]
    NotAmong {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// The possible ones.
        allowed: Vec<String>,
        /// The nearest.
        suggestion: Option<String>,
    },
    /// A number outside its range.
    #[error("`{key}` can't be {value}; it is between {least} and {most}")]
    OutOfRange {
        /// The key.
        key: String,
        /// The value.
        value: i64,
        /// The smallest possible.
        least: i64,
        /// The largest possible.
        most: i64,
    },
    /// A size that isn't one.
    #[error("`{key}`: `{text}` isn't a size")]
    Size {
        /// The key.
        key: String,
        /// What is written there.
        text: String,
    },
    /// A duration that isn't one.
    #[error("`{key}`: {why}")]
    Duration {
        /// The key.
        key: String,
        /// The reader's words.
        why: String,
    },
    /// A name outside the alphabet.
    #[error("{why}")]
    Name {
        /// The reader's words.
        why: String,
        /// A name like it.
        fix: Option<String>,
    },
    /// A regular expression that isn't one.
    #[error("`{key}` isn't a regular expression: {why}")]
    Pattern {
        /// The key.
        key: String,
        /// The reader's words.
        why: String,
    },
    /// A value that isn't of the form that its key asks for.
    #[error("`{key}` can't be `{value}`: {why}")]
    Form {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What the form is.
        why: String,
        /// What to write instead.
        fix: Option<String>,
    },
    /// Something is named that isn't declared.
    #[error("{by} `{name}`, but no {what} is called that")]
    UnknownReference {
        /// `service`, `silo`, `flag`.
        what: &'static str,
        /// The name.
        name: String,
        /// Who names it, and how: `service `relay` depends on`.
        by: String,
        /// The nearest declared one.
        suggestion: Option<String>,
        /// All declared ones.
        known: Vec<String>,
    },
    /// Services that wait for each other.
    #[error("{}", match path.len() {
        ..=2 => format!("service `{}` waits for itself and could never start", path.first().map_or("", String::as_str)),
        _ => format!("these services wait for each other and could never start: {}", path.join(" → ")),
    })]
    Cycle {
        /// From one back to itself.
        path: Vec<String>,
    },
    /// A silo that extends itself, by way of others or not.
    #[error("{}", match path.len() {
        ..=2 => format!("silo `{}` extends itself", path.first().map_or("", String::as_str)),
        _ => format!("these silos extend each other: {}", path.join(" → ")),
    })]
    ExtendsCycle {
        /// From one back to itself.
        path: Vec<String>,
    },
    /// A flag of a name that every command has.
    #[error("the flag `{name}` can't be declared: {why}")]
    ReservedFlag {
        /// Its name.
        name: String,
        /// Who has it.
        why: &'static str,
    },
    /// A short name that every command has.
    #[error("the flag `{name}` can't have the short name -{short}: it is devserver's own")]
    ReservedShort {
        /// The flag's name.
        name: String,
        /// The letter.
        short: char,
    },
    /// Two flags of one short name.
    #[error("the flags `{first}` and `{second}` have the same short name -{short}")]
    SameShort {
        /// The one.
        first: String,
        /// The other.
        second: String,
        /// The letter.
        short: char,
    },
    /// An expression or template that doesn't compile.
    #[error("this {what} can't be read: {why}")]
    Expression {
        /// `expression` or `template`.
        what: &'static str,
        /// The engine's words.
        why: String,
    },
    /// A name in an expression that nothing is called.
    #[error("nothing is called `{name}` here")]
    UnknownVariable {
        /// The whole name: `setting.use_rely`.
        name: String,
        /// The nearest known one.
        suggestion: Option<String>,
        /// What may be named, or why it may not be.
        note: String,
    },
    /// A namespace where one of its names is needed.
    #[error("`{name}` isn't one value")]
    Namespace {
        /// `flag`.
        name: String,
    },
    /// A preset that isn't built in.
    #[error("there is no preset `{name}`")]
    UnknownPreset {
        /// Its name.
        name: String,
        /// The built-in ones.
        known: Vec<String>,
        /// The nearest.
        suggestion: Option<String>,
    },
    /// A setting given from outside that isn't declared.
    #[error("there is no setting `{name}`")]
    UnknownSetting {
        /// Its name.
        name: String,
        /// The nearest.
        suggestion: Option<String>,
        /// The declared ones.
        known: Vec<String>,
    },
    /// A stop command that can't be one.
    #[error("`{key}`: {why}")]
    StopCommand {
        /// The key.
        key: String,
        /// What is wrong with it.
        why: &'static str,
        /// What to write instead.
        fix: String,
    },
    /// A minimum above its maximum.
    #[error("`{key}`: `min` ({min}) is above `max` ({max})")]
    MinAboveMax {
        /// The key.
        key: String,
        /// The minimum.
        min: String,
        /// The maximum.
        max: String,
        /// Which of them is only what it is where nobody says otherwise.
        unsaid: Option<&'static str>,
    },
}

impl Problem {
    /// The fix: a sentence, or a command where there is one.
    pub fn hint(&self) -> Option<String> {
        let did_you_mean = |name: &String| format!("did you mean `{name}`?");
        let or_listed = |suggestion: &Option<String>, what: &str, known: &[String]| {
            Some(match (suggestion, known) {
                (Some(name), _) => did_you_mean(name),
                (None, []) => format!("no {what} is declared"),
                (None, [one]) => format!("the only {what} is `{one}`"),
                (None, known) => format!("{what}s are {}", listed(known.iter().map(String::as_str))),
            })
        };
        match self {
            Self::UnknownKey { suggestion, known, .. } => or_listed(suggestion, "known key", known),
            Self::NotAmong { suggestion, allowed, .. } => or_listed(suggestion, "possible value", allowed),
            Self::UnknownReference { what, suggestion, known, .. } => or_listed(suggestion, what, known),
            Self::UnknownPreset { suggestion, known, .. } => or_listed(suggestion, "preset", known),
            Self::UnknownSetting { suggestion, known, .. } => or_listed(suggestion, "setting", known),
            Self::UnknownVariable { suggestion: Some(name), .. } => Some(did_you_mean(name)),
            Self::UnknownVariable { suggestion: None, note, .. } => Some(note.clone()),
            Self::Namespace { name } => {
                Some(format!("name one, as in `{name}.NAME`; a name that is worked out can't be checked"))
            }
            Self::Size { .. } => Some("write it as `500KB`, `10MB` or `1GB`".into()),
            Self::Duration { .. } => {
                Some("write it as `500ms`, `10s`, `2m` or `1h 30m`; it is between 0s and a week".into())
            }
            Self::Form { fix, .. }
            | Self::Syntax { fix, .. }
            | Self::WrongType { fix, .. }
            | Self::Name { fix, .. } => fix.clone(),
            Self::Cycle { path } if path.len() <= 2 => Some("take it out of its own `depends_on`".into()),
            Self::Cycle { .. } => Some("remove one of these `depends_on`".into()),
            Self::ExtendsCycle { .. } => Some("remove one of these `extends`".into()),
            Self::ReservedShort { .. } => Some("give it another letter, or none".into()),
            Self::ReservedFlag { .. } => Some("give the flag another name".into()),
            Self::MissingKey { key, .. } if key == "command" => {
                Some("say what to run: command = [\"program\", \"argument\"]".into())
            }
            Self::MissingKey { key, .. } => Some(format!("add `{key} = …`")),
            Self::StopCommand { fix, .. } => Some(fix.clone()),
            Self::MinAboveMax { unsaid: Some(key), .. } => Some(format!("set `{key}` too")),
            Self::MinAboveMax { unsaid: None, .. } => Some("swap them, or leave one out".into()),
            Self::SameShort { .. } => Some("give one of them another letter, or none".into()),
            Self::OutOfRange { .. } | Self::Pattern { .. } | Self::Expression { .. } => None,
        }
    }
}
