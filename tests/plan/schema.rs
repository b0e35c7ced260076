//! The JSON Schema, held against what it describes: what we write is right by it, what the checker refuses for its
//! shape is wrong by it too.

use serde_json::Value;

use crate::support::Devserver;

/// What is wrong with a value by a schema, as far as ours uses one; `path` is where.
fn wrong(schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(types) = schema.get("type") {
        let types: Vec<&str> = match types {
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            one => one.as_str().into_iter().collect(),
        };
        if !types.iter().any(|wanted| is_of(wanted, value)) {
            return vec![format!("{path}: {value} is none of {types:?}")];
        }
    }
    if let Some(shapes) = schema.get("anyOf").and_then(Value::as_array)
        && !shapes.iter().any(|shape| wrong(shape, value, path).is_empty())
    {
        found.push(format!("{path}: {value} fits no shape"));
    }
    if let Some(among) = schema.get("enum").and_then(Value::as_array)
        && !among.contains(value)
    {
        found.push(format!("{path}: {value} is not among {among:?}"));
    }
    if let (Some(pattern), Some(text)) = (schema.get("pattern").and_then(Value::as_str), value.as_str())
        && !regex::Regex::new(pattern).expect("its patterns are patterns").is_match(text)
    {
        found.push(format!("{path}: {text} doesn't match {pattern}"));
    }
    let bound = |key: &str| schema.get(key).and_then(Value::as_i64);
    if let Some(number) = value.as_i64()
        && (bound("minimum").is_some_and(|least| number < least) || bound("maximum").is_some_and(|most| number > most))
    {
        found.push(format!("{path}: {number} is out of range"));
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        found.extend(values.iter().enumerate().flat_map(|(at, item)| wrong(items, item, &format!("{path}[{at}]"))));
    }
    for (key, inside) in value.as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        match of_key(schema, key) {
            Some(shape) => found.extend(wrong(shape, inside, &path)),
            None if schema.get("additionalProperties") == Some(&Value::Bool(false)) => {
                found.push(format!("{path} is no key"));
            }
            None => {}
        }
    }
    found
}

fn is_of(wanted: &str, value: &Value) -> bool {
    match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("the schema has the type {other}, which this test doesn't know"),
    }
}

fn of_key<'s>(schema: &'s Value, key: &str) -> Option<&'s Value> {
    let named = schema.get("properties").and_then(|properties| properties.get(key));
    let patterns = schema.get("patternProperties").and_then(Value::as_object).into_iter().flatten();
    let matches = |pattern: &str| regex::Regex::new(pattern).expect("its patterns are patterns").is_match(key);
    named.or_else(|| patterns.filter(|(pattern, _)| matches(pattern)).map(|(_, shape)| shape).next())
}

pub(crate) fn against(toml: &str) -> Vec<String> {
    let table: toml::Table = toml.parse().expect("it is TOML");
    let value = serde_json::to_value(table).expect("TOML without dates is JSON");
    wrong(&devserver::config::json_schema(), &value, "")
}

#[test]
fn every_file_that_we_write_is_right_by_the_schema() {
    for toml in [
        include_str!("../../templates/presets/sentry.toml"),
        include_str!("../../templates/starter.toml"),
        include_str!("../../devserver.toml"),
        super::layers::MINE,
        super::view::SHOP,
    ] {
        assert_eq!(against(toml), Vec::<String>::new());
    }
}

#[test]
fn what_is_of_the_wrong_shape_is_wrong_by_the_schema() {
    let table = [
        ("colour = true", ".colour is no key"),
        ("[service.web]\ncomand = \"x\"", ".service.web.comand is no key"),
        ("[service.web]\npty = \"true\"", ".service.web.pty: \"true\" is none of [\"boolean\"]"),
        ("[service.\"My Service\"]", ".service.My Service is no key"),
        ("[service.web]\nenv = { \"A-B\" = \"1\" }", ".service.web.env.A-B is no key"),
        ("[service.web]\nport = 70000", ".service.web.port: 70000 fits no shape"),
        ("[bind]\nport = 0", ".bind.port: 0 is out of range"),
        ("[flag.x]\nshort = \"ab\"", ".flag.x.short: ab doesn't match ^[A-Za-z0-9]$"),
        ("[service.web]\nsilos = \"a\"", ".service.web.silos: \"a\" is none of [\"array\"]"),
        ("[list.a]\nitems = []", ".list.a: {\"items\":[]} is none of [\"array\"]"),
        ("[setting]\nuse-relay = true", ".setting.use-relay is no key"),
        (
            "[service.web]\nrestart = \"sometimes\"",
            ".service.web.restart: \"sometimes\" is not among [String(\"never\"), String(\"on-failure\"), String(\"always\")]",
        ),
    ];
    for (toml, says) in table {
        assert_eq!(against(toml), [says], "{toml}");
        let said = Devserver::of(toml).args("config check").run();
        assert_eq!(said.code, 3, "the checker refuses it too: {toml}\n{}", said.stderr);
    }
}

#[test]
fn the_schema_is_printed_without_any_configuration() {
    let said = Devserver::new().args("config schema").run();
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let printed: Value = serde_json::from_str(&said.stdout).expect("it is JSON");
    assert_eq!(printed, devserver::config::json_schema());
    assert_eq!(printed["$schema"], "https://json-schema.org/draft/2020-12/schema");
}
