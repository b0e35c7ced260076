//! The merged file as a tree in which every key and value knows its origin.

use indexmap::IndexMap;
use toml::de::{DeTable, DeValue};

use super::source::{Origin, SourceId};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub origin: Origin,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A string.
    String(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// A date or a time, which no key of ours takes.
    Datetime(String),
    /// A list.
    Array(Vec<Value>),
    /// A table.
    Table(Table),
}

/// A table: its keys in the order in which they were first written.
pub type Table = IndexMap<String, Entry>;

/// A key's place and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where the key stands.
    pub key: Origin,
    /// What it is set to.
    pub value: Value,
}

impl Value {
    /// The text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth, if it is a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self.kind {
            Kind::Boolean(truth) => Some(truth),
            _ => None,
        }
    }

    /// The number, if it is a whole one.
    pub fn as_integer(&self) -> Option<i64> {
        match self.kind {
            Kind::Integer(number) => Some(number),
            _ => None,
        }
    }

    /// The items, if it is a list.
    pub fn as_array(&self) -> Option<&[Value]> {
        match &self.kind {
            Kind::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, if it is a table.
    pub fn as_table(&self) -> Option<&Table> {
        match &self.kind {
            Kind::Table(table) => Some(table),
            _ => None,
        }
    }

    /// What a person calls this kind of value.
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::String(_) => "a string",
            Kind::Integer(_) => "a whole number",
            Kind::Float(_) => "a number with a fraction",
            Kind::Boolean(_) => "true or false",
            Kind::Datetime(_) => "a date",
            Kind::Array(_) => "a list",
            Kind::Table(_) => "a table",
        }
    }

    /// The value as data for expressions and JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.kind {
            Kind::String(text) | Kind::Datetime(text) => text.clone().into(),
            Kind::Integer(number) => (*number).into(),
            Kind::Float(number) => (*number).into(),
            Kind::Boolean(truth) => (*truth).into(),
            Kind::Array(items) => items.iter().map(Self::to_json).collect(),
            Kind::Table(table) => table
                .iter()
                .map(|(key, entry)| (key.clone(), entry.value.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

/// Looks up a key's value.
pub fn get<'t>(table: &'t Table, key: &str) -> Option<&'t Value> {
    table.get(key).map(|entry| &entry.value)
}

/// Takes over a parsed TOML table, with the place of everything in it.
pub fn from_toml(table: &DeTable<'_>, source: SourceId) -> Table {
    let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let name: &std::borrow::Cow<'_, str> = key.get_ref();
        let key = Origin { source, span: key.span() };
        (name.to_string(), Entry { key, value: value_from(value, source) })
    };
    table.iter().map(entry).collect()
}

fn value_from(value: &toml::Spanned<DeValue<'_>>, source: SourceId) -> Value {
    let kind = match value.get_ref() {
        DeValue::String(text) => Kind::String(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Kind::Integer(number),
            // Too large for any key of ours; as a float it fails the same check, with its own text.
            Err(_) => Kind::Float(number.as_str().parse().unwrap_or(f64::INFINITY)),
        },
        DeValue::Float(number) => Kind::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(truth) => Kind::Boolean(*truth),
        DeValue::Datetime(datetime) => Kind::Datetime(datetime.to_string()),
        DeValue::Array(items) => Kind::Array(items.iter().map(|item| value_from(item, source)).collect()),
        DeValue::Table(table) => Kind::Table(from_toml(table, source)),
    };
    Value { kind, origin: Origin { source, span: value.span() } }
}

/// A key as TOML writes it: in quotes where it must be.
pub fn key_to_toml(key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if bare { key.to_owned() } else { toml::Value::String(key.to_owned()).to_string() }
}

impl Value {
    /// The value as TOML writes it, on one line.
    pub fn to_toml(&self) -> String {
        match &self.kind {
            Kind::String(text) => toml::Value::String(text.clone()).to_string(),
            Kind::Datetime(text) => text.clone(),
            Kind::Integer(number) => number.to_string(),
            Kind::Float(number) => toml::Value::Float(*number).to_string(),
            Kind::Boolean(truth) => truth.to_string(),
            Kind::Array(items) => {
                let items: Vec<String> = items.iter().map(Self::to_toml).collect();
                format!("[{}]", items.join(", "))
            }
            Kind::Table(table) => {
                let entries: Vec<String> = table
                    .iter()
                    .map(|(key, entry)| format!("{} = {}", key_to_toml(key), entry.value.to_toml()))
                    .collect();
                format!("{{ {} }}", entries.join(", "))
            }
        }
    }
}
