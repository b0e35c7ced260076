//! What a subscriber gets: records of the bus, picked, line by line.
//!
//! Lossy: a client that reads slower than it is told misses the oldest, is told how much, and makes nobody wait.

use std::time::Duration;

use super::answer::{meant, picture};
use super::connection::{Gone, Outbox};
use super::server::Premises;
use crate::bus::{self, Batch, Body, From, Kind, Record, Wants};
use crate::model::{Event, ProcessName};
use crate::protocol::{Answer, Ending, Filter, History, Message, WireRecord};

/// Hands out records until there are no more, or nobody takes them.
pub(super) async fn subscribe(premises: &Premises, filter: Filter, out: &Outbox) {
    if let Err(refusal) = check(premises, &filter).await {
        return out.answer(Err(refusal)).await;
    }
    let wants = match (filter.lines, filter.events) {
        (true, true) => Wants::Everything,
        (true, false) => Wants::Lines,
        (false, _) => Wants::Events,
    };
    let from = if filter.history == History::None { From::Now } else { From::Start };
    let mut records = premises.bus.subscribe_to(wants, from, Kind::Lossy);
    // After that nothing is missed any more.
    out.answer(Ok(Answer::Subscribed)).await;
    let mut said = Vec::new();
    if from == From::Start {
        let mut batch = Vec::new();
        while matches!(records.next_batch(&mut batch, Some(Duration::ZERO)), Batch::Records) {
            said.extend(batch.drain(..).flat_map(|record| messages(out.id, &record, &filter)));
        }
        if let History::Tail(most) = filter.history {
            said.drain(..said.len().saturating_sub(most));
        }
    }
    let done = async {
        for message in said {
            out.say(&message).await?;
        }
        let mut batch = Vec::new();
        while filter.follow && matches!(records.next(&mut batch).await, Batch::Records) {
            for message in batch.drain(..).flat_map(|record| messages(out.id, &record, &filter)) {
                out.say(&message).await?;
            }
        }
        out.say(&Message::End { id: out.id }).await
    };
    // It left in the middle: nobody is to be told.
    let _: Result<(), Gone> = done.await;
}

/// A name that nobody has would wait for lines that can't come.
async fn check(premises: &Premises, filter: &Filter) -> Result<(), crate::protocol::Refusal> {
    match &filter.processes {
        Some(selector) => meant(selector, &picture(premises).await?).map(|_| ()),
        None => Ok(()),
    }
}

/// A record as it goes over the wire: each line by itself.
fn messages(id: u64, record: &Record, filter: &Filter) -> Vec<Message> {
    let is_meant = |process: &ProcessName| filter.processes.as_ref().is_none_or(|selector| selector.matches(process));
    match &record.body {
        Body::Event(event) => {
            let meant = filter.events && about(event).is_none_or(is_meant);
            let record_of = || Message::Record {
                id,
                seq: record.seq,
                at: record.at,
                record: WireRecord::Event { event: (**event).clone() },
            };
            meant.then(record_of).into_iter().collect()
        }
        Body::Block(block) if filter.lines && is_meant(&block.stream.run.process) => {
            let line = |(seq, line): (u64, bus::Line<'_>)| Message::Record {
                id,
                seq,
                at: record.at,
                record: WireRecord::Line {
                    run: block.stream.run.clone(),
                    origin: block.stream.origin,
                    text: String::from_utf8_lossy(line.bytes).trim_end_matches('\r').to_owned(),
                    continues: line.continues,
                    ending: ending(line.ending),
                },
            };
            (record.seq..).zip(block.lines()).map(line).collect()
        }
        Body::Block(_) => Vec::new(),
        Body::Lagged { missed } => {
            vec![Message::Record { id, seq: record.seq, at: record.at, record: WireRecord::Lagged { missed: *missed } }]
        }
    }
}

fn ending(ending: bus::Ending) -> Ending {
    match ending {
        bus::Ending::Newline => Ending::Newline,
        bus::Ending::Paused => Ending::Paused,
        bus::Ending::Cut => Ending::Cut,
        bus::Ending::EndOfFile => Ending::EndOfFile,
    }
}

/// Whom an event is about; none for what is about everything.
fn about(event: &Event) -> Option<&ProcessName> {
    event.process()
}
