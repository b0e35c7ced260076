//! The promises of the bus: no gap, no double, in order, bounds held, pressure relieved.

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::bus::Batch;
use crate::bus::block::tests::{block, stream};

const SMALL: Limits = Limits { history_lines: 40, history_bytes: 4000, history_events: 10, high: 3000, waiver: 1000 };

fn notice(text: &str) -> Event {
    Event::Notice { text: text.into() }
}

fn now_there(subscription: &mut Subscription) -> Vec<Record> {
    let mut records = Vec::new();
    while subscription.next_batch(&mut records, Some(Duration::ZERO)) == Batch::Records {}
    records
}

#[derive(Debug, Clone)]
enum Step {
    Publish { process: u8, lines: usize },
    Emit,
    Subscribe(From, Kind),
    Take(usize),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let from = prop_oneof![Just(From::Start), Just(From::Now), (0usize..60).prop_map(From::Tail)];
    let kind = prop_oneof![Just(Kind::Lossless), Just(Kind::Lossy)];
    prop_oneof![
        6 => (0u8..3, 1usize..30).prop_map(|(process, lines)| Step::Publish { process, lines }),
        2 => Just(Step::Emit),
        1 => (from, kind).prop_map(|(from, kind)| Step::Subscribe(from, kind)),
        3 => (0usize..8).prop_map(Step::Take),
        1 => (0usize..8).prop_map(Step::Drop),
    ]
}

/// A subscriber that checks what it gets.
struct Checker {
    subscription: Subscription,
    kind: Kind,
    /// The number that must come next; none until the first record of a kept tail.
    next: Option<Seq>,
}

impl Checker {
    fn take(&mut self) -> Result<(), TestCaseError> {
        for record in now_there(&mut self.subscription) {
            if let Some(next) = self.next {
                prop_assert_eq!(record.seq, next, "no gap, no double, in order");
            }
            match &record.body {
                Body::Block(block) => {
                    for (index, line) in block.lines().enumerate() {
                        let text = format!("{} {}", block.stream.run.process, record.seq + index as u64);
                        prop_assert_eq!(line.bytes, text.as_bytes());
                    }
                }
                Body::Event(event) => prop_assert_eq!(&**event, &notice(&record.seq.to_string())),
                Body::Lagged { .. } => prop_assert_eq!(self.kind, Kind::Lossy),
            }
            self.next = Some(record.seq + record.numbers());
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn every_subscriber_sees_every_number_once_and_in_order(steps in prop::collection::vec(step(), 1..120)) {
        let bus = Bus::new(SMALL);
        let mut next: Seq = 1;
        let mut checkers: Vec<Checker> = Vec::new();
        for step in steps {
            match step {
                Step::Publish { process, lines } => {
                    let process = format!("p{process}");
                    let text: String =
                        (0..lines as u64).map(|index| format!("{process} {}\n", next + index)).collect();
                    let pressed = bus.publish(block(&process, text.as_bytes())).is_some();
                    next += lines as u64;
                    prop_assert_eq!(pressed, bus.0.lock().above(SMALL.high));
                }
                Step::Emit => {
                    bus.emit(Timestamp::UNIX_EPOCH, notice(&next.to_string()));
                    next += 1;
                }
                Step::Subscribe(from, kind) => {
                    let mut subscription = bus.subscribe(from, kind);
                    // What is kept of several rings may have gaps between them; all that comes later has none.
                    let kept = now_there(&mut subscription);
                    let ordered = kept.windows(2).all(|pair| pair[0].seq + pair[0].numbers() <= pair[1].seq);
                    prop_assert!(ordered);
                    if let (From::Tail(most), Kind::Lossless) = (from, kind) {
                        prop_assert!(kept.iter().map(Record::numbers).sum::<u64>() <= most as u64);
                    }
                    checkers.push(Checker { subscription, kind, next: Some(next) });
                }
                Step::Take(at) => {
                    if let Some(checker) = checkers.get_mut(at) {
                        checker.take()?;
                        prop_assert_eq!(checker.next, Some(next));
                    }
                }
                Step::Drop(at) => {
                    if at < checkers.len() {
                        checkers.swap_remove(at);
                    }
                }
            }
            let state = bus.0.lock();
            prop_assert_eq!(state.subscribers.len(), checkers.len());
            for subscriber in &state.subscribers {
                let one_record = 1000;
                let bound = SMALL.high + one_record;
                prop_assert!(subscriber.queue.kind == Kind::Lossless || subscriber.queue.weight() <= bound);
            }
        }
        bus.close();
        for checker in &mut checkers {
            checker.take()?;
            prop_assert_eq!(checker.next, Some(next));
            prop_assert_eq!(checker.subscription.next_batch(&mut Vec::new(), None), Batch::Closed);
        }
    }

    #[test]
    fn a_tail_is_exactly_so_many_of_the_latest(sizes in prop::collection::vec(1usize..9, 1..6), tail in 0usize..50) {
        let bus = Bus::new(SMALL);
        let mut all = Vec::new();
        for size in sizes {
            let lines: Vec<String> = (0..size).map(|index| format!("line {}\n", all.len() + index)).collect();
            let _ = bus.publish(block("web", lines.concat().as_bytes()));
            all.extend(lines);
        }
        let mut got = Vec::new();
        for record in now_there(&mut bus.subscribe(From::Tail(tail), Kind::Lossless)) {
            let Body::Block(block) = record.body else { panic!("only lines were published") };
            got.push(String::from_utf8(block.bytes.to_vec()).expect("text"));
        }
        prop_assert!(all.len() <= 40, "all is kept");
        prop_assert_eq!(got.concat(), all[all.len().saturating_sub(tail)..].concat());
    }
}

#[test]
fn subscribers_that_come_in_mid_flood_miss_nothing_and_get_nothing_twice() {
    let bus = Bus::new(Limits { history_lines: 1_000_000, history_bytes: usize::MAX, ..Limits::default() });
    std::thread::scope(|scope| {
        for publisher in 0..4 {
            let bus = bus.clone();
            scope.spawn(move || {
                for count in 0..2000 {
                    let _ = bus.publish(block(&format!("p{publisher}"), format!("{count}\n").as_bytes()));
                }
            });
        }
        for _ in 0..6 {
            let mut subscription = bus.subscribe(From::Start, Kind::Lossless);
            scope.spawn(move || {
                let (mut records, mut next) = (Vec::new(), 1);
                while next <= 8000 {
                    records.clear();
                    let batch = subscription.next_batch(&mut records, Some(Duration::from_secs(30)));
                    assert_eq!(batch, Batch::Records);
                    for record in &records {
                        assert_eq!(record.seq, next);
                        next += record.numbers();
                    }
                }
            });
        }
    });
}

fn pressed(bus: &Bus, process: &str) -> Pressure {
    let text = [b"x".repeat(499), b"\n".to_vec()].concat();
    for _ in 0..10 {
        let pressure = bus.publish(block(process, &text));
        if pressure.is_some() {
            return pressure;
        }
    }
    panic!("there is no pressure after 5000 bytes");
}

async fn soon(relieved: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(20), relieved).await.expect("the pressure is relieved");
}

async fn not_yet(relieved: std::pin::Pin<&mut impl Future<Output = ()>>) {
    let polled = tokio::time::timeout(Duration::ZERO, relieved).await;
    assert!(polled.is_err(), "the pressure was relieved too early");
}

#[tokio::test]
async fn pressure_lasts_until_the_subscriber_has_taken_what_there_is() {
    let bus = Bus::new(SMALL);
    let mut subscription = bus.subscribe(From::Now, Kind::Lossless);
    let mut relieved = pin!(pressed(&bus, "web").relieved());
    not_yet(relieved.as_mut()).await;
    bus.emit(Timestamp::UNIX_EPOCH, notice("events never wait"));
    let mut records = Vec::new();
    assert_eq!(subscription.next(&mut records).await, Batch::Records);
    soon(relieved).await;
    assert!(matches!(records.last().map(|record| &record.body), Some(Body::Event(_))));
}

#[tokio::test]
async fn pressure_ends_with_the_subscription_or_the_bus() {
    let bus = Bus::new(SMALL);
    let subscription = bus.subscribe(From::Now, Kind::Lossless);
    let mut relieved = pin!(pressed(&bus, "web").relieved());
    not_yet(relieved.as_mut()).await;
    drop(subscription);
    soon(relieved).await;

    let _slow = bus.subscribe(From::Now, Kind::Lossless);
    let mut relieved = pin!(pressed(&bus, "web").relieved());
    not_yet(relieved.as_mut()).await;
    bus.close();
    soon(relieved).await;
}

#[tokio::test]
async fn a_stopping_run_may_say_its_last_words_but_no_more_than_those() {
    let bus = Bus::new(SMALL);
    let _slow = bus.subscribe(From::Now, Kind::Lossless);
    let mut relieved = pin!(pressed(&bus, "web").relieved());
    not_yet(relieved.as_mut()).await;
    let run = stream("web").run;
    bus.waive(&run);
    soon(relieved).await;
    let words = || block("web", &[b"x".repeat(399), b"\n".to_vec()].concat());
    assert!(!bus.publish(words()).is_some(), "within the waiver");
    let pressure = bus.publish(words());
    assert!(pressure.is_some(), "the waiver is used up");
    bus.waive(&run);
    let mut relieved = pin!(pressure.relieved());
    not_yet(relieved.as_mut()).await;
    assert!(bus.publish(block("worker", b"hello\n")).is_some(), "others still wait");
}

#[tokio::test]
async fn lossy_subscribers_press_nobody() {
    let bus = Bus::new(SMALL);
    let _slow = bus.subscribe(From::Now, Kind::Lossy);
    let text = [b"x".repeat(499), b"\n".to_vec()].concat();
    for _ in 0..20 {
        assert!(!bus.publish(block("web", &text)).is_some());
    }
}

#[tokio::test]
async fn a_task_that_waits_for_records_is_woken() {
    let bus = Bus::new(SMALL);
    let mut subscription = bus.subscribe(From::Now, Kind::Lossless);
    let waiter = tokio::spawn(async move {
        let mut records = Vec::new();
        let batch = subscription.next(&mut records).await;
        (batch, records.len(), subscription.next(&mut records).await)
    });
    tokio::task::yield_now().await;
    let _ = bus.publish(block("web", b"hello\n"));
    tokio::task::yield_now().await;
    bus.close();
    let waited = tokio::time::timeout(Duration::from_secs(20), waiter).await.expect("it was woken");
    assert_eq!(waited.expect("it didn't panic"), (Batch::Records, 1, Batch::Closed));
}
