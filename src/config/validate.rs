//! Holds a merged file against its shape, and reports everything that doesn't fit.

use crate::model::{ServiceName, Signal, parse_duration, parse_size};

use super::error::{ConfigError, Problem};
use super::shape::{Field, Keys, Map, Record, Shape};
use super::suggest::{listed, nearest};
use super::value::{Entry, Kind, Table, Value};

/// Checks a table against a record. `path` is the table's own name, as `service.server`.
pub fn record(table: &Table, record: &Record, path: &str, errors: &mut Vec<ConfigError>) {
    for (key, entry) in table {
        match record.fields.iter().find(|field| field.key == key) {
            Some(field) => value(&entry.value, field.shape, &join(path, key), errors),
            None => errors.push(unknown_key(key, entry, record, path)),
        }
    }
}

/// Checks that what a record requires is there. Separate, because only the merged file has to be complete.
pub fn complete(table: &Table, record: &Record, origin: &Value, path: &str, errors: &mut Vec<ConfigError>) {
    let missing = |field: &&Field| field.required && !table.contains_key(field.key);
    for field in record.fields.iter().filter(missing) {
        let problem = Problem::MissingKey { key: field.key.to_owned(), table: describe(record, path) };
        errors.push(ConfigError::at(&origin.origin, problem));
    }
}

fn unknown_key(key: &str, entry: &Entry, record: &Record, path: &str) -> ConfigError {
    let known = || record.fields.iter().map(|field| field.key);
    let problem = Problem::UnknownKey {
        key: key.to_owned(),
        table: describe(record, path),
        suggestion: nearest(key, known()),
        known: known().map(str::to_owned).collect(),
    };
    ConfigError::at(&entry.key, problem)
}

/// `service `server`` for `service.server`; just the noun where the table has no name of its own.
fn describe(record: &Record, path: &str) -> String {
    match path.rsplit_once('.') {
        Some((_, name)) if path.split('.').next() == Some(record.noun) => format!("{} `{name}`", record.noun),
        Some((above, _)) if !record.noun.starts_with("the ") => format!("the {} of `{above}`", record.noun),
        _ => record.noun.to_owned(),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn value(value: &Value, shape: Shape, path: &str, errors: &mut Vec<ConfigError>) {
    match (shape, &value.kind) {
        (Shape::Anything | Shape::Scalar, Kind::String(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Boolean(_))
        | (Shape::Anything, Kind::Array(_) | Kind::Table(_))
        | (Shape::Text | Shape::Template | Shape::Expression | Shape::PortExpression | Shape::Value, Kind::String(_))
        | (Shape::Value, Kind::Integer(_))
        | (Shape::Truth, Kind::Boolean(_)) => {}
        (Shape::Number(least, most), Kind::Integer(number)) => range(*number, least, most, value, path, errors),
        (Shape::PortExpression, Kind::Integer(number)) => range(*number, 1, 65535, value, path, errors),
        (Shape::Letter, Kind::String(text)) => {
            let mut letters = text.chars();
            if !(letters.next().is_some_and(|c| c.is_ascii_alphanumeric()) && letters.next().is_none()) {
                let (key, value_text) = (path.to_owned(), text.clone());
                let why = "a short name is one letter or digit".to_owned();
                errors.push(ConfigError::at(&value.origin, Problem::Form { key, value: value_text, why, fix: None }));
            }
        }
        (Shape::Duration, Kind::String(text)) => {
            if let Err(error) = parse_duration(text) {
                let problem = Problem::Duration { key: path.to_owned(), why: error.to_string() };
                errors.push(ConfigError::at(&value.origin, problem));
            }
        }
        (Shape::Size, Kind::String(text)) => {
            if parse_size(text).is_none() {
                let problem = Problem::Size { key: path.to_owned(), text: text.clone() };
                errors.push(ConfigError::at(&value.origin, problem));
            }
        }
        (Shape::Name, Kind::String(text)) => name(text, value, errors),
        (Shape::Regex, Kind::String(text)) => {
            if let Err(error) = regex::Regex::new(text) {
                let why = error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                errors.push(ConfigError::at(&value.origin, Problem::Pattern { key: path.to_owned(), why }));
            }
        }
        (Shape::Signal, Kind::String(text)) => {
            if text.parse::<Signal>().is_err() || !STOPPING.contains(&text.trim_start_matches("SIG")) {
                errors.push(ConfigError::at(&value.origin, no_signal(path, text)));
            }
        }
        (Shape::Choice(choices), Kind::String(text)) => {
            if !choices.contains(&text.as_str()) {
                errors.push(ConfigError::at(&value.origin, not_among(path, text, choices)));
            }
        }
        (Shape::List(of), Kind::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                self::value(item, *of, &format!("{path}[{index}]"), errors);
            }
        }
        (Shape::Blocks(record), Kind::Array(items)) => {
            for item in items {
                match &item.kind {
                    Kind::Table(table) => table_of(table, record, item, path, errors),
                    _ => errors.push(wrong_type(item, shape, path)),
                }
            }
        }
        (Shape::Map(map), Kind::Table(table)) => map_of(table, map, path, errors),
        (Shape::Table(record), Kind::Table(table)) => table_of(table, record, value, path, errors),
        (Shape::Either(shapes), _) => match shapes.iter().find(|shape| fits(**shape, &value.kind)) {
            Some(shape) => self::value(value, *shape, path, errors),
            None => errors.push(wrong_type(value, shape, path)),
        },
        _ => errors.push(wrong_type(value, shape, path)),
    }
}

const STOPPING: [&str; 7] = ["TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "KILL"];

fn table_of(table: &Table, shape: &Record, origin: &Value, path: &str, errors: &mut Vec<ConfigError>) {
    record(table, shape, path, errors);
    complete(table, shape, origin, path, errors);
}

fn map_of(table: &Table, map: &Map, path: &str, errors: &mut Vec<ConfigError>) {
    for (key, entry) in table {
        if let Err(why) = key_fits(key, map.keys) {
            errors.push(ConfigError::at(&entry.key, Problem::Name { why, fix: like(key, map.keys) }));
        }
        value(&entry.value, map.of, &join(path, key), errors);
    }
}

fn key_fits(key: &str, keys: Keys) -> Result<(), String> {
    let first_is = |test: fn(char) -> bool| key.chars().next().is_some_and(test);
    match keys {
        Keys::Names => ServiceName::new(key).map(|_| ()).map_err(|error| error.to_string()),
        Keys::Targets => key
            .splitn(2, '.')
            .try_for_each(|part| ServiceName::new(part).map(|_| ()))
            .map_err(|error| error.to_string()),
        Keys::Identifiers => {
            let fits = first_is(|c| c.is_ascii_lowercase())
                && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            let why = || format!("`{key}` can't be used in expressions: lowercase letters, digits and `_` can");
            fits.then_some(()).ok_or_else(why)
        }
        Keys::Variables => {
            let fits = first_is(|c| c.is_ascii_alphabetic() || c == '_')
                && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            fits.then_some(()).ok_or_else(|| format!("`{key}` can't be the name of an environment variable"))
        }
    }
}

/// The nearest that the alphabet allows: `my-service` for `My Service`.
fn like(key: &str, keys: Keys) -> Option<String> {
    let joint = if matches!(keys, Keys::Names | Keys::Targets) { '-' } else { '_' };
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || (c == '-' && joint == '-');
    let letters = key.trim().chars().map(|c| if is_letter(c) { c } else { joint });
    let letters: String = match keys {
        Keys::Variables => letters.collect(),
        Keys::Names | Keys::Targets | Keys::Identifiers => letters.map(|c| c.to_ascii_lowercase()).collect(),
    };
    let name = letters.trim_matches(['-', '_']);
    (name.len() > 1 && key_fits(name, keys).is_ok()).then(|| format!("call it `{name}`"))
}

fn name(text: &str, value: &Value, errors: &mut Vec<ConfigError>) {
    if let Err(error) = ServiceName::new(text) {
        let problem = Problem::Name { why: error.to_string(), fix: like(text, Keys::Names) };
        errors.push(ConfigError::at(&value.origin, problem));
    }
}

fn range(number: i64, least: i64, most: i64, value: &Value, path: &str, errors: &mut Vec<ConfigError>) {
    if !(least..=most).contains(&number) {
        let problem = Problem::OutOfRange { key: path.to_owned(), value: number, least, most };
        errors.push(ConfigError::at(&value.origin, problem));
    }
}

/// A signal that there is, but that stops nothing, isn't a slip of the pen; `sigterm` and `SIGTREM` are.
fn no_signal(path: &str, text: &str) -> Problem {
    let upper = text.to_uppercase();
    let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
    let exists = text.parse::<Signal>().is_ok();
    Problem::NotAmong {
        key: path.to_owned(),
        value: text.to_owned(),
        suggestion: if exists { None } else { nearest(bare, STOPPING.iter().copied()) },
        allowed: STOPPING.iter().map(|&signal| signal.to_owned()).collect(),
    }
}

fn not_among(path: &str, text: &str, allowed: &[&str]) -> Problem {
    Problem::NotAmong {
        key: path.to_owned(),
        value: text.to_owned(),
        suggestion: nearest(text, allowed.iter().copied()),
        allowed: allowed.iter().map(|&choice| choice.to_owned()).collect(),
    }
}

fn wrong_type(value: &Value, shape: Shape, path: &str) -> ConfigError {
    let found = match &value.kind {
        Kind::Boolean(truth) => format!("`{truth}`"),
        Kind::Integer(_) | Kind::Float(_) => format!("the number {}", value.to_toml()),
        Kind::String(_) | Kind::Datetime(_) | Kind::Array(_) | Kind::Table(_) => value.kind_name().to_owned(),
    };
    let problem =
        Problem::WrongType { key: path.to_owned(), expected: expected(shape), found, fix: fix(value, shape, path) };
    ConfigError::at(&value.origin, problem)
}

/// What was meant, where the value is right but for its quotes or its brackets.
fn fix(value: &Value, shape: Shape, path: &str) -> Option<String> {
    let text = value.to_toml();
    match &value.kind {
        Kind::String(inside) => {
            let bare = match inside.as_str() {
                "true" | "false" => Kind::Boolean(true),
                other => Kind::Integer(other.parse().ok().unwrap_or_default()),
            };
            let is_bare = matches!(bare, Kind::Boolean(_)) || inside.parse::<i64>().is_ok();
            if is_bare && fits(shape, &bare) {
                return Some(format!("write it without quotes: {inside}"));
            }
            let is_list = matches!(shape, Shape::List(of) if fits(*of, &value.kind));
            is_list.then(|| format!("write it as a list: [{text}]"))
        }
        Kind::Boolean(_) | Kind::Integer(_) | Kind::Float(_) => {
            if let (Shape::Duration, Kind::Integer(number)) = (shape, &value.kind) {
                return Some(format!("write it with a unit: \"{number}s\""));
            }
            let quoted = fits(shape, &Kind::String(text.clone()));
            let is_free = !matches!(shape, Shape::Duration | Shape::Signal | Shape::Choice(_));
            (quoted && is_free).then(|| format!("write it in quotes: \"{text}\""))
        }
        Kind::Table(_) => matches!(shape, Shape::Blocks(_)).then(|| format!("write it as [[{path}]]")),
        Kind::Datetime(_) | Kind::Array(_) => None,
    }
}

/// Whether a value is of the kind that the shape asks for, whatever is in it.
fn fits(shape: Shape, kind: &Kind) -> bool {
    match shape {
        Shape::Text
        | Shape::Template
        | Shape::Expression
        | Shape::Duration
        | Shape::Size
        | Shape::Name
        | Shape::Letter
        | Shape::Regex
        | Shape::Signal
        | Shape::Choice(_) => matches!(kind, Kind::String(_)),
        Shape::PortExpression | Shape::Value => matches!(kind, Kind::String(_) | Kind::Integer(_)),
        Shape::Truth => matches!(kind, Kind::Boolean(_)),
        Shape::Number(..) => matches!(kind, Kind::Integer(_)),
        Shape::Scalar => matches!(kind, Kind::String(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Boolean(_)),
        Shape::Anything => true,
        Shape::List(_) | Shape::Blocks(_) => matches!(kind, Kind::Array(_)),
        Shape::Map(_) | Shape::Table(_) => matches!(kind, Kind::Table(_)),
        Shape::Either(shapes) => shapes.iter().any(|shape| fits(*shape, kind)),
    }
}

fn expected(shape: Shape) -> String {
    match shape {
        Shape::Text | Shape::Template | Shape::Expression | Shape::Regex | Shape::Name => "a string".into(),
        Shape::Letter => "one letter".into(),
        Shape::PortExpression => "a port or an expression for one".into(),
        Shape::Value => "a string or a whole number".into(),
        Shape::Truth => "true or false".into(),
        Shape::Number(..) => "a whole number".into(),
        Shape::Size => "a size such as \"10MB\"".into(),
        Shape::Duration => "a duration such as \"10s\"".into(),
        Shape::Signal => "a signal's name such as \"TERM\"".into(),
        Shape::Choice(choices) => format!("one of {}", listed(choices.iter().copied())),
        Shape::Scalar => "a string, a number, or true or false".into(),
        Shape::Anything => "a table".into(),
        Shape::List(of) => match expected(*of).as_str() {
            "a string" => "a list of strings".into(),
            other => format!("a list, each item {other}"),
        },
        Shape::Blocks(record) => format!("a list of tables, each a{} {}", n(record.noun), record.noun),
        Shape::Map(_) | Shape::Table(_) => "a table".into(),
        Shape::Either(shapes) => {
            let all: Vec<String> = shapes.iter().map(|shape| expected(*shape)).collect();
            match all.split_last() {
                Some((last, [one])) => format!("{one} or {last}"),
                Some((last, rest)) if !rest.is_empty() => format!("{}, or {last}", rest.join(", ")),
                _ => all.concat(),
            }
        }
    }
}

fn n(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "n" } else { "" }
}
