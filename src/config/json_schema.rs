//! The shape of the file as a JSON Schema (draft 2020-12), for editors.

use serde_json::{Value, json};

use super::shape::{Keys, Map, ROOT, Record, Shape};

/// The schema of devserver.toml.
pub fn json_schema() -> Value {
    let mut schema = record(&ROOT);
    let root = schema.as_object_mut().expect("a record is an object");
    // A preset may bring what the file itself leaves out.
    root.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    root.insert("title".into(), "devserver.toml".into());
    schema
}

fn record(record: &Record) -> Value {
    let property = |field: &super::shape::Field| {
        let mut value = shape(field.shape);
        if let Some(object) = value.as_object_mut() {
            object.insert("description".into(), field.help.into());
        }
        (field.key.to_owned(), value)
    };
    let properties: serde_json::Map<String, Value> = record.fields.iter().map(property).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn map(map: &Map) -> Value {
    let pattern = match map.keys {
        Keys::Names => "^[a-z0-9][a-z0-9_-]{0,62}$",
        Keys::Identifiers => "^[a-z][a-z0-9_]*$",
        Keys::Targets => r"^[a-z0-9][a-z0-9_-]{0,62}(\.[a-z0-9][a-z0-9_-]{0,62})?$",
        Keys::Variables => "^[A-Za-z_][A-Za-z0-9_]*$",
    };
    json!({ "type": "object", "patternProperties": { pattern: shape(map.of) }, "additionalProperties": false })
}

fn shape(of: Shape) -> Value {
    match of {
        Shape::Text | Shape::Template | Shape::Expression => json!({ "type": "string" }),
        Shape::PortExpression => json!({ "anyOf": [
            { "type": "string" }, { "type": "integer", "minimum": 1, "maximum": 65535 }
        ] }),
        Shape::Truth => json!({ "type": "boolean" }),
        Shape::Number(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Duration => json!({ "type": "string", "examples": ["500ms", "10s", "2m"] }),
        Shape::Name => json!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,62}$" }),
        Shape::Letter => json!({ "type": "string", "pattern": "^[A-Za-z0-9]$" }),
        Shape::Regex => json!({ "type": "string", "format": "regex" }),
        Shape::Signal => json!({ "type": "string", "enum": [
            "TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "KILL",
            "SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGKILL"
        ] }),
        Shape::Choice(choices) => json!({ "type": "string", "enum": choices }),
        Shape::Value => json!({ "type": ["string", "integer"] }),
        Shape::Scalar => json!({ "type": ["string", "integer", "number", "boolean"] }),
        Shape::Anything => json!({}),
        Shape::List(of) => json!({ "type": "array", "items": shape(*of) }),
        Shape::Blocks(of) => json!({ "type": "array", "items": record(of) }),
        Shape::Map(of) => map(of),
        Shape::Table(of) => record(of),
        Shape::Either(shapes) => json!({ "anyOf": shapes.iter().map(|of| shape(*of)).collect::<Vec<_>>() }),
    }
}
