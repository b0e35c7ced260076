//! `[log]`: how the stream looks, and what its lines mean. The patterns that everyone has are data too.

use indexmap::IndexMap;

use super::decode::{size, text, texts, truth};
use super::error::{ConfigError, Problem};
use super::layer::{Layer, parse};
use super::schema::{Config, Log};
use super::source::{Origin, Sources};
use super::value::{Table, Value, get};
use crate::model::{Level, LogKind, LogRule};

/// The patterns and words that are there without any configuration.
const BUILT_IN: &str = include_str!("../../templates/log.toml");

pub(super) fn log(root: &Table) -> Log {
    let empty = Table::new();
    let table = get(root, "log").and_then(Value::as_table).unwrap_or(&empty);
    let layer = Layer { name: "the built-in patterns".to_owned(), text: BUILT_IN.to_owned() };
    let built_in = parse(&layer, &mut Sources::default(), &mut Vec::new());
    let mut levels = levels(&built_in);
    levels.extend(self::levels(table));
    Log {
        prefix: truth(table, "prefix").unwrap_or(true),
        timestamps: truth(table, "timestamps").unwrap_or(true),
        store: truth(table, "store").unwrap_or(true),
        max_size: size(table, "max_size").unwrap_or(10 << 20),
        max_total: size(table, "max_total").unwrap_or(200 << 20),
        mask: texts(table, "mask"),
        pretty: truth(table, "pretty"),
        patterns: over(
            &patterns(table),
            patterns(&built_in).into_iter().filter_map(|(name, rule)| Some((name, rule?))),
        ),
        levels,
    }
}

/// Patterns over those below them: new ones first, those of the same name in their place.
fn over(
    above: &IndexMap<String, Option<LogRule>>,
    below: impl IntoIterator<Item = (String, LogRule)>,
) -> IndexMap<String, LogRule> {
    let below: IndexMap<String, LogRule> = below.into_iter().collect();
    let new = above.iter().filter(|(name, _)| !below.contains_key(*name));
    let mut all: IndexMap<String, LogRule> =
        new.filter_map(|(name, rule)| Some((name.clone(), rule.clone()?))).collect();
    for (name, rule) in below {
        let rule = match above.get(&name) {
            Some(replaced) => replaced.clone(),
            None => Some(rule),
        };
        all.extend(rule.map(|rule| (name, rule)));
    }
    all
}

impl Config {
    /// The patterns for the lines of a service, in the order in which they are tried: its own, then those of all.
    pub fn log_rules(&self, service: &str) -> Vec<LogRule> {
        let own = self.services.iter().find(|(name, _)| name.as_str() == service).map(|(_, service)| &service.patterns);
        match own {
            Some(own) => over(own, self.log.patterns.clone()).into_values().collect(),
            None => self.log.patterns.values().cloned().collect(),
        }
    }
}

/// Of a table with `pattern`: each, or none where it is taken away.
pub(super) fn patterns(table: &Table) -> IndexMap<String, Option<LogRule>> {
    let entries = get(table, "pattern").and_then(Value::as_table).into_iter().flatten();
    let pattern = |(name, entry): (&String, &super::value::Entry)| match (entry.value.as_bool(), entry.value.as_table())
    {
        (Some(false), _) => Some((name.clone(), None)),
        (_, Some(table)) => Some((name.clone(), Some(rule(name, table)?))),
        _ => None,
    };
    entries.filter_map(pattern).collect()
}

fn rule(name: &str, table: &Table) -> Option<LogRule> {
    Some(LogRule {
        name: name.to_owned(),
        kind: text(table, "kind")?.parse().ok()?,
        matches: text(table, "match")?,
        level: text(table, "level").and_then(|level| level.parse().ok()),
        within: text(table, "within"),
        last: text(table, "last"),
        joins: text(table, "joins"),
        dim: text(table, "dim"),
    })
}

fn levels(table: &Table) -> IndexMap<String, Level> {
    let words = get(table, "level").and_then(Value::as_table).into_iter().flatten();
    words.filter_map(|(word, entry)| Some((word.clone(), entry.value.as_str()?.parse().ok()?))).collect()
}

/// A pattern must be able to say what its kind is about.
pub(super) fn check(config: &Config, errors: &mut Vec<ConfigError>) {
    let tables = |at: &str, table: Option<&Table>| {
        let patterns = table.and_then(|table| get(table, "pattern")).and_then(Value::as_table);
        let named = patterns
            .into_iter()
            .flatten()
            .filter_map(|(name, entry)| Some((format!("{at}.pattern.{name}"), entry.value.as_table()?.clone())));
        named.collect::<Vec<_>>()
    };
    let log = |table: &Table| get(table, "log").and_then(Value::as_table).cloned();
    let mut all = tables("log", log(&config.merged).as_ref());
    let services = get(&config.merged, "service").and_then(Value::as_table).into_iter().flatten();
    for (name, entry) in services {
        let own = entry.value.as_table().and_then(log);
        all.extend(tables(&format!("service.{name}.log"), own.as_ref()));
    }
    for (path, table) in all {
        let (Some(rule), Some(value)) = (rule("", &table), get(&table, "match")) else { continue };
        let Ok(pattern) = regex::Regex::new(&rule.matches) else { continue };
        let has = |group: &str| pattern.capture_names().flatten().any(|name| name == group);
        let missing = match rule.kind {
            LogKind::Access if !has("status") => "a request is known by its group `status`: (?P<status>\\d{3})",
            LogKind::Level if rule.level.is_none() && !has("level") => {
                "a level is in a group, (?P<level>[A-Z]+), or else in the key `level`"
            }
            _ => continue,
        };
        errors.push(form(&value.origin, format!("{path}.match"), &rule.matches, missing));
    }
}

fn form(origin: &Origin, key: String, value: &str, why: &str) -> ConfigError {
    ConfigError::at(origin, Problem::Form { key, value: value.to_owned(), why: why.to_owned(), fix: None })
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Layer, Texts, load};

    fn config(text: &str) -> Config {
        let layers = vec![Layer { name: "devserver.toml".to_owned(), text: text.to_owned() }];
        load(&Texts { preset: None, layers, assignments: Vec::new() }).expect("it is a good one")
    }

    #[test]
    fn own_patterns_come_before_replace_and_take_away_those_of_all() {
        let bare = config("");
        assert!(bare.log.patterns.len() > 20 && bare.log.levels.len() > 10, "there are many");
        let config = config(
            r#"
[log.pattern]
level-npm = false
ready-uwsgi = { kind = "ready", match = "^up$" }
mine = { kind = "level", match = "^!", level = "warn" }
[log.level]
schlimm = "error"
[service.web]
command = ["true"]
[service.web.log.pattern]
mine = false
access-uwsgi = false
own = { kind = "prompt", match = '^\? $' }
"#,
        );
        let names = |service| config.log_rules(service).into_iter().map(|rule| rule.name).collect::<Vec<_>>();
        let (all, web) = (names("worker"), names("web"));
        assert_eq!((all[0].as_str(), all.len()), ("mine", bare.log.patterns.len()), "one more, one less");
        assert_eq!((web[0].as_str(), web.len()), ("own", all.len() - 1));
        let ready = config.log_rules("web").into_iter().find(|rule| rule.name == "ready-uwsgi").expect("it is there");
        assert_eq!(ready.matches, "^up$");
        assert_eq!(config.log.levels["schlimm"].to_string(), "error");
        assert_eq!(config.log.levels["warning"].to_string(), "warn");
    }
}
