//! What expressions can see: for the ports, for a silo, for an item of a list.

use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use crate::config::{Config, Engine, EvalError, Expr, Scope, Silo};
use crate::model::SiloName;

use super::choices::Address;
use super::error::PlanError;
use super::facts::Facts;
use super::flags::Flags;

/// What every scope of a run has.
pub(super) struct Scopes<'c> {
    pub(super) config: &'c Config,
    pub(super) engine: Engine,
    pub(super) flags: Flags<'c>,
    pub(super) bind: Address,
    pub(super) root: String,
    pub(super) project: String,
    pub(super) env: Json,
    pub(super) selected: Vec<SiloName>,
    pub(super) user: (u32, u32),
}

impl<'c> Scopes<'c> {
    fn base(&self) -> Scope {
        let settings = self.config.settings.iter().map(|(name, setting)| (name.clone(), setting.value.clone()));
        let mut scope = Scope::default();
        scope.set("setting", settings.collect::<Map<_, _>>().into());
        scope.set("bind", json!({ "host": self.bind.host, "url_host": self.bind.url_host(), "port": self.bind.port }));
        scope.set("project", json!({ "name": self.project, "root": self.root }));
        scope.set("env", self.env.clone());
        scope.set("user", json!({ "uid": self.user.0, "gid": self.user.1 }));
        scope.set("asked", self.flags.asked());
        scope.set("given", self.flags.given());
        scope
    }

    /// For `[ports]`: flags are as the user gave them, so that a region started alone still knows where
    /// control will be.
    pub(super) fn for_ports(&self) -> Scope {
        let mut scope = self.base();
        scope.set("flag", self.flags.asked());
        scope
    }

    /// For a silo, its lists included.
    pub(super) fn for_silo(
        &self,
        name: &SiloName,
        silo: &Silo,
        ports: &IndexMap<String, u16>,
        errors: &mut Vec<PlanError>,
    ) -> Scope {
        let mut scope = self.base();
        scope.set("flag", self.flags.in_silo(silo));
        scope.set("silo", describe(name, silo, ports, true));
        scope.set(
            "port",
            ports.iter().map(|(name, port)| (identifier(name), (*port).into())).collect::<Map<_, _>>().into(),
        );
        scope.set("selected", self.selected.iter().map(|silo| silo.as_str().into()).collect::<Vec<Json>>().into());
        let silos = self.config.silos.iter();
        scope.set_silos(
            silos
                .map(|(name, silo)| {
                    (identifier(name.as_str()), describe(name, silo, ports, self.selected.contains(name)))
                })
                .collect(),
        );
        let lists = self.lists(silo, &scope, errors);
        scope.set("list", lists);
        scope
    }

    fn lists(&self, silo: &Silo, scope: &Scope, errors: &mut Vec<PlanError>) -> Json {
        let mut lists = Map::new();
        for (name, parts) in &self.config.lists {
            let mut items: Vec<Json> = Vec::new();
            for part in parts.iter().filter(|part| silo.is_among(&part.silos)) {
                let holds = match &part.when {
                    Some(when) => self.engine.holds(when, scope).unwrap_or_else(|error| {
                        let what = format!("`when` of list `{name}`");
                        errors.push(PlanError::evaluate(&self.config.sources, &when.origin, what, error));
                        false
                    }),
                    None => true,
                };
                if holds {
                    let more = part.from.as_ref().map(|from| self.items_from(name, from, scope, errors));
                    for item in part.items.iter().cloned().chain(more.into_iter().flatten()) {
                        if !items.contains(&item) {
                            items.push(item);
                        }
                    }
                }
            }
            lists.insert(name.clone(), items.into());
        }
        lists.into()
    }
}

impl Scopes<'_> {
    fn items_from(&self, list: &str, from: &Expr, scope: &Scope, errors: &mut Vec<PlanError>) -> Vec<Json> {
        let error = match self.engine.data(from, scope) {
            Ok(Json::Array(items)) => return items,
            Ok(other) => EvalError::Kind { expected: "a list", found: format!("`{other}`") },
            Err(error) => error,
        };
        let what = format!("`from` of list `{list}`");
        errors.push(PlanError::evaluate(&self.config.sources, &from.origin, what, error));
        Vec::new()
    }
}

/// A name as expressions can write it.
pub(super) fn identifier(name: &str) -> String {
    name.replace('-', "_")
}

/// The port of a silo: the one that is called as it is.
pub(super) fn port_of(name: &SiloName, ports: &IndexMap<String, u16>) -> Option<u16> {
    ports.iter().find(|(port, _)| identifier(port) == identifier(name.as_str())).map(|(_, port)| *port)
}

fn describe(name: &SiloName, silo: &Silo, ports: &IndexMap<String, u16>, selected: bool) -> Json {
    let mut described: Map<String, Json> = silo.vars.clone().into_iter().collect();
    described.insert("name".into(), name.as_str().into());
    described.insert("kind".into(), silo.kind.as_str().into());
    described.insert("selected".into(), selected.into());
    if let Some(port) = port_of(name, ports) {
        described.insert("port".into(), port.into());
    }
    described.into()
}

/// The environment as data, so that `env.NAME` can be asked for.
pub(super) fn environment(facts: &Facts) -> Json {
    facts.env.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect::<Map<_, _>>().into()
}
