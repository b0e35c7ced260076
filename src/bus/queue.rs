//! The queue of one subscriber: bounded, and either lossless or lossy.

use std::collections::VecDeque;

use super::{Body, Record};

/// What happens when a subscriber is slower than what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It gets everything: above its high mark those who publish lines have to wait.
    Lossless,
    /// Its oldest records are dropped, and a `Lagged` tells it so.
    Lossy,
}

/// What a subscriber hasn't taken yet.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) kind: Kind,
    records: VecDeque<Record>,
    weight: usize,
    events: usize,
}

impl Queue {
    /// Events never wait, so a lossless subscriber that takes nothing for days could gather them without end.
    const EVENTS: usize = 10_000;

    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, records: VecDeque::new(), weight: 0, events: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// Puts a record at the end. A lossy queue keeps to `room` bytes (and always has room for one record).
    pub(super) fn push(&mut self, record: Record, room: usize) {
        if self.kind == Kind::Lossless && matches!(record.body, Body::Event(_)) && self.events >= Self::EVENTS {
            return self.push_missed(&record);
        }
        self.weight += record.weight();
        self.events += usize::from(matches!(record.body, Body::Event(_)));
        self.records.push_back(record);
        if self.kind == Kind::Lossy && self.weight > room {
            self.drop_oldest(room);
        }
    }

    fn drop_oldest(&mut self, room: usize) {
        let Some(first) = self.pop() else { return };
        let (mut missed, seq, mut at) = (first.numbers(), first.seq, first.at);
        while self.weight > room && self.records.len() > 1 {
            let Some(next) = self.pop() else { break };
            missed += next.numbers();
            at = next.at;
        }
        let lagged = Record { seq, at, body: Body::Lagged { missed } };
        self.weight += lagged.weight();
        self.records.push_front(lagged);
    }

    fn push_missed(&mut self, record: &Record) {
        if let Some(Record { body: Body::Lagged { missed }, .. }) = self.records.back_mut() {
            *missed += 1;
            return;
        }
        let lagged = Record { seq: record.seq, at: record.at, body: Body::Lagged { missed: 1 } };
        self.weight += lagged.weight();
        self.records.push_back(lagged);
    }

    fn pop(&mut self) -> Option<Record> {
        let record = self.records.pop_front()?;
        self.weight -= record.weight();
        self.events -= usize::from(matches!(record.body, Body::Event(_)));
        Some(record)
    }

    /// Moves out the oldest records: at least one if there is any, then as many as fit into `most` bytes.
    pub(super) fn take(&mut self, most: usize, into: &mut Vec<Record>) {
        let mut taken = 0;
        while taken < most {
            let Some(record) = self.pop() else { break };
            taken += record.weight();
            into.push(record);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::model::Event;

    #[test]
    fn a_lossless_queue_that_nobody_takes_from_says_how_many_events_it_dropped() {
        let mut queue = Queue::new(Kind::Lossless);
        let event = Arc::new(Event::Notice { text: "hello".into() });
        for seq in 1..=Queue::EVENTS as u64 + 5 {
            queue.push(Record { seq, at: Timestamp::UNIX_EPOCH, body: Body::Event(event.clone()) }, 0);
        }
        let mut records = Vec::new();
        queue.take(usize::MAX, &mut records);
        assert_eq!(records.len(), Queue::EVENTS + 1);
        let last = records.last().expect("there are some");
        assert!(matches!(last.body, Body::Lagged { missed: 5 }), "{last:?}");
        assert_eq!((last.seq, queue.weight(), queue.events), (Queue::EVENTS as u64 + 1, 0, 0));
    }
}
