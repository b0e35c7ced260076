//! What was said, for those who come later: a ring for each process, and one for events.

use std::collections::VecDeque;

use super::Record;

/// The latest records, bounded in numbers and in bytes. It always has room for one record, however big.
#[derive(Debug, Default)]
pub(super) struct Ring {
    records: VecDeque<Record>,
    numbers: u64,
    weight: usize,
}

impl Ring {
    /// Keeps a record, and moves out those for which there is no room any more.
    pub(super) fn push(&mut self, record: Record, numbers: u64, weight: usize, out: &mut Vec<Record>) {
        self.numbers += record.numbers();
        self.weight += record.weight();
        self.records.push_back(record);
        while self.records.len() > 1 && (self.numbers > numbers || self.weight > weight) {
            let Some(oldest) = self.records.pop_front() else { break };
            self.numbers -= oldest.numbers();
            self.weight -= oldest.weight();
            out.push(oldest);
        }
    }

    /// What is kept, oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.records.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::bus::block::tests::block;
    use crate::bus::{Body, Record};

    proptest! {
        #[test]
        fn the_ring_holds_its_bounds_and_the_latest(sizes in prop::collection::vec(1usize..40, 1..60)) {
            let (mut ring, mut out, mut seq) = (Ring::default(), Vec::new(), 1);
            for size in sizes {
                let lines = block("web", "line\n".repeat(size).as_bytes());
                let record = Record { seq, at: lines.at, body: Body::Block(Arc::new(lines)) };
                seq += record.numbers();
                ring.push(record, 50, 2000, &mut out);
                let kept: u64 = ring.iter().map(Record::numbers).sum();
                let weight: usize = ring.iter().map(Record::weight).sum();
                prop_assert!(ring.records.len() == 1 || (kept <= 50 && weight <= 2000));
                let gone: u64 = out.iter().map(Record::numbers).sum();
                prop_assert_eq!(gone + kept, seq - 1);
                prop_assert_eq!(ring.iter().last().map(|last| last.seq + last.numbers()), Some(seq));
            }
        }
    }
}
