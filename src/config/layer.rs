//! Layers: preset ← devserver.toml ← devserver.local.toml ← `DEVSERVER_SET_*` ← `--set`.
//!
//! Tables merge key by key. Blocks (`[[env]]`, `[[check]]`, `[[notice]]`, `[[list.NAME]]`) add up, the
//! lower layer's first: they are applied in order and a later one wins. Everything else is replaced.

use indexmap::map::Entry as MapEntry;
use toml::de::DeTable;

use super::error::{ConfigError, Problem};
use super::shape::{Map, ROOT, Record, Shape};
use super::source::{Origin, Sources};
use super::suggest::nearest;
use super::syntax;
use super::value::{Entry, Kind, Table, Value, from_toml, get};

/// A TOML text of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// What a person calls it: `devserver.toml`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A setting given from outside the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The setting's name.
    pub name: String,
    /// Its value, as text.
    pub value: String,
    /// Who gives it: `DEVSERVER_SET_USE_RELAY`, `--set`.
    pub given_by: String,
}

/// Parses a layer. With syntax errors the result is what could be read.
pub fn parse(layer: &Layer, sources: &mut Sources, errors: &mut Vec<ConfigError>) -> Table {
    let source = sources.add(&layer.name, &layer.text);
    let (document, problems) = DeTable::parse_recoverable(&layer.text);
    let spans = problems.iter().map(|problem| (problem.span().unwrap_or(0..0), problem.message()));
    for (span, problem) in syntax::problems(&layer.text, spans) {
        errors.push(ConfigError::at(&Origin { source, span }, problem));
    }
    let mut table = from_toml(document.get_ref(), source);
    spell_out_settings(&mut table);
    table
}

/// Merges a higher layer onto a lower one.
pub fn merge(lower: &mut Table, higher: Table) {
    merge_record(lower, higher, &ROOT);
}

fn merge_record(lower: &mut Table, higher: Table, record: &Record) {
    for (key, entry) in higher {
        let shape = record.fields.iter().find(|field| field.key == key).map(|field| field.shape);
        merge_entry(lower, key, entry, shape.unwrap_or(Shape::Anything));
    }
}

fn merge_map(lower: &mut Table, higher: Table, map: &Map) {
    for (key, entry) in higher {
        merge_entry(lower, key, entry, map.of);
    }
}

fn merge_entry(lower: &mut Table, key: String, entry: Entry, shape: Shape) {
    let mut slot = match lower.entry(key) {
        MapEntry::Vacant(slot) => {
            slot.insert(entry);
            return;
        }
        MapEntry::Occupied(slot) => slot,
    };
    let Entry { key: place, value } = entry;
    let origin = value.origin.clone();
    match (&mut slot.get_mut().value.kind, value.kind) {
        (Kind::Table(below), Kind::Table(above)) => match table_shape(shape) {
            TableShape::Record(record) => merge_record(below, above, record),
            TableShape::Map(map) => merge_map(below, above, map),
            TableShape::Other => merge_map(below, above, &UNKNOWN),
        },
        (Kind::Array(below), Kind::Array(above)) if matches!(shape, Shape::Blocks(_)) => below.extend(above),
        (_, kind) => {
            slot.insert(Entry { key: place, value: Value { kind, origin } });
        }
    }
}

enum TableShape {
    Record(&'static Record),
    Map(&'static Map),
    Other,
}

fn table_shape(shape: Shape) -> TableShape {
    match shape {
        Shape::Table(record) => TableShape::Record(record),
        Shape::Map(map) => TableShape::Map(map),
        Shape::Either(shapes) => {
            let found =
                shapes.iter().map(|shape| table_shape(*shape)).find(|found| !matches!(found, TableShape::Other));
            found.unwrap_or(TableShape::Other)
        }
        _ => TableShape::Other,
    }
}

/// Tables of a key that no shape describes merge like any other; the check of the shape reports them.
static UNKNOWN: Map = Map { noun: "value", keys: super::shape::Keys::Names, of: Shape::Anything };

/// `use_relay = true` is short for `use_relay = { default = true }`: spelled out before merging, so that a
/// higher layer can set the value and keep the choices and the help of a lower one.
fn spell_out_settings(table: &mut Table) {
    let Some(Entry { value: Value { kind: Kind::Table(settings), .. }, .. }) = table.get_mut("setting") else {
        return;
    };
    for entry in settings.values_mut() {
        if !matches!(entry.value.kind, Kind::Table(_)) {
            let origin = entry.value.origin.clone();
            let default = Entry { key: entry.key.clone(), value: entry.value.clone() };
            let kind = Kind::Table(Table::from_iter([("default".to_owned(), default)]));
            entry.value = Value { kind, origin };
        }
    }
}

/// Sets a setting from outside the files, read as the kind of value that its default is.
pub fn assign(root: &mut Table, assignment: &Assignment, sources: &mut Sources, errors: &mut Vec<ConfigError>) {
    let text = &assignment.value;
    // `--set use_relay=true`; a variable's name says the setting's.
    let whole = match assignment.given_by.as_str() {
        by if by.starts_with("--") => format!("{by} {}={text}", assignment.name),
        by => format!("{by}={text}"),
    };
    let source = sources.add_given(&whole, text);
    let origin = Origin { source, span: 0..text.len() };
    let settings = match root.get_mut("setting") {
        Some(Entry { value: Value { kind: Kind::Table(settings), .. }, .. }) => Some(settings),
        _ => None,
    };
    let known: Vec<String> = settings.iter().flat_map(|settings| settings.keys().cloned()).collect();
    let entry = settings.and_then(|settings| settings.get_mut(&assignment.name));
    let Some(Kind::Table(setting)) = entry.map(|entry| &mut entry.value.kind) else {
        let problem = Problem::UnknownSetting {
            name: assignment.name.clone(),
            suggestion: nearest(&assignment.name, known.iter().map(String::as_str)),
            known,
        };
        return errors.push(ConfigError::at(&origin, problem));
    };
    let Some(default) = get(setting, "default") else { return };
    let Some(kind) = read_like(&default.kind, text, &origin) else {
        let expected = if matches!(default.kind, Kind::Array(_)) { "a list" } else { default.kind_name() };
        let problem = Problem::WrongType {
            key: assignment.name.clone(),
            expected: expected.to_owned(),
            found: format!("`{text}`"),
            fix: None,
        };
        return errors.push(ConfigError::at(&origin, problem));
    };
    setting.insert("default".to_owned(), Entry { key: origin.clone(), value: Value { kind, origin } });
}

fn read_like(default: &Kind, text: &str, origin: &Origin) -> Option<Kind> {
    match default {
        Kind::Boolean(_) => match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "on" | "yes" => Some(Kind::Boolean(true)),
            "false" | "0" | "off" | "no" | "" => Some(Kind::Boolean(false)),
            _ => None,
        },
        Kind::Integer(_) => text.parse().ok().map(Kind::Integer),
        Kind::Float(_) => text.parse().ok().map(Kind::Float),
        Kind::Array(items) => {
            let like = items.first().map_or(Kind::String(String::new()), |item| item.kind.clone());
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            let value = |part| Some(Value { kind: read_like(&like, part, origin)?, origin: origin.clone() });
            parts.map(value).collect::<Option<Vec<_>>>().map(Kind::Array)
        }
        Kind::String(_) | Kind::Datetime(_) => Some(Kind::String(text.to_owned())),
        Kind::Table(_) => None,
    }
}
