//! What is stored, shown: chosen, in order, as text, as JSON or as it came; and what comes, as long as one looks.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::choose::{Choice, Chooser};
use super::format::Formatter;
use super::json::{Objects, add};
use super::plain::{self, Options};
use super::store::{Cursor, Entry, Reader, Stored};
use crate::bus::{Block, Body, Record};
use crate::logs::Rulebook;
use crate::model::{ProcessName, Selector};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Query {
    /// Where lines are stored.
    pub folder: PathBuf,
    /// Whose; everyone's where none are named.
    pub names: Vec<String>,
    /// Whether to go on with what comes.
    pub follow: bool,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Of each process its last run only.
    pub since_restart: bool,
    /// Which lines.
    pub choice: Choice,
    /// So many of the last lines.
    pub tail: Option<u64>,
    /// What comes after this place.
    pub after: Option<String>,
    /// How.
    pub form: Form,
    /// How text looks.
    pub options: Options,
    /// What lines mean.
    pub book: Arc<Rulebook>,
    /// The silos of the project, by what the names of their processes begin with.
    pub silos: HashMap<String, String>,
}

/// How lines are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As the log shows them.
    Text,
    /// An object a line, and at the end one with a cursor.
    Json,
    /// As they came.
    Raw,
}

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// There is nothing.
    #[error("nothing is stored in {}", folder.display())]
    Nothing {
        /// Where.
        folder: PathBuf,
    },
    /// Of this process there is nothing.
    #[error("nothing is stored of `{name}`")]
    Unknown {
        /// As it was named.
        name: String,
        /// Of whom there is something.
        known: Vec<ProcessName>,
    },
    /// A text that isn't a cursor.
    #[error("`{text}` isn't a cursor")]
    NoCursor {
        /// The text.
        text: String,
    },
    /// A cursor of which nothing is known.
    #[error("the cursor `{text}` is of a run of which nothing is stored here")]
    ForeignCursor {
        /// The text.
        text: String,
    },
    /// Reading or writing failed.
    #[error("the stored lines can't be shown: {0}")]
    Io(#[from] io::Error),
}

/// So often it is looked for what is new.
const AGAIN: Duration = Duration::from_millis(100);

/// Shows what is asked for. Blocks; with `follow` until nobody reads any more.
///
/// # Errors
/// When there is nothing to show, or it can't be shown.
pub fn logs(query: Query, mut out: File) -> Result<(), QueryError> {
    let mut reader = Reader::new(&query.folder);
    let known = reader.processes()?;
    if known.is_empty() {
        return Err(QueryError::Nothing { folder: query.folder });
    }
    let selectors: Vec<Selector> = query.names.iter().map(|name| Selector::new(name)).collect();
    for (name, selector) in query.names.iter().zip(&selectors) {
        if !known.iter().any(|process| selector.matches(process)) {
            return Err(QueryError::Unknown { name: name.clone(), known });
        }
    }
    let is_asked =
        |process: &ProcessName| selectors.is_empty() || selectors.iter().any(|selector| selector.matches(process));
    let mut stored = reader.news(is_asked)?;
    let latest = stored.last().map(|stored| last_of(&stored.entry));
    let after = query.after.as_deref().map(|text| place(text, &stored)).transpose()?;
    if query.since_restart {
        let mut runs: HashMap<ProcessName, (u64, u32)> = HashMap::new();
        for Stored { process, entry, .. } in &stored {
            let run = runs.entry(process.clone()).or_default();
            *run = (*run).max((entry.session, entry.run));
        }
        stored.retain(|Stored { process, entry, .. }| runs[process] == (entry.session, entry.run));
    }
    stored.retain(|stored| query.since.is_none_or(|since| stored.entry.at >= since));
    let options = Options { names: known.into_iter().filter(|name| is_asked(name)).collect(), ..query.options };
    let mut show = Show {
        chooser: Chooser::new(query.choice),
        formatter: Formatter::new(options),
        form: query.form,
        objects: Objects::new(query.book, query.silos),
        cursor: latest,
        text: Vec::new(),
    };
    let mut chosen = show.choose(stored, after, query.tail)?;
    loop {
        for (entry, block) in chosen.drain(..) {
            show.one(&entry, block.as_ref());
            if show.text.len() > 1 << 16 && !written(&mut out, &mut show.text)? {
                return Ok(());
            }
        }
        if !query.follow {
            break;
        }
        if !written(&mut out, &mut show.text)? {
            return Ok(());
        }
        std::thread::park_timeout(AGAIN);
        let news = reader.news(is_asked)?;
        chosen = show.choose(news, after, None)?;
    }
    show.end();
    written(&mut out, &mut show.text)?;
    Ok(())
}

/// Writes, and empties. False when nobody reads any more.
fn written(out: &mut File, text: &mut Vec<u8>) -> io::Result<bool> {
    let written = plain::write(out, text);
    text.clear();
    match written {
        Err(error) if plain::is_gone(&error) => Ok(false),
        written => written.map(|()| true),
    }
}

fn last_of(entry: &Entry) -> Cursor {
    Cursor { session: entry.session, seq: entry.seq + u64::from(entry.lines.max(1)) - 1 }
}

/// Where a cursor is, with the time of its line.
fn place(text: &str, stored: &[Stored]) -> Result<(Cursor, Timestamp), QueryError> {
    let cursor: Cursor = text.parse().map_err(|()| QueryError::NoCursor { text: text.to_owned() })?;
    let of_it = || stored.iter().map(|stored| &stored.entry).filter(|entry| entry.session == cursor.session);
    let before = of_it().filter(|entry| entry.seq <= cursor.seq).map(|entry| entry.at).max();
    // Its own line may have had to make room: then everything is after it.
    let at = before.or_else(|| of_it().next().map(|_| Timestamp::MIN));
    at.map(|at| (cursor, at)).ok_or_else(|| QueryError::ForeignCursor { text: text.to_owned() })
}

type Chosen = (Stored, Option<Block>);

struct Show {
    chooser: Chooser,
    formatter: Formatter,
    form: Form,
    objects: Objects,
    cursor: Option<Cursor>,
    text: Vec<u8>,
}

impl Show {
    /// Which of these are shown. Lines are read only where that decides it.
    fn choose(
        &mut self,
        stored: Vec<Stored>,
        after: Option<(Cursor, Timestamp)>,
        tail: Option<u64>,
    ) -> Result<Vec<Chosen>, QueryError> {
        let mut chosen: Vec<Chosen> = Vec::new();
        for mut one in stored {
            self.cursor = self.cursor.max_by_place(last_of(&one.entry));
            let mut block = None;
            if let Some((cursor, at)) = after {
                let is_own = one.entry.session == cursor.session;
                if (is_own && last_of(&one.entry).seq <= cursor.seq) || (!is_own && one.entry.at <= at) {
                    continue;
                }
                if is_own && one.entry.seq <= cursor.seq {
                    let skipped = cursor.seq - one.entry.seq + 1;
                    block = one.block()?.map(|block| skip(&mut one.entry, &block, skipped));
                }
            }
            if !self.chooser.is_open() && !one.entry.gap && self.form != Form::Json {
                let whole = match block {
                    Some(block) => Some(block),
                    None => one.block()?,
                };
                block = whole.and_then(|block| self.chooser.block(&block));
                let Some(block) = &block else { continue };
                one.entry.lines = u32::try_from(block.count()).unwrap_or(u32::MAX);
            } else if !self.chooser.is_open() && !one.entry.gap {
                self.line_by_line(&one, block, &mut chosen)?;
                continue;
            }
            chosen.push((one, block));
        }
        let Some(tail) = tail else { return Ok(chosen) };
        let lines = |chosen: &Chosen| if chosen.0.entry.gap { 1 } else { u64::from(chosen.0.entry.lines) };
        let mut excess = chosen.iter().map(lines).sum::<u64>().saturating_sub(tail);
        let mut last = Vec::new();
        for mut one in chosen {
            let dropped = excess.min(lines(&one));
            excess -= dropped;
            if dropped == lines(&one) {
                continue;
            }
            if dropped > 0 {
                let whole = match one.1.take() {
                    Some(block) => Some(block),
                    None => one.0.block()?,
                };
                one.1 = whole.map(|block| skip(&mut one.0.entry, &block, dropped));
            }
            last.push(one);
        }
        Ok(last)
    }

    /// Each line as a block of its own, so that it keeps its number.
    fn line_by_line(&mut self, one: &Stored, block: Option<Block>, chosen: &mut Vec<Chosen>) -> Result<(), QueryError> {
        let Some(block) = block.map_or_else(|| one.block(), |block| Ok(Some(block)))? else { return Ok(()) };
        for (seq, line) in (one.entry.seq..).zip(block.lines()) {
            if let Some(line) = block.one(&line).and_then(|line| self.chooser.block(&line)) {
                let entry = Entry { seq, lines: 1, ..one.entry };
                let mut one = one.clone();
                one.entry = entry;
                chosen.push((one, Some(line)));
            }
        }
        Ok(())
    }

    fn one(&mut self, stored: &Stored, block: Option<&Block>) {
        let entry = &stored.entry;
        if entry.gap {
            return self.gap(stored);
        }
        let read;
        let block = match block {
            Some(block) => block,
            None => match stored.block() {
                Ok(Some(block)) => {
                    read = block;
                    &read
                }
                // Taken away while we looked.
                Ok(None) | Err(_) => return,
            },
        };
        match self.form {
            Form::Raw => self.text.extend_from_slice(&block.bytes),
            Form::Text => {
                let body = Body::Block(block.clone().into());
                self.formatter.record(&Record { seq: entry.seq, at: entry.at, body }, &mut self.text);
            }
            Form::Json => {
                for (seq, line) in (entry.seq..).zip(block.lines()) {
                    let cursor = Cursor { session: entry.session, seq };
                    add(&self.objects.line(seq, block, &line, Some(cursor)), &mut self.text);
                }
            }
        }
    }

    fn gap(&mut self, stored: &Stored) {
        let Stored { process, entry, .. } = stored;
        match self.form {
            Form::Raw => {}
            Form::Text => {
                let text = format!("{} lines of {process} weren't stored here", entry.lines);
                let event = crate::model::Event::Notice { text };
                let body = Body::Event(event.into());
                self.formatter.record(&Record { seq: entry.seq, at: entry.at, body }, &mut self.text);
            }
            Form::Json => {
                let gap = json!({ "time": entry.at, "process": process, "missing": entry.lines });
                add(&gap, &mut self.text);
            }
        }
    }

    fn end(&mut self) {
        match (self.form, self.cursor) {
            (Form::Json, Some(cursor)) => add(&json!({ "cursor": cursor.to_string() }), &mut self.text),
            (Form::Text, _) => self.formatter.finish(&mut self.text),
            (Form::Json | Form::Raw, _) => {}
        }
    }
}

/// Which of two places is the later one.
trait Later {
    fn max_by_place(self, other: Cursor) -> Option<Cursor>;
}

impl Later for Option<Cursor> {
    fn max_by_place(self, other: Cursor) -> Option<Cursor> {
        self.into_iter().chain([other]).max_by_key(|cursor| (cursor.session, cursor.seq))
    }
}

fn skip(entry: &mut Entry, block: &Block, lines: u64) -> Block {
    let rest = block.skip(usize::try_from(lines).unwrap_or(usize::MAX));
    entry.seq += lines;
    entry.lines = u32::try_from(rest.count()).unwrap_or(u32::MAX);
    rest
}
