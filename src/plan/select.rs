//! Silo × service × item → who runs; and for everyone else, why not.

use serde_json::Value as Json;

use crate::config::{Config, Each, Engine, EvalError, Expr, Scope, Service, Silo, listed, nearest};
use crate::model::{Selector, SiloName};

use super::error::PlanProblem;
use super::spec::{Absent, ProcessSpec};

/// Why a service doesn't run in a silo; none if it does.
pub(super) fn absence(
    config: &Config,
    engine: &Engine,
    service: &Service,
    silo: &Silo,
    scope: &Scope,
) -> Result<Option<String>, (Expr, EvalError)> {
    if !silo.is_among(&service.silos) {
        let silos = service.silos.iter().flatten().map(|silo| silo.name.as_str());
        return Ok(Some(format!("runs in {} only", listed(silos))));
    }
    if let Some(when) = &service.when
        && !engine.holds(when, scope).map_err(|error| (when.clone(), error))?
    {
        return Ok(Some(explain(engine, when, scope)));
    }
    if let Some(Each::List(list)) = &service.each
        && items(service, scope).is_empty()
    {
        let parts = config.lists.get(&list.name).into_iter().flatten();
        let whens: Vec<&Expr> =
            parts.filter(|part| silo.is_among(&part.silos)).filter_map(|part| part.when.as_ref()).collect();
        let reasons = unique(whens.iter().flat_map(|when| falsy(engine, when, scope)).collect());
        return Ok(Some(match reasons.len() {
            0 => format!("the list `{}` is empty", list.name),
            1..=2 => reasons.join(", "),
            _ => format!("the list `{}` is empty: none of its {} conditions holds", list.name, whens.len()),
        }));
    }
    Ok(None)
}

/// The items over which a service is repeated.
pub(super) fn items(service: &Service, scope: &Scope) -> Vec<Json> {
    match &service.each {
        None => Vec::new(),
        Some(Each::Items(items)) => items.clone(),
        Some(Each::List(list)) => scope
            .get("list")
            .and_then(|lists| lists.get(&list.name))
            .and_then(Json::as_array)
            .cloned()
            .unwrap_or_default(),
    }
}

/// The name of an item: itself, or its `name`.
pub(super) fn item_name(item: &Json) -> Option<&str> {
    item.as_str().or_else(|| item.get("name")?.as_str())
}

/// Why a condition doesn't hold, in the words of the command line where they tell it.
fn explain(engine: &Engine, when: &Expr, scope: &Scope) -> String {
    match unique(falsy(engine, when, scope)) {
        reasons if reasons.is_empty() => format!("`{}` doesn't hold", when.text),
        reasons => reasons.join(", "),
    }
}

fn unique(mut reasons: Vec<String>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    reasons.retain(|reason| {
        !seen.contains(reason) && {
            seen.push(reason.clone());
            true
        }
    });
    reasons
}

/// Each flag, setting and list of an expression that is off, in the expression's order. One that makes the
/// expression false by being on (`not flag.x`) is told by the expression itself.
fn falsy(engine: &Engine, when: &Expr, scope: &Scope) -> Vec<String> {
    let names = engine.names_in_expression(&when.text).unwrap_or_default();
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort_by_key(|name| when.text.find(name.as_str()));
    names.iter().filter_map(|name| off(name, &when.text, scope)).collect()
}

fn off(name: &str, text: &str, scope: &Scope) -> Option<String> {
    let (namespace, key) = name.split_once('.')?;
    let value = scope.get(namespace)?.get(key)?;
    let negated = text.contains(&format!("not {name}"));
    let is_on = match value {
        Json::Bool(on) => *on,
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Number(number) => number.as_i64() != Some(0),
        Json::Null => false,
        Json::Object(_) => true,
    };
    if is_on != negated {
        return None;
    }
    let flag = key.replace('_', "-");
    Some(match (namespace, value) {
        ("flag", Json::Bool(_)) => format!("--{flag} is {}", if is_on { "on" } else { "off" }),
        ("flag", _) => format!("--{flag} isn't given"),
        ("setting", value) => format!("setting {key} is {}", plain(value)),
        ("list", _) => format!("the list `{key}` is empty"),
        _ => return None,
    })
}

fn plain(value: &Json) -> String {
    match value {
        Json::String(text) if !text.is_empty() => text.clone(),
        Json::String(_) => "empty".to_owned(),
        Json::Array(items) if items.is_empty() => "empty".to_owned(),
        other => other.to_string(),
    }
}

/// Lets the end of these processes be the end of the run.
pub(super) fn end_with(name: &str, processes: &mut [ProcessSpec], absent: &[Absent]) -> Option<PlanProblem> {
    let selector = Selector::new(name);
    let mut found = false;
    for process in processes.iter_mut().filter(|process| selector.matches(&process.name)) {
        process.exit_on_end = true;
        found = true;
    }
    if found {
        return None;
    }
    let name = name.to_owned();
    if let Some(absent) = absent.iter().find(|absent| absent.service.as_str() == name) {
        return Some(PlanProblem::EndOfAbsent { name, reason: absent.reason.clone() });
    }
    let names = || processes.iter().map(|process| process.name.as_str());
    let suggestion = nearest(&name, names());
    Some(PlanProblem::EndOfUnknown { suggestion, known: names().map(str::to_owned).collect(), name })
}

/// The silos that a run starts: those that `--silo` names, with those that extend them; or the project's.
pub(super) fn chosen(config: &Config, asked: &[String]) -> Result<Vec<SiloName>, Vec<PlanProblem>> {
    let mut chosen: Vec<&SiloName> = Vec::new();
    let mut errors = Vec::new();
    if asked.is_empty() {
        let declared = config.project.silos.iter().map(|silo| &silo.name);
        chosen = declared.filter_map(|name| config.silos.get_key_value(name).map(|(name, _)| name)).collect();
        if chosen.is_empty() {
            chosen = config.silos.keys().take(1).collect();
        }
    }
    for wanted in asked {
        let before = chosen.len();
        for (name, silo) in &config.silos {
            let named = name.as_str() == wanted;
            let of_that_kind = silo.autostart && silo.is_a.iter().any(|kind| kind.as_str() == wanted);
            let all = wanted == "all" && !silo.exclusive && silo.autostart;
            if (named || of_that_kind || all) && !chosen.contains(&name) {
                chosen.push(name);
            }
        }
        let known = config.silos.keys().any(|name| name.as_str() == wanted) || wanted == "all";
        if chosen.len() == before && !known {
            let silos = || config.silos.keys().map(SiloName::as_str);
            errors.push(PlanProblem::UnknownSilo {
                name: wanted.clone(),
                suggestion: nearest(wanted, silos()),
                known: silos().map(str::to_owned).collect(),
            });
        }
    }
    // In the order of the file, whatever the order on the command line.
    let in_order: Vec<SiloName> = config.silos.keys().filter(|name| chosen.contains(name)).cloned().collect();
    let exclusive = in_order.iter().find(|name| config.silos.get(*name).is_some_and(|silo| silo.exclusive));
    if let Some(silo) = exclusive
        && in_order.len() > 1
    {
        let others = in_order.iter().filter(|name| *name != silo).cloned().collect();
        errors.push(PlanProblem::ExclusiveSilo { silo: silo.clone(), others });
    }
    if errors.is_empty() { Ok(in_order) } else { Err(errors) }
}
