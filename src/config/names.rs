//! Which names an expression may use where: checked when the file is loaded, so that `setting.use_rely` is
//! an error with a line and a suggestion before anything runs.

use std::collections::BTreeSet;

use super::error::{ConfigError, Problem};
use super::expr::{Engine, EvalError, Expr, Template};
use super::schema::Config;
use super::source::{Origin, Sources};
use super::suggest::{listed, nearest};

/// Where an expression stands, which decides what it can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Under `[ports]`: worked out before there are silos, ports and lists.
    Ports,
    /// Anywhere for a silo.
    Silo,
    /// In a service that is repeated over a list.
    Item,
}

/// Every name that is declared, by namespace.
pub(super) struct Names<'c> {
    sources: &'c Sources,
    engine: Engine,
    flags: Vec<String>,
    settings: Vec<String>,
    silo: Vec<String>,
    ports: Vec<String>,
    lists: Vec<String>,
    renders: Vec<String>,
    silos: Vec<String>,
}

impl<'c> Names<'c> {
    pub(super) fn new(config: &'c Config) -> Self {
        let vars = config.silos.values().flat_map(|silo| silo.vars.keys().cloned());
        let silo: BTreeSet<String> = ["name", "kind", "port"].map(str::to_owned).into_iter().chain(vars).collect();
        Self {
            sources: &config.sources,
            engine: Engine::new(),
            flags: config.flags.keys().map(crate::model::FlagName::in_expressions).collect(),
            settings: config.settings.keys().cloned().collect(),
            silo: silo.into_iter().collect(),
            ports: config.ports.keys().map(|name| name.replace('-', "_")).collect(),
            lists: config.lists.keys().cloned().collect(),
            renders: config.renders.keys().cloned().collect(),
            silos: config.silos.keys().map(|name| name.as_str().replace('-', "_")).collect(),
        }
    }

    pub(super) fn expression(&self, expr: &Expr, place: Place, errors: &mut Vec<ConfigError>) {
        self.check(self.engine.names_in_expression(&expr.text), "expression", &expr.origin, place, errors);
    }

    pub(super) fn template(&self, template: &Template, place: Place, errors: &mut Vec<ConfigError>) {
        self.check(self.engine.names_in_template(&template.text), "template", &template.origin, place, errors);
    }

    fn check(
        &self,
        names: Result<BTreeSet<String>, EvalError>,
        what: &'static str,
        origin: &Origin,
        place: Place,
        errors: &mut Vec<ConfigError>,
    ) {
        match names {
            Err(error) => {
                errors.push(ConfigError::at(origin, Problem::Expression { what, why: error.to_string() }));
            }
            Ok(names) => {
                let unknown = names.iter().filter_map(|name| Some((name, self.unknown(name, place)?)));
                errors.extend(unknown.map(|(name, (suggestion, note))| {
                    let origin = origin.of_word(self.sources, name);
                    let name = name.clone();
                    ConfigError::at(
                        &origin,
                        match note {
                            Some(note) => Problem::UnknownVariable { name, suggestion, note },
                            None => Problem::Namespace { name },
                        },
                    )
                }));
            }
        }
    }

    /// None if the name is known; else the nearest known one, and what may be named; without the latter where it
    /// is a whole namespace.
    fn unknown(&self, name: &str, place: Place) -> Option<(Option<String>, Option<String>)> {
        let (namespace, rest) = name.split_once('.').map_or((name, None), |(namespace, rest)| (namespace, Some(rest)));
        let only_silos = |known: &'static str| {
            let note = || Some(format!("`{known}` can't be used here: ports are worked out first"));
            (place == Place::Ports).then(|| (None, note()))
        };
        let member = |known: &[String]| {
            let Some(rest) = rest else {
                return Some((None, None));
            };
            let first = rest.split('.').next().unwrap_or(rest);
            if known.iter().any(|name| name == first) {
                return None;
            }
            let suggestion = nearest(first, known.iter().map(String::as_str)).map(|name| format!("{namespace}.{name}"));
            let note = match known {
                [] => format!("no {namespace} is declared"),
                known => format!("known here are {}", listed(known.iter().map(String::as_str))),
            };
            Some((suggestion, Some(note)))
        };
        match namespace {
            "flag" | "asked" | "given" => member(&self.flags),
            "setting" => member(&self.settings),
            "bind" => member(&["host", "url_host", "port"].map(str::to_owned)),
            "user" => member(&["uid".to_owned(), "gid".to_owned()]),
            "project" => member(&["name".to_owned(), "root".to_owned()]),
            "env" if rest.is_some() => None,
            "env" => member(&[]),
            "silo" => only_silos("silo").or_else(|| member(&self.silo)),
            "port" => only_silos("port").or_else(|| member(&self.ports)),
            "list" => only_silos("list").or_else(|| member(&self.lists)),
            "render" => only_silos("render").or_else(|| member(&self.renders)),
            "silos" => only_silos("silos").or_else(|| rest.and_then(|_| member(&self.silos))),
            "selected" => only_silos("selected"),
            "each" if place == Place::Item => None,
            "each" => Some((None, Some("`each` is known only in a service that has the key `each`".to_owned()))),
            _ => {
                let spaces = "flag, setting, silo, port, bind, list, each, env, render, silos, selected, project, user, asked, given";
                let suggestion = nearest(namespace, spaces.split(", "));
                let suggestion = suggestion.map(|space| rest.map_or(space.clone(), |rest| format!("{space}.{rest}")));
                let in_flags = self.flags.iter().any(|flag| flag == namespace).then(|| format!("flag.{namespace}"));
                let in_settings =
                    self.settings.iter().any(|name| name == namespace).then(|| format!("setting.{namespace}"));
                Some((in_flags.or(in_settings).or(suggestion), Some(format!("names begin with {spaces}"))))
            }
        }
    }
}
