//! `[silo.NAME]`: a silo that extends another takes over what it doesn't say itself.

use indexmap::IndexMap;

use crate::model::SiloName;

use super::decode::{silo_name, text, variables};
use super::error::{ConfigError, Problem};
use super::schema::Silo;
use super::suggest::nearest;
use super::value::{Kind, Table, Value, get};

/// Every silo, each with what it extends already taken in.
pub(super) fn silos(root: &Table, errors: &mut Vec<ConfigError>) -> IndexMap<SiloName, Silo> {
    let empty = Table::new();
    let declared = get(root, "silo").and_then(Value::as_table).unwrap_or(&empty);
    let mut silos = IndexMap::new();
    for (key, entry) in declared {
        let (Some(name), Some(table)) = (silo_name(key), entry.value.as_table()) else { continue };
        let line = ancestry(&name, declared, errors);
        silos.insert(name, silo(&line, declared, table));
    }
    if declared.is_empty() {
        let (name, silo) = only();
        silos.insert(name, silo);
    }
    silos
}

/// The one silo of a project that declares none: everything in one instance, names without a prefix.
fn only() -> (SiloName, Silo) {
    let name = SiloName::new("monolith").expect("it is made of lowercase letters");
    let silo = Silo {
        help: None,
        kind: name.clone(),
        is_a: vec![name.clone()],
        prefix: String::new(),
        exclusive: true,
        autostart: true,
        defaults: IndexMap::new(),
        force: IndexMap::new(),
        vars: IndexMap::new(),
        env: IndexMap::new(),
    };
    (name, silo)
}

/// The silo, what it extends, what that extends, and so on, as far as that is declared.
fn ancestry(name: &SiloName, declared: &Table, errors: &mut Vec<ConfigError>) -> Vec<SiloName> {
    let mut line = vec![name.clone()];
    loop {
        let current = line.last().expect("the line starts with the silo itself");
        let value = get(declared, current.as_str()).and_then(Value::as_table).and_then(|table| get(table, "extends"));
        let Some((value, above)) = value.and_then(|value| Some((value, value.as_str()?))) else { return line };
        if line.iter().any(|silo| silo.as_str() == above) {
            // Each silo of a circle finds it; the one that comes first in the file reports it.
            let in_circle = line.first().is_some_and(|first| first.as_str() == above);
            let first = declared.keys().find(|key| line.iter().any(|silo| silo.as_str() == *key));
            if in_circle && first.is_some_and(|first| first == above) {
                let path = line.iter().map(SiloName::to_string).chain([above.to_owned()]).collect();
                errors.push(ConfigError::at(&value.origin, Problem::ExtendsCycle { path }));
            }
            return line;
        }
        if !declared.contains_key(above) {
            // Said for the silo itself; those that extend it in turn would only repeat it.
            if line.len() > 1 {
                return line;
            }
            let problem = Problem::UnknownReference {
                what: "silo",
                name: above.to_owned(),
                by: format!("silo `{current}` extends"),
                suggestion: nearest(above, declared.keys().map(String::as_str).filter(|key| *key != current.as_str())),
                known: declared.keys().cloned().collect(),
            };
            errors.push(ConfigError::at(&value.origin, problem));
            return line;
        }
        let Some(above) = silo_name(above) else { return line };
        line.push(above);
    }
}

fn silo(line: &[SiloName], declared: &Table, own: &Table) -> Silo {
    let tables = || line.iter().filter_map(|name| get(declared, name.as_str()).and_then(Value::as_table));
    let truth = |key| tables().find_map(|table| get(table, key)?.as_bool());
    // From the root down, so that the nearer one wins.
    let merged = |key: &str| {
        let mut all = IndexMap::new();
        for table in tables().collect::<Vec<_>>().into_iter().rev() {
            for (name, entry) in get(table, key).and_then(Value::as_table).into_iter().flatten() {
                all.insert(name.clone(), (entry.value.to_json(), entry.value.origin.clone()));
            }
        }
        all
    };
    let mut env = IndexMap::new();
    for table in tables().collect::<Vec<_>>().into_iter().rev() {
        env.extend(variables(table, "env"));
    }
    let name = line.first().expect("the line starts with the silo itself");
    Silo {
        help: text(own, "help"),
        kind: line.last().expect("the line starts with the silo itself").clone(),
        is_a: line.to_vec(),
        // Its own name, even where the silo that it extends goes without: two silos can't share names.
        prefix: text(own, "prefix").unwrap_or_else(|| name.to_string()),
        exclusive: truth("exclusive").unwrap_or(false),
        autostart: get(own, "autostart").and_then(Value::as_bool).unwrap_or(true),
        defaults: merged("defaults"),
        force: merged("force"),
        vars: merged("vars").into_iter().map(|(name, (value, _))| (name, value)).collect(),
        env,
    }
}

/// The expression; a stand-in for what was reported as none.
fn port_of(value: &Value) -> super::expr::Expr {
    let stand_in = || super::expr::Expr { text: "1".to_owned(), origin: value.origin.clone() };
    super::decode::expr_of(value).unwrap_or_else(stand_in)
}

/// Ports: those under `[ports]`, and those that silos say themselves.
pub(super) fn ports(root: &Table) -> IndexMap<String, super::expr::Expr> {
    let mut ports = IndexMap::new();
    let named = get(root, "ports").and_then(Value::as_table).into_iter().flatten();
    ports.extend(named.map(|(name, entry)| (name.clone(), port_of(&entry.value))));
    for (name, entry) in get(root, "silo").and_then(Value::as_table).into_iter().flatten() {
        let Kind::Table(table) = &entry.value.kind else { continue };
        if let Some(port) = get(table, "port") {
            ports.insert(name.clone(), port_of(port));
        }
    }
    ports
}
