//! docs/config.md has an entry for each key of the file, and for no other; its examples are good.

mod faults;

use std::collections::BTreeSet;

use devserver::config::{Layer, ROOT, Record, Shape, Texts, load};

use crate::support::Devserver;

const DOCS: &str = include_str!("../docs/config.md");

fn keys(record: &Record, path: &str, found: &mut BTreeSet<String>) {
    for field in record.fields {
        let path = if path.is_empty() { field.key.to_owned() } else { format!("{path}.{}", field.key) };
        below(field.shape, &path, found);
        found.insert(path);
    }
}

fn below(shape: Shape, path: &str, found: &mut BTreeSet<String>) {
    match shape {
        Shape::Table(record) | Shape::Blocks(record) => keys(record, path, found),
        Shape::Map(map) => below(map.of, &format!("{path}.NAME"), found),
        Shape::List(of) => below(*of, path, found),
        Shape::Either(shapes) => shapes.iter().for_each(|shape| below(*shape, path, found)),
        _ => {}
    }
}

#[test]
fn every_key_has_its_entry_and_every_entry_its_key() {
    let mut known = BTreeSet::new();
    keys(&ROOT, "", &mut known);
    let row = |line: &str| Some(line.strip_prefix("| `")?.split_once("` |")?.0.to_owned());
    // The table of namespaces is above the first section of keys.
    let (_, reference) = DOCS.split_once("## The file").expect("the section is there");
    let documented: BTreeSet<String> = reference.lines().filter_map(row).collect();
    let missing: Vec<&String> = known.difference(&documented).collect();
    let stale: Vec<&String> = documented.difference(&known).collect();
    assert!(missing.is_empty() && stale.is_empty(), "without an entry: {missing:?}; without a key: {stale:?}");
}

/// The cells of a row; a bar in a cell is written `\|`.
fn cells(line: &str) -> Vec<String> {
    let inside = line.trim_start_matches("| ").trim_end_matches(" |").replace("\\|", "\u{0}");
    inside.split(" | ").map(|cell| cell.replace('\u{0}', "|")).collect()
}

#[test]
fn every_entry_says_what_is_there_if_it_is_not_given_and_has_an_example_that_fits() {
    let (_, reference) = DOCS.split_once("## The file").expect("the section is there");
    for line in reference.lines().filter(|line| line.starts_with("| `")) {
        let row = cells(line);
        let [key, _, unless_given, example, _] = row.as_slice() else { panic!("it hasn't five cells: {line}") };
        assert!(!unless_given.is_empty(), "{line}");
        let (key, example) = (key.trim_matches('`'), example.trim_matches('`').trim());
        let (table, last) = key.rsplit_once('.').unwrap_or(("", key));
        // `[[env]]` and `[[list.NAME]]` are lists of tables; what lies in one is in their last.
        let is_block = ["env", "check", "notice", "list.NAME", "database.mappings"].contains(&table);
        let head = match (table, is_block) {
            ("", _) => String::new(),
            (table, true) => format!("[[{table}]]\n"),
            (table, false) => format!("[{table}]\n"),
        };
        let toml = [format!("{head}{last} = {example}\n"), format!("{example}\n")];
        let readable = toml.iter().find(|toml| toml.parse::<toml::Table>().is_ok());
        let toml = readable.unwrap_or_else(|| panic!("the example of {key} isn't TOML: {example}"));
        // Names that stand for any are in capitals, which no name of a file may have.
        let toml = toml.replace("NAME", "name");
        assert_eq!(crate::plan::against_schema(&toml), Vec::<String>::new(), "{key}: {toml}");
    }
}

/// The objects that a text shows, by the kind of event; lines have none.
fn objects(text: &str) -> Vec<(Option<String>, BTreeSet<String>)> {
    let objects = text.lines().filter(|line| line.starts_with('{')).map(|line| {
        let object: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let object = object.as_object().expect("it is one").clone();
        let kind = object.get("event").and_then(|kind| kind.as_str()).map(str::to_owned);
        (kind, object.keys().cloned().collect())
    });
    objects.collect()
}

#[test]
fn the_objects_of_the_stream_are_those_that_the_docs_show() {
    let said = Devserver::of(
        r#"
[[notice]]
text = "hello"
[service.web]
command = "echo [INFO] one"
restart = "on-failure"
[service.bad]
command = ["sh", "-c", "exit 1"]
backoff = { min = "1ms", max = "2ms", give_up_after = 2 }
[service.last]
command = ["sleep", "1"]
exit_on_end = true
"#,
    )
    .args("--json")
    .run();
    said.ends_with_code(0);
    let printed = objects(&said.stdout);
    let mut shown = 0;
    for (kind, keys) in objects(include_str!("../docs/logs.md")) {
        let same = printed.iter().find(|(other, _)| *other == kind);
        let (_, real) = same.unwrap_or_else(|| panic!("{kind:?} isn't printed:\n{}", said.stdout));
        assert_eq!(*real, keys, "{kind:?}");
        shown += 1;
    }
    assert!(shown >= 5, "the docs show some");
    assert!(said.stdout.lines().all(|line| line.starts_with('{')), "nothing else is printed:\n{}", said.stdout);
    assert!(said.stdout.contains(r#""level":"info","text":"[INFO] one""#), "{}", said.stdout);
}

/// Every example, together with what the others declare, is a good configuration.
#[test]
fn the_examples_load() {
    let parts = DOCS.split("```toml\n").skip(1).map(|rest| rest.split("```").next().expect("an end"));
    let text = parts.collect::<Vec<_>>().join("\n");
    let declared = "[silo.monolith]\n[silo.control]\n[service.webpack]\ncommand = [\"webpack\"]\n\
                    [flag.watchers]\n[flag.celery-beat]\n[flag.workers]\n";
    let text = format!("{text}\n{declared}").replace("[setting]\n", "[setting]\nkafka = \"127.0.0.1:9092\"\n");
    let layers = vec![Layer { name: "docs/config.md".into(), text }];
    if let Err(errors) = load(&Texts { preset: None, layers, assignments: Vec::new() }) {
        let said: Vec<String> = errors.errors.iter().map(|error| error.problem.to_string()).collect();
        panic!("{}", said.join("\n"));
    }
}
