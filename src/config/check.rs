//! Cross-references: everything that is named must be declared, and nothing may wait for itself.

use crate::model::{FlagName, ServiceName, SiloName, brief};

use super::error::{ConfigError, Problem};
use super::expr::Template;
use super::names::{Names, Place};
use super::schema::{Command, Config, Each, Flag, FlagValue, InSilos, Reference, Service};
use super::suggest::{listed, nearest};

/// Flags that every command has; none may be declared.
pub const RESERVED: &[&str] = &[
    "all",
    "clipboard",
    "color",
    "colour",
    "config",
    "debug",
    "detach",
    "env",
    "exit-code-from",
    "file",
    "follow",
    "grep",
    "help",
    "hide",
    "json",
    "level",
    "only",
    "origin",
    "plain",
    "prefix",
    "preflight",
    "pretty",
    "project",
    "quiet",
    "reveal",
    "set",
    "silo",
    "since",
    "tail",
    "timeout",
    "tui",
    "verbose",
    "version",
    "wait",
    "web",
];

/// Everything that is wrong beyond shapes.
pub(super) fn check(config: &Config, errors: &mut Vec<ConfigError>) {
    silos_named(config, errors);
    flags(config, errors);
    settings(config, errors);
    services(config, errors);
    cycles(config, errors);
    expressions(config, errors);
}

fn unknown<'k>(
    what: &'static str,
    reference: &Reference<impl ToString>,
    by: &str,
    known: impl Iterator<Item = &'k str> + Clone,
) -> ConfigError {
    let name = reference.name.to_string();
    let problem = Problem::UnknownReference {
        what,
        suggestion: nearest(&name, known.clone()),
        known: known.map(str::to_owned).collect(),
        by: by.to_owned(),
        name,
    };
    ConfigError::at(&reference.origin, problem)
}

fn silos_named(config: &Config, errors: &mut Vec<ConfigError>) {
    let known = || config.silos.keys().map(SiloName::as_str);
    let mut check = |silos: &[Reference<SiloName>], by: &str| {
        let missing = silos.iter().filter(|silo| !config.silos.contains_key(&silo.name));
        errors.extend(missing.map(|silo| unknown("silo", silo, by, known())));
    };
    let listed = |silos: &InSilos| silos.clone().unwrap_or_default();
    check(&config.project.silos, "the project");
    config.env.iter().for_each(|block| check(&listed(&block.silos), "an environment block"));
    config.lists.iter().flat_map(|(name, parts)| parts.iter().map(move |part| (name, part))).for_each(
        |(name, part)| {
            check(&listed(&part.silos), &format!("list `{name}`"));
        },
    );
    config.services.iter().for_each(|(name, service)| check(&listed(&service.silos), &format!("service `{name}`")));
    config.checks.iter().for_each(|block| check(&listed(&block.silos), "a check"));
    config.notices.iter().for_each(|block| check(&listed(&block.silos), "a notice"));
}

fn flags(config: &Config, errors: &mut Vec<ConfigError>) {
    let known = || config.flags.keys().map(FlagName::as_str);
    for (name, flag) in &config.flags {
        if RESERVED.contains(&name.as_str()) || name.as_str().starts_with("no-") {
            errors.push(ConfigError::at(&flag.origin, Problem::ReservedFlag { name: name.to_string() }));
        }
        let by = format!("flag `{name}`");
        for reference in flag.implies.iter().chain(&flag.requires) {
            match config.flags.get(&reference.name) {
                None => errors.push(unknown("flag", reference, &by, known())),
                Some(other) if other.placeholder.is_some() && flag.implies.contains(reference) => {
                    errors.push(form(reference, format!("flag.{name}.implies"), "only a switch can be implied"));
                }
                Some(_) => {}
            }
        }
        for other in flags_before(config, name) {
            if let (Some(short), Some(same)) = (flag.short, other.1.short)
                && short == same
            {
                let problem = Problem::SameShort { first: other.0.to_string(), second: name.to_string(), short };
                errors.push(ConfigError::at(&flag.origin, problem).and(&other.1.origin, "the other one"));
            }
        }
        if let (FlagValue::Text(text), false) = (&flag.default, flag.choices.is_empty())
            && !text.is_empty()
            && !flag.choices.iter().any(|choice| choice.eq_ignore_ascii_case(text))
        {
            errors.push(ConfigError::at(&flag.origin, not_among(format!("flag.{name}.default"), text, &flag.choices)));
        }
    }
    for (silo, declared) in &config.silos {
        for (name, (value, origin)) in declared.defaults.iter().chain(&declared.force) {
            let reference = Reference { name: name.clone(), origin: origin.clone() };
            match FlagName::new(name).ok().and_then(|name| config.flags.get(&name)) {
                None => errors.push(unknown("flag", &reference, &format!("silo `{silo}`"), known())),
                Some(flag) if flag.placeholder.is_none() != value.is_boolean() => {
                    let why =
                        if flag.placeholder.is_none() { "it is a switch: true or false" } else { "it takes a text" };
                    errors.push(form(&Reference { name: value.to_string(), ..reference }, name.clone(), why));
                }
                Some(_) => {}
            }
        }
    }
}

fn flags_before<'c>(config: &'c Config, name: &'c FlagName) -> impl Iterator<Item = (&'c FlagName, &'c Flag)> {
    config.flags.iter().take_while(move |(other, _)| *other != name)
}

fn form(reference: &Reference<impl ToString>, key: String, why: &str) -> ConfigError {
    let problem = Problem::Form { key, value: reference.name.to_string(), why: why.to_owned(), fix: None };
    ConfigError::at(&reference.origin, problem)
}

fn not_among(key: String, value: &str, choices: &[String]) -> Problem {
    let suggestion = nearest(value, choices.iter().map(String::as_str));
    Problem::NotAmong { key, value: value.to_owned(), allowed: choices.to_vec(), suggestion }
}

fn settings(config: &Config, errors: &mut Vec<ConfigError>) {
    for (name, setting) in &config.settings {
        if !setting.choices.is_empty() && !setting.choices.contains(&setting.value) {
            let plain = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let choices: Vec<String> = setting.choices.iter().map(plain).collect();
            let problem = not_among(format!("setting.{name}"), &plain(&setting.value), &choices);
            errors.push(ConfigError::at(&setting.origin, problem));
        }
    }
}

fn services(config: &Config, errors: &mut Vec<ConfigError>) {
    let known = || config.services.keys().map(ServiceName::as_str);
    for block in &config.env {
        for service in block.services.iter().chain(&block.except) {
            if !config.services.contains_key(&service.name) {
                errors.push(unknown("service", service, "an environment block", known()));
            }
        }
    }
    for (name, service) in &config.services {
        let by = format!("service `{name}`");
        if let Some(Each::List(list)) = &service.each
            && !config.lists.contains_key(&list.name)
        {
            errors.push(unknown("list", list, &by, config.lists.keys().map(String::as_str)));
        }
        for (target, _) in &service.depends_on {
            let (silo, wanted) =
                target.name.split_once('.').map_or((None, target.name.as_str()), |(s, w)| (Some(s), w));
            if !known().any(|name| name == wanted) {
                let reference = Reference { name: wanted.to_owned(), origin: target.origin.clone() };
                errors.push(unknown("service", &reference, &by, known()));
            }
            if let Some(silo) = silo
                && !config.silos.keys().any(|name| name.as_str() == silo)
            {
                let reference = Reference { name: silo.to_owned(), origin: target.origin.clone() };
                errors.push(unknown("silo", &reference, &by, config.silos.keys().map(SiloName::as_str)));
            }
        }
        if service.backoff.min > service.backoff.max {
            let problem = Problem::MinAboveMax {
                key: format!("service.{name}.backoff"),
                min: brief(service.backoff.min),
                max: brief(service.backoff.max),
            };
            errors.push(ConfigError::at(&service.origin, problem));
        }
        let empty = match &service.command {
            Command::Words(words) => words.first().is_none_or(|word| word.text.trim().is_empty()),
            Command::Line(line) => line.text.trim().is_empty(),
        };
        if empty {
            let problem = Problem::MissingKey { key: "command".into(), table: by };
            errors.push(ConfigError::at(&service.origin, problem));
        }
    }
}

/// Circles among services of one silo. What crosses silos is checked on the plan, process by process.
fn cycles(config: &Config, errors: &mut Vec<ConfigError>) {
    let edges = |service: &Service| -> Vec<(ServiceName, super::source::Origin)> {
        let plain = service.depends_on.iter().filter(|(target, _)| !target.name.contains('.'));
        plain.filter_map(|(target, _)| Some((ServiceName::new(&target.name).ok()?, target.origin.clone()))).collect()
    };
    let mut done: Vec<&ServiceName> = Vec::new();
    for start in config.services.keys() {
        let mut path: Vec<&ServiceName> = Vec::new();
        walk(start, config, &edges, &mut path, &mut done, errors);
    }
}

fn walk<'c>(
    at: &'c ServiceName,
    config: &'c Config,
    edges: &dyn Fn(&Service) -> Vec<(ServiceName, super::source::Origin)>,
    path: &mut Vec<&'c ServiceName>,
    done: &mut Vec<&'c ServiceName>,
    errors: &mut Vec<ConfigError>,
) {
    if done.contains(&at) {
        return;
    }
    path.push(at);
    for (target, origin) in config.services.get(at).map(edges).unwrap_or_default() {
        let Some((target, _)) = config.services.get_key_value(&target) else { continue };
        match path.iter().position(|name| *name == target) {
            Some(first) => {
                let circle = path[first..].iter().map(|name| name.to_string()).chain([target.to_string()]).collect();
                errors.push(ConfigError::at(&origin, Problem::Cycle { path: circle }));
            }
            None => walk(target, config, edges, path, done, errors),
        }
    }
    path.pop();
    done.push(at);
}

fn expressions(config: &Config, errors: &mut Vec<ConfigError>) {
    let names = Names::new(config);
    let errors = std::cell::RefCell::new(errors);
    let expr = |expr: &super::expr::Expr, place| names.expression(expr, place, &mut errors.borrow_mut());
    let template = |template: &Template, place| names.template(template, place, &mut errors.borrow_mut());
    let command = |command: &Command, place| match command {
        Command::Words(words) => words.iter().for_each(|word| template(word, place)),
        Command::Line(line) => template(line, place),
    };
    config.ports.values().for_each(|port| expr(port, Place::Ports));
    config.silos.values().flat_map(|silo| silo.env.values()).for_each(|value| template(value, Place::Silo));
    for block in &config.env {
        block.when.iter().for_each(|when| expr(when, Place::Silo));
        block.set.values().chain(block.default.values()).chain(&block.path).for_each(|t| template(t, Place::Silo));
    }
    let lists = config.lists.values().flatten();
    lists.flat_map(|part| part.when.iter().chain(&part.from)).for_each(|when| expr(when, Place::Silo));
    for service in config.services.values() {
        let place = if service.each.is_some() { Place::Item } else { Place::Silo };
        service.when.iter().for_each(|when| expr(when, Place::Silo));
        service.port.iter().for_each(|port| expr(port, place));
        command(&service.command, place);
        service.ready.exec.iter().for_each(|exec| command(exec, place));
        let single = [&service.cwd, &service.url, &service.ready.tcp, &service.ready.http];
        let many = service.env.values().chain(&service.creates).chain(&service.inputs);
        single.into_iter().flatten().chain(many).for_each(|t| template(t, place));
    }
    for render in config.renders.values() {
        render.when.iter().for_each(|when| expr(when, Place::Silo));
        render.path.iter().for_each(|path| template(path, Place::Silo));
    }
    for check in &config.checks {
        check.when.iter().for_each(|when| expr(when, Place::Silo));
        check.command.iter().for_each(|line| command(line, Place::Silo));
        let all = [&check.tcp, &check.exists, &check.hint];
        all.into_iter().flatten().chain([&check.message]).for_each(|t| template(t, Place::Silo));
    }
    for notice in &config.notices {
        notice.when.iter().for_each(|when| expr(when, Place::Silo));
        template(&notice.text, Place::Silo);
    }
}

/// For messages: every silo, in backticks.
pub fn silo_list(config: &Config) -> String {
    listed(config.silos.keys().map(SiloName::as_str))
}
