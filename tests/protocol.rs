//! docs/protocol.md is what this program says and understands: each line in it is read and written back, and
//! nothing is without an example.

use std::collections::BTreeSet;

use devserver::model::{Event, Phase};
use devserver::protocol::{Answer, Call, Message, RefusalKind, Request, Until, WaitOutcome, WireRecord};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const DOCS: &str = include_str!("../docs/protocol.md");

/// The lines of the blocks of this kind.
fn lines(kind: &str) -> Vec<&'static str> {
    let (mut lines, mut inside) = (Vec::new(), false);
    for line in DOCS.lines() {
        match line.strip_prefix("```") {
            Some(fence) => inside = fence == kind,
            None if inside => lines.push(line),
            None => {}
        }
    }
    assert!(!lines.is_empty(), "there are examples of a {kind}");
    lines
}

#[track_caller]
fn reads_and_writes<T: DeserializeOwned + Serialize>(line: &str) {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    let read: T = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!(serde_json::to_value(read).expect("it can be written"), value, "{line}");
}

/// The names that a type knows for its tag, as it says itself when it is given another.
fn known<T: DeserializeOwned>(nonsense: &Value) -> BTreeSet<String> {
    let error = serde_json::from_value::<T>(nonsense.clone()).err().expect("it is nonsense").to_string();
    let (_, list) = error.split_once("expected").unwrap_or_else(|| panic!("it lists what it knows: {error}"));
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The values of this key in these lines.
fn tags(lines: &[&str], key: &str) -> BTreeSet<String> {
    let value =
        |line: &&str| serde_json::from_str::<Value>(line).expect("it was read")[key].as_str().map(str::to_owned);
    lines.iter().filter_map(value).collect()
}

#[test]
fn every_line_in_the_docs_is_what_is_said_and_understood() {
    for line in lines("request") {
        let call = Call::parse(line.as_bytes()).unwrap_or_else(|(_, error)| panic!("{line}: {error}"));
        let value: Value = serde_json::from_str(line).expect("it was read");
        assert_eq!(serde_json::to_value(call).expect("it can be written"), value, "{line}");
    }
    lines("message").into_iter().for_each(reads_and_writes::<Message>);
    lines("status").into_iter().for_each(reads_and_writes::<Phase>);
    lines("event").into_iter().for_each(reads_and_writes::<Event>);
}

#[test]
fn nothing_is_without_an_example() {
    assert_eq!(tags(&lines("request"), "request"), known::<Request>(&json!({ "request": "?" })));
    assert_eq!(tags(&lines("message"), "message"), known::<Message>(&json!({ "message": "?" })));
    assert_eq!(tags(&lines("message"), "answer"), known::<Answer>(&json!({ "answer": "?" })));
    assert_eq!(tags(&lines("message"), "record"), known::<WireRecord>(&json!({ "record": "?" })));
    assert_eq!(tags(&lines("event"), "event"), known::<Event>(&json!({ "event": "?" })));
    for phase in known::<Phase>(&json!({ "phase": "?" })) {
        assert!(DOCS.contains(&format!("`{phase}`")), "the phase {phase}");
    }
    let words = known::<RefusalKind>(&json!("?")).into_iter().chain(known::<WaitOutcome>(&json!("?")));
    for word in words.chain(known::<Until>(&json!("?"))) {
        assert!(DOCS.contains(&format!("`{word}`")), "{word}");
    }
}
