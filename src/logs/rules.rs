//! What a line says about itself: how much it matters, a request that was answered, the beginning of a
//! traceback, a moment, a prompt. All of it by patterns that are data.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use regex::bytes::{Regex, RegexSet};

use crate::model::{Level, LogKind, LogRule, ProcessName};

/// No more of a line is looked at, in bytes: what a line is stands at its beginning.
const LOOKED_AT: usize = 4096;

/// A pattern that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pattern `{name}` can't be used: {why}")]
pub struct RuleError {
    /// Its name.
    pub name: String,
    /// Why not.
    pub why: String,
}

/// Patterns, ready to be held against lines.
#[derive(Debug)]
pub struct Rules {
    /// Those of `rules`, tried at once: most lines match none.
    any: RegexSet,
    rules: Vec<Rule>,
    prompts: RegexSet,
    pub(super) traces: Vec<TraceRule>,
    levels: HashMap<String, Level>,
}

#[derive(Debug)]
struct Rule {
    kind: LogKind,
    pattern: Regex,
    level: Option<Level>,
    /// Of a traceback: which of `traces`.
    trace: usize,
}

/// What belongs to a traceback once it has begun.
#[derive(Debug)]
pub(super) struct TraceRule {
    pub(super) within: Regex,
    pub(super) last: Option<Regex>,
    pub(super) joins: Option<Regex>,
    pub(super) dim: Option<Regex>,
}

/// The patterns of everyone: those of all, and of services that have their own.
#[derive(Debug, Clone)]
pub struct Rulebook {
    all: Arc<Rules>,
    /// By the name of a process, or the last part of it.
    own: HashMap<String, Arc<Rules>>,
}

impl Rulebook {
    /// A book in which everyone has these.
    pub fn new(all: Rules) -> Self {
        Self { all: Arc::new(all), own: HashMap::new() }
    }

    /// Gives those of these names (`region.server`, or `server` for that of every silo) patterns of their own.
    pub fn give(&mut self, names: &[&str], rules: Rules) {
        let rules = Arc::new(rules);
        self.own.extend(names.iter().map(|name| ((*name).to_owned(), Arc::clone(&rules))));
    }

    /// The patterns for the lines of a process.
    pub fn of(&self, process: &ProcessName) -> &Arc<Rules> {
        if self.own.is_empty() {
            return &self.all;
        }
        let name = process.as_str();
        let last = name.rsplit('.').next().unwrap_or(name);
        self.own.get(name).or_else(|| self.own.get(last)).unwrap_or(&self.all)
    }
}

/// A moment that a line tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landmark {
    /// It is up.
    Ready,
    /// It starts anew by itself.
    Reloading,
}

/// A request that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Where its method stands in the line, if it does.
    pub method: Option<Range<usize>>,
    /// Where its status stands.
    pub status: Range<usize>,
    /// 1 to 5: of the status 404 it is 4.
    pub class: u8,
}

/// What a line says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// How much it matters.
    pub level: Option<Level>,
    /// Where it says so.
    pub level_at: Option<Range<usize>>,
    /// The request that was answered.
    pub access: Option<Access>,
    /// The moment that it tells of.
    pub landmark: Option<Landmark>,
    /// Which kind of traceback begins with it.
    pub(super) begins: Option<usize>,
}

impl Rules {
    /// Takes in patterns, in the order in which they are tried, and what words for levels mean (in lowercase).
    ///
    /// # Errors
    /// When one of them isn't a regular expression, or they are too big together.
    pub fn new<'w>(rules: &[LogRule], levels: impl IntoIterator<Item = (&'w str, Level)>) -> Result<Self, RuleError> {
        let compiled = |rule: &LogRule, text: &str| {
            Regex::new(text).map_err(|error| RuleError { name: rule.name.clone(), why: error.to_string() })
        };
        let set = |texts: &[&str]| {
            RegexSet::new(texts).map_err(|error| RuleError { name: "log.pattern".to_owned(), why: error.to_string() })
        };
        let (mut texts, mut prompts, mut read, mut traces) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for rule in rules {
            if rule.kind == LogKind::Prompt {
                compiled(rule, &rule.matches)?;
                prompts.push(rule.matches.as_str());
                continue;
            }
            if rule.kind == LogKind::Traceback {
                let some = |text: &Option<String>| text.as_ref().map(|text| compiled(rule, text)).transpose();
                traces.push(TraceRule {
                    within: compiled(rule, rule.within.as_deref().unwrap_or(r"^\s+\S"))?,
                    last: some(&rule.last)?,
                    joins: some(&rule.joins)?,
                    dim: some(&rule.dim)?,
                });
            }
            texts.push(rule.matches.as_str());
            let pattern = compiled(rule, &rule.matches)?;
            read.push(Rule { kind: rule.kind, pattern, level: rule.level, trace: traces.len().saturating_sub(1) });
        }
        Ok(Self {
            any: set(&texts)?,
            rules: read,
            prompts: set(&prompts)?,
            traces,
            levels: levels.into_iter().map(|(word, level)| (word.to_owned(), level)).collect(),
        })
    }

    /// What a line (without its escape sequences) says about itself.
    pub fn read(&self, line: &[u8]) -> Reading {
        let line = head(line);
        let mut reading = Reading::default();
        for at in &self.any.matches(line) {
            let rule = &self.rules[at];
            match rule.kind {
                LogKind::Access if reading.access.is_none() => {
                    let Some(access) = access(&rule.pattern, line) else { continue };
                    let level = match access.class {
                        5 => Level::Error,
                        4 => Level::Warn,
                        _ => Level::Info,
                    };
                    reading.level = reading.level.max(rule.level.or(Some(level)));
                    reading.access = Some(access);
                }
                LogKind::Level if reading.level_at.is_none() => {
                    let found = rule.pattern.captures(line).and_then(|found| found.name("level"));
                    let said = found.and_then(|found| Some((self.level(found.as_bytes())?, found.range())));
                    if let Some((level, range)) = said {
                        reading.level = reading.level.max(Some(level));
                        reading.level_at = Some(range);
                    } else {
                        reading.level = reading.level.max(rule.level);
                    }
                }
                LogKind::Traceback if reading.begins.is_none() => reading.begins = Some(rule.trace),
                LogKind::Ready | LogKind::Reloading if reading.landmark.is_none() => {
                    let is_ready = rule.kind == LogKind::Ready;
                    reading.landmark = Some(if is_ready { Landmark::Ready } else { Landmark::Reloading });
                    reading.level = reading.level.max(rule.level);
                }
                LogKind::Access
                | LogKind::Level
                | LogKind::Traceback
                | LogKind::Ready
                | LogKind::Reloading
                | LogKind::Prompt => {}
            }
        }
        reading
    }

    /// Whether this unfinished line (without its escape sequences) waits for input.
    pub fn is_prompt(&self, line: &[u8]) -> bool {
        self.prompts.is_match(head(line))
    }

    fn level(&self, word: &[u8]) -> Option<Level> {
        let word = std::str::from_utf8(word).ok()?;
        self.levels.get(&word.to_lowercase()).copied()
    }
}

pub(super) fn head(line: &[u8]) -> &[u8] {
    &line[..line.len().min(LOOKED_AT)]
}

fn access(pattern: &Regex, line: &[u8]) -> Option<Access> {
    let found = pattern.captures(line)?;
    let status = found.name("status")?;
    let class = status.as_bytes().first().filter(|digit| (b'1'..=b'5').contains(digit))? - b'0';
    Some(Access { method: found.name("method").map(|method| method.range()), status: status.range(), class })
}

#[cfg(test)]
#[path = "rules_tests.rs"]
pub(crate) mod tests;
