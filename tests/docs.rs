//! docs/config.md has an entry for each key of the file, and for no other; its examples are good.

use std::collections::BTreeSet;

use devserver::config::{Layer, ROOT, Record, Shape, Texts, load};

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
