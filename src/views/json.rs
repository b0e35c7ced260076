//! Lines and events as JSON, one object a line, for machines. The same objects from the stream and from what is stored.

use std::collections::HashMap;
use std::io::Write;
use std::os::fd::AsFd;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::choose::{Choice, Chooser};
use super::plain::{PrinterEnd, is_gone, write};
use super::store::Cursor;
use crate::bus::{Batch, Block, Body, Line, Record, Stream, Subscription};
use crate::logs::{Records, Rulebook, Sanitiser};
use crate::model::{Event, ProcessName, RunId, Seq};

/// How records become objects.
#[derive(Debug, Clone)]
pub struct JsonOptions {
    /// What lines mean.
    pub book: Arc<Rulebook>,
    /// The silos of the project, by what the names of their processes begin with.
    pub silos: HashMap<String, String>,
    /// Which lines there are.
    pub choice: Choice,
    /// The run of the supervisor, where its lines are stored: each then has a cursor.
    pub session: Option<u64>,
}

/// Prints objects until the bus is closed or nobody reads any more. Blocks.
pub fn print_json<W: Write + AsFd>(mut records: Subscription, mut out: W, options: JsonOptions) -> PrinterEnd {
    let mut chooser = Chooser::new(options.choice);
    let mut objects = Objects::new(options.book, options.silos);
    let (mut batch, mut text) = (Vec::new(), Vec::new());
    loop {
        let end = records.next_batch(&mut batch, None);
        for record in batch.drain(..) {
            match &record.body {
                Body::Event(event) => {
                    if let Event::Gone { run, .. } = &**event {
                        chooser.forget(run);
                        objects.forget(run);
                    }
                    add(&objects.event(record.seq, record.at, event), &mut text);
                }
                // Each line keeps its number, whichever are chosen.
                Body::Block(block) => {
                    for (seq, line) in (record.seq..).zip(block.lines()) {
                        let cursor = options.session.map(|session| Cursor { session, seq });
                        if chooser.is_open() {
                            add(&objects.line(seq, block, &line, cursor), &mut text);
                        } else if let Some(one) = block.one(&line).and_then(|one| chooser.block(&one)) {
                            one.lines().for_each(|line| add(&objects.line(seq, &one, &line, cursor), &mut text));
                        }
                    }
                }
                Body::Lagged { missed } => add(&lagged(&record, *missed), &mut text),
            }
        }
        match write(&mut out, &text) {
            Ok(()) if end == Batch::Closed => return PrinterEnd::Finished,
            Ok(()) => {}
            Err(error) if is_gone(&error) => return PrinterEnd::ReaderGone,
            Err(error) => return PrinterEnd::Failed(error),
        }
        text.clear();
        text.shrink_to(4 * Subscription::BATCH);
    }
}

/// Adds an object as a line.
pub(super) fn add(object: &Value, text: &mut Vec<u8>) {
    text.extend_from_slice(object.to_string().as_bytes());
    text.push(b'\n');
}

fn lagged(record: &Record, missed: u64) -> Value {
    json!({ "time": record.at, "seq": record.seq, "missing": missed })
}

/// Makes objects of lines and events.
#[derive(Debug)]
pub(super) struct Objects {
    book: Arc<Rulebook>,
    silos: HashMap<String, String>,
    records: HashMap<Stream, Records>,
    text: Vec<u8>,
}

impl Objects {
    pub(super) fn new(book: Arc<Rulebook>, silos: HashMap<String, String>) -> Self {
        Self { book, silos, records: HashMap::new(), text: Vec::new() }
    }

    /// Forgets a run of which nothing can come any more.
    pub(super) fn forget(&mut self, run: &RunId) {
        self.records.retain(|stream, _| stream.run != *run);
    }

    pub(super) fn line(&mut self, seq: Seq, block: &Block, line: &Line<'_>, cursor: Option<Cursor>) -> Value {
        let stream = &block.stream;
        let process = &stream.run.process;
        self.text.clear();
        Sanitiser::plain().line(line.bytes, &mut self.text);
        if !self.records.contains_key(stream) {
            self.records.insert(stream.clone(), Records::default());
        }
        let records = self.records.get_mut(stream).expect("it was just put there");
        let level = records.next(self.book.of(process), &self.text, block.at).level;
        let mut object = json!({
            "time": block.at,
            "process": process,
            "silo": self.silo(process),
            "run": stream.run.number,
            "stream": stream.origin,
            "level": level,
            "text": String::from_utf8_lossy(&self.text),
            "continues": line.continues,
            "seq": seq,
        });
        if let (Some(cursor), Some(object)) = (cursor, object.as_object_mut()) {
            object.insert("cursor".to_owned(), cursor.to_string().into());
        }
        object
    }

    /// An event, with the names of fields that lines have: `process`, `silo`, and `run` as a number.
    pub(super) fn event(&self, seq: Seq, at: Timestamp, event: &Event) -> Value {
        let mut object = Map::new();
        object.insert("time".to_owned(), json!(at));
        if let Ok(Value::Object(fields)) = serde_json::to_value(event) {
            object.extend(fields.get("event").map(|kind| ("event".to_owned(), kind.clone())));
            if let Some(process) = event.process() {
                object.insert("process".to_owned(), json!(process));
                object.insert("silo".to_owned(), json!(self.silo(process)));
            }
            for (key, value) in fields {
                let value = match (key.as_str(), value) {
                    ("event" | "process", _) => continue,
                    ("run", Value::Object(run)) => run.get("number").cloned().unwrap_or_default(),
                    (_, value) => value,
                };
                object.insert(key, value);
            }
        }
        object.insert("seq".to_owned(), seq.into());
        Value::Object(object)
    }

    fn silo(&self, process: &ProcessName) -> Option<&String> {
        let (prefix, _) = process.as_str().split_once('.').unwrap_or(("", ""));
        self.silos.get(prefix)
    }
}
