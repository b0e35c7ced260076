//! Secrets in what is said: found, and replaced by `••••` before anyone sees or keeps it.
//!
//! Two kinds: values, known to the byte (of variables whose names say that they are secret), and patterns
//! of the configuration. A value is found in any bytes, so also where it came in two reads; where a line is
//! let out before its end, as many bytes of it are held back as may be the beginning of a value.
//! A value that a program colours in the middle, or encodes in a way of its own, isn't known any more.

use std::borrow::Cow;
use std::ops::Range;

use aho_corasick::packed::Searcher;
use aho_corasick::{AhoCorasick, MatchKind};
use regex::bytes::Regex;

/// What stands for a secret.
const HIDDEN: &[u8] = "••••".as_bytes();

/// Values shorter than this are too likely to stand in a line for another reason.
const SHORTEST: usize = 8;

/// The segments of a variable's name that make its value a secret; each also with an `S` at its end.
const SEGMENTS: &[&str] = &["SECRET", "TOKEN", "PASSWORD", "KEY", "DSN", "CREDENTIAL"];

/// A pattern or a set of values that can't be searched for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("can't mask {what}: {why}")]
pub struct MaskError {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}

/// Everything that must not be seen. Empty, it costs nothing.
#[derive(Debug, Default)]
pub struct Mask {
    values: Option<Values>,
    patterns: Vec<Regex>,
}

#[derive(Debug)]
struct Values {
    needles: Vec<Vec<u8>>,
    /// Tells fast whether there is one at all: ten times as fast as the automaton. None where the processor
    /// can't, or they are too many.
    any: Option<Searcher>,
    /// Finds them all, also where they overlap.
    all: AhoCorasick,
}

/// The secrets among these variables: the values of at least eight bytes, which are no paths or numbers, of
/// those whose name has a segment that says so.
pub fn secrets<'v>(variables: impl IntoIterator<Item = (&'v str, &'v str)>) -> Vec<&'v str> {
    let is_secret = |(name, value): &(&str, &str)| names_a_secret(name) && hides(value);
    variables.into_iter().filter(is_secret).map(|(_, value)| value).collect()
}

fn names_a_secret(name: &str) -> bool {
    name.split(|c: char| !c.is_ascii_alphanumeric()).any(|segment| {
        let segment = segment.to_ascii_uppercase();
        SEGMENTS.contains(&segment.as_str()) || segment.strip_suffix('S').is_some_and(|one| SEGMENTS.contains(&one))
    })
}

fn hides(value: &str) -> bool {
    let is_path = ["/", "./", "../", "~/"].iter().any(|start| value.starts_with(start)) && !value.ends_with('=');
    value.len() >= SHORTEST && !is_path && value.parse::<f64>().is_err()
}

/// A value in every form in which it is likely to be printed: each of its lines, as it stands, as in JSON and
/// as in a shell.
fn forms(secret: &str) -> impl Iterator<Item = Vec<u8>> {
    let lines = secret.lines().map(str::trim).filter(|line| line.len() >= SHORTEST);
    lines.flat_map(|line| {
        let json = serde_json::to_string(line).unwrap_or_default();
        let json = json.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned();
        [line.to_owned(), json, line.replace('\'', r"'\''")].into_iter().map(String::into_bytes)
    })
}

impl Mask {
    /// Takes in secret values and patterns.
    ///
    /// # Errors
    /// When one of the patterns isn't a regular expression.
    pub fn new<'s>(
        secrets: impl IntoIterator<Item = &'s str>,
        patterns: impl IntoIterator<Item = &'s str>,
    ) -> Result<Self, MaskError> {
        let mut needles: Vec<Vec<u8>> =
            secrets.into_iter().flat_map(forms).filter(|form| form.len() >= SHORTEST).collect();
        needles.sort();
        needles.dedup();
        let compiled = |pattern: &str| {
            Regex::new(pattern).map_err(|error| MaskError { what: format!("`{pattern}`"), why: error.to_string() })
        };
        let patterns = patterns.into_iter().map(compiled).collect::<Result<_, _>>()?;
        if needles.is_empty() {
            return Ok(Self { values: None, patterns });
        }
        let all = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&needles);
        let all = all.map_err(|error| MaskError { what: "the secrets".to_owned(), why: error.to_string() })?;
        let any = Searcher::builder().extend(&needles).build();
        Ok(Self { values: Some(Values { needles, any, all }), patterns })
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.values.is_none() && self.patterns.is_empty()
    }

    /// The bytes without their secrets, which are whole lines; none when there are none in them.
    pub fn lines(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.masked(&[], bytes)
    }

    /// The text without its secrets.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.lines(text.as_bytes()) {
            Some(masked) => Cow::Owned(String::from_utf8_lossy(&masked).into_owned()),
            None => Cow::Borrowed(text),
        }
    }

    /// Every string of a JSON value without its secrets; names of fields stay.
    pub fn json(&self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => {
                if let Cow::Owned(masked) = self.text(text) {
                    *text = masked;
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            serde_json::Value::Object(fields) => fields.values_mut().for_each(|field| self.json(field)),
            serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
        }
    }

    /// `bytes` without their secrets, where `before` comes before them on the same line and was let out.
    fn masked(&self, before: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        if let Some(values) = &self.values
            && values.any.as_ref().is_none_or(|any| any.find(bytes).is_some())
        {
            found.extend(values.all.find_overlapping_iter(bytes).map(|found| found.range()));
        }
        if !self.patterns.is_empty() {
            self.patterns_in(before, bytes, &mut found);
        }
        (!found.is_empty()).then(|| replaced(bytes, found))
    }

    /// What the patterns find, line by line: a pattern never reaches over the end of one.
    fn patterns_in(&self, before: &[u8], bytes: &[u8], found: &mut Vec<Range<usize>>) {
        let mut start = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            let known = if start == 0 { before } else { &[] };
            let whole = if known.is_empty() { Cow::Borrowed(text) } else { Cow::Owned([known, text].concat()) };
            for pattern in &self.patterns {
                let hits = pattern.find_iter(&whole).filter(|hit| hit.end() > known.len() && !hit.is_empty());
                found.extend(
                    hits.map(|hit| start + hit.start().saturating_sub(known.len())..start + hit.end() - known.len()),
                );
            }
            start += line.len();
        }
    }

    /// How much of a line that hasn't ended may be let out: not what may be the beginning of a secret value, nor
    /// a part of one. Where there are patterns: not its last word either, which they may want as a whole.
    fn let_out(&self, line: &[u8]) -> usize {
        let mut until = line.len();
        if let Some(values) = &self.values {
            let longest = values.needles.iter().filter_map(|needle| {
                let most = (needle.len() - 1).min(line.len());
                (1..=most).rev().find(|length| line.ends_with(&needle[..*length]))
            });
            until -= longest.max().unwrap_or(0);
            // A value that reaches into what is held back is held back as a whole, and what overlaps with it.
            loop {
                let hits = values.all.find_overlapping_iter(line);
                match hits.filter(|hit| hit.start() < until && until < hit.end()).map(|hit| hit.start()).min() {
                    Some(start) => until = start,
                    None => break,
                }
            }
        }
        if !self.patterns.is_empty() {
            let word = line[..until].iter().rev().take_while(|byte| !byte.is_ascii_whitespace()).count();
            if word <= Masking::LONGEST {
                until -= word;
            }
        }
        until
    }
}

fn replaced(bytes: &[u8], mut found: Vec<Range<usize>>) -> Vec<u8> {
    found.sort_by_key(|range| (range.start, range.end));
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    for range in found {
        if range.start >= at {
            out.extend_from_slice(&bytes[at..range.start]);
            out.extend_from_slice(HIDDEN);
        }
        at = at.max(range.end);
    }
    out.extend_from_slice(&bytes[at..]);
    out
}

/// One stream on its way through the mask: knows what of the line at hand was let out already.
#[derive(Debug, Default)]
pub struct Masking {
    before: Vec<u8>,
}

impl Masking {
    /// Of a line that is let out in pieces, patterns see no more than this.
    const LONGEST: usize = 64 * 1024;

    /// How much of an unfinished line may be let out now.
    pub fn let_out(&self, mask: &Mask, line: &[u8]) -> usize {
        if mask.is_empty() { line.len() } else { mask.let_out(line) }
    }

    /// What is let out next of the stream, without its secrets; none when there are none in it.
    pub fn next(&mut self, mask: &Mask, bytes: &[u8]) -> Option<Vec<u8>> {
        if mask.is_empty() {
            return None;
        }
        let masked = mask.masked(&self.before, bytes);
        if !mask.patterns.is_empty() {
            if bytes.contains(&b'\n') {
                self.before.clear();
            }
            let last = memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1);
            self.before.extend_from_slice(&bytes[last..]);
            let excess = self.before.len().saturating_sub(Self::LONGEST);
            self.before.drain(..excess);
        }
        masked
    }
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
