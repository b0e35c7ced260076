//! `[database]` → where the silos' databases are: its templates filled in, each silo's as that silo sees it.

use std::path::Path;

use serde_json::Value as Json;

use crate::config::{Config, Scope, Template};
use crate::model::{Databases, SiloDatabase};

use super::choices::Choices;
use super::error::{PlanError, PlanErrors};
use super::facts::Facts;
use super::planner::scopes;
use super::ports;

/// Works out `[database]`; nothing where the configuration has none.
///
/// # Errors
/// With everything because of which it can't be worked out.
pub fn databases(config: &Config, choices: &Choices, facts: &Facts) -> Result<Option<Databases>, PlanErrors> {
    let Some(database) = &config.database else { return Ok(None) };
    let mut errors = Vec::new();
    let scopes = scopes(config, choices, facts, &mut Vec::new(), &mut errors);
    let ports = ports::ports(&scopes, &mut errors);
    let failed = |errors| PlanErrors { sources: config.sources.clone(), errors };
    if !errors.is_empty() {
        return Err(failed(errors));
    }
    // What isn't said for a silo is as the monolith sees it: it has everything.
    let whole = config.silos.iter().find(|(_, silo)| silo.exclusive).or_else(|| config.silos.first());
    let scope = whole.map(|(name, silo)| scopes.for_silo(name, silo, &ports, &mut errors)).unwrap_or_default();
    let mut fill = |template: &Template, scope: &Scope, key: &str| {
        scopes.engine.fill(template, scope).unwrap_or_else(|error| {
            errors.push(PlanError::evaluate(&config.sources, &template.origin, key, error));
            String::new()
        })
    };
    let url = database.url.as_ref().map(|url| fill(url, &scope, "database.url")).unwrap_or_default();
    let monolith = database.monolith.as_ref().map(|name| fill(name, &scope, "database.monolith"));
    let mut all = |templates: &[Template], key: &str| -> Vec<String> {
        templates.iter().map(|template| fill(template, &scope, key)).collect()
    };
    let exec = all(&database.exec, "database.exec");
    let ask = all(&database.ask, "database.ask");
    let settings = all(&database.settings, "database.settings");
    let mut silos = Vec::new();
    let mut lists = Vec::new();
    for (name, silo) in config.silos.iter().filter(|(_, silo)| !silo.exclusive) {
        let own = scopes.for_silo(name, silo, &ports, &mut lists);
        let database = match database.silos.get(name) {
            Some((template, _)) => fill(template, &own, &format!("database.silos.{name}")),
            None => name.to_string(),
        };
        let region = silo.vars.get("region").and_then(Json::as_str).unwrap_or(name.as_str()).to_owned();
        silos.push(SiloDatabase { silo: name.clone(), kind: silo.kind.clone(), region, database });
    }
    errors.extend(lists);
    if !errors.is_empty() {
        return Err(failed(errors));
    }
    Ok(Some(Databases {
        url,
        monolith: monolith.unwrap_or_else(|| scopes.project.clone()),
        silos,
        region: database.region.clone(),
        legacy_region: database.legacy_region.clone(),
        exec,
        ask,
        tables: database.tables.as_ref().map(|file| facts.folder.join(file)),
        mappings: database.mappings.clone(),
        migrations: database.migrations.clone(),
        settings: settings.iter().map(|file| file_of(file, facts, Path::new(&scopes.root))).collect(),
        overrides: database.overrides.clone(),
    }))
}

/// A path as one writes it: below the project's folder, or below one's own with `~/`.
fn file_of(path: &str, facts: &Facts, root: &Path) -> std::path::PathBuf {
    match (path.strip_prefix("~/"), facts.env.get("HOME")) {
        (Some(rest), Some(home)) => Path::new(home).join(rest),
        _ => root.join(path),
    }
}
