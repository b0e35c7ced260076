//! docs/faults.md has every row, and every test that it names is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const FAULTS: &str = include_str!("../../docs/faults.md");

/// What rows there are: a letter, and how many.
const ROWS: [(char, usize); 5] = [('P', 32), ('T', 16), ('L', 17), ('W', 13), ('R', 11)];

/// Rows that may say why they have no test.
const UNTESTABLE: [&str; 7] = ["P14", "P25", "P26", "R02", "R04", "R06", "R08"];

/// Rows that are still without one. It may only become shorter.
const OPEN: [&str; 19] = [
    "T12", "W01", "W02", "W03", "W04", "W05", "W06", "W07", "W08", "W09", "W10", "W11", "W12", "W13", "R01", "R03",
    "R09", "R10", "R11",
];

/// The names of all functions that are tests.
fn tests() -> BTreeSet<String> {
    fn read(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).expect("the folder is there").flatten() {
            let path = entry.path();
            if path.is_dir() {
                read(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).expect("it is text");
                let mut is_test = false;
                for line in text.lines().map(str::trim) {
                    is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
                    let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
                    if let Some(name) = name.filter(|_| is_test).and_then(|rest| rest.split('(').next()) {
                        found.insert(name.to_owned());
                        is_test = false;
                    }
                }
            }
        }
    }
    let mut found = BTreeSet::new();
    for folder in ["src", "tests"] {
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    }
    found
}

#[test]
fn every_fault_has_its_row_and_every_row_a_test_that_is_there() {
    let tests = tests();
    let mut rows = BTreeMap::new();
    for line in FAULTS.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| row ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [id, fault, answer, shown] = cells[..] else { panic!("it hasn't four cells: {line}") };
        assert!(!fault.is_empty() && !answer.is_empty(), "{line}");
        assert!(rows.insert(id, shown).is_none(), "{id} is there twice");
        match shown {
            "no test" => assert!(UNTESTABLE.contains(&id) && answer.starts_with("no test: "), "{line}"),
            "none yet" => assert!(OPEN.contains(&id), "{id} has lost its test"),
            named => {
                assert!(!OPEN.contains(&id), "{id} has a test now: take it from the list");
                for name in named.split(", ") {
                    let name = name.trim_matches('`');
                    assert!(tests.contains(name), "{id} names the test `{name}`, which isn't there");
                }
            }
        }
    }
    let known: BTreeSet<String> = ROWS
        .iter()
        .flat_map(|(letter, count)| (1..=*count).map(move |number| format!("{letter}{number:02}")))
        .collect();
    let listed: BTreeSet<String> = rows.keys().map(|id| (*id).to_owned()).collect();
    assert_eq!(listed, known);
}
