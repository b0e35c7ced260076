//! Cross-references: everything that is named must be declared, and nothing may wait for itself.

use crate::model::{FlagName, ServiceName, SiloName, brief};

use super::error::{ConfigError, Problem};
use super::expr::Template;
use super::names::{Names, Place};
use super::schema::{Command, Config, Each, Flag, InSilos, Reference, Service};
use super::source::Origin;
use super::suggest::{listed, nearest};
use super::value::{Kind, Value, get};

/// Flags that every command has; none may be declared.
pub const RESERVED: &[&str] = &[
    "all",
    "clipboard",
    "color",
    "colour",
    "config",
    "debug",
    "detach",
    "detached",
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

/// Short names that every command has.
const RESERVED_SHORT: &[char] = &['d', 'h', 'V'];

/// Everything that is wrong beyond shapes.
pub(super) fn check(config: &Config, errors: &mut Vec<ConfigError>) {
    silos_named(config, errors);
    flags(config, errors);
    settings(config, errors);
    services(config, errors);
    super::log::check(config, errors);
    cycles(config, errors);
    expressions(config, errors);
}

pub(super) fn unknown<'k>(
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
    check(&config.project.silos, "the project names");
    config.env.iter().for_each(|block| check(&listed(&block.silos), "an environment block names"));
    config.lists.iter().flat_map(|(name, parts)| parts.iter().map(move |part| (name, part))).for_each(
        |(name, part)| {
            check(&listed(&part.silos), &format!("list `{name}` names"));
        },
    );
    config
        .services
        .iter()
        .for_each(|(name, service)| check(&listed(&service.silos), &format!("service `{name}` names")));
    config.checks.iter().for_each(|block| check(&listed(&block.silos), "a check names"));
    config.notices.iter().for_each(|block| check(&listed(&block.silos), "a notice names"));
}

fn flags(config: &Config, errors: &mut Vec<ConfigError>) {
    let known = || config.flags.keys().map(FlagName::as_str);
    for (name, flag) in &config.flags {
        let reserved = match name.as_str() {
            reserved if RESERVED.contains(&reserved) => Some("that name is devserver's own"),
            off if off.starts_with("no-") => Some("`--no-` before a name turns that flag off"),
            _ => None,
        };
        if let Some(why) = reserved {
            errors.push(ConfigError::at(&flag.origin, Problem::ReservedFlag { name: name.to_string(), why }));
        }
        if let Some(short) = flag.short.filter(|short| RESERVED_SHORT.contains(short)) {
            let at = origin(config, &["flag", name.as_str(), "short"]).unwrap_or(&flag.origin);
            errors.push(ConfigError::at(at, Problem::ReservedShort { name: name.to_string(), short }));
        }
        for reference in &flag.implies {
            match config.flags.get(&reference.name) {
                None => errors.push(unknown("flag", reference, &format!("flag `{name}` implies"), known())),
                Some(other) if other.placeholder.is_some() => {
                    errors.push(form(reference, format!("flag.{name}.implies"), "only a switch can be implied"));
                }
                Some(_) => {}
            }
        }
        for reference in flag.requires.iter().filter(|reference| !config.flags.contains_key(&reference.name)) {
            errors.push(unknown("flag", reference, &format!("flag `{name}` requires"), known()));
        }
        default_of(config, name, flag, errors);
        for other in flags_before(config, name) {
            if let (Some(short), Some(same)) = (flag.short, other.1.short)
                && short == same
            {
                let place = |name: &FlagName, flag: &Flag| {
                    origin(config, &["flag", name.as_str(), "short"]).unwrap_or(&flag.origin).clone()
                };
                let problem = Problem::SameShort { first: other.0.to_string(), second: name.to_string(), short };
                let error = ConfigError::at(&place(name, flag), problem);
                errors.push(error.and(&place(other.0, other.1), "the other one"));
            }
        }
    }
    for silo in config.silos.keys() {
        for key in ["defaults", "force"] {
            silo_flags(config, silo, key, errors);
        }
    }
}

/// What a silo itself says of flags; what it takes over from another is that one's.
fn silo_flags(config: &Config, silo: &SiloName, key: &str, errors: &mut Vec<ConfigError>) {
    let own = value(config, &["silo", silo.as_str(), key]).and_then(Value::as_table);
    for (name, entry) in own.into_iter().flatten() {
        let Some(flag) = FlagName::new(name).ok().and_then(|name| config.flags.get(&name)) else {
            let reference = Reference { name: name.clone(), origin: entry.key.clone() };
            let by = format!("silo `{silo}` sets the flag");
            errors.push(unknown("flag", &reference, &by, config.flags.keys().map(FlagName::as_str)));
            continue;
        };
        let is_switch = flag.placeholder.is_none();
        if is_switch != entry.value.as_bool().is_some() {
            let expected = if is_switch { "true or false" } else { "a string" };
            let found = entry.value.kind_name().to_owned();
            let key = format!("silo.{silo}.{key}.{name}");
            let problem = Problem::WrongType { key, expected: expected.into(), found, fix: None };
            errors.push(ConfigError::at(&entry.value.origin, problem));
        }
    }
}

/// A switch's default is true or false, and that of a flag with choices is one of them.
fn default_of(config: &Config, name: &FlagName, flag: &Flag, errors: &mut Vec<ConfigError>) {
    let Some(value) = value(config, &["flag", name.as_str(), "default"]) else { return };
    let key = format!("flag.{name}.default");
    let wrong = match (&flag.placeholder, &value.kind) {
        (None, Kind::String(_)) => {
            let fix = Some("a flag that takes a value says so: value = \"NAME\"".to_owned());
            Problem::WrongType { key, expected: "true or false".into(), found: "a string".into(), fix }
        }
        (Some(_), Kind::Boolean(truth)) => {
            let fix = Some("a switch has no `value`".to_owned());
            Problem::WrongType { key, expected: "a string".into(), found: format!("`{truth}`"), fix }
        }
        (Some(_), Kind::String(text)) => {
            let fits = |choice: &String| choice.eq_ignore_ascii_case(text);
            if text.is_empty() || flag.choices.is_empty() || flag.choices.iter().any(fits) {
                return;
            }
            not_among(key, text, &flag.choices)
        }
        _ => return,
    };
    errors.push(ConfigError::at(&value.origin, wrong));
}

/// The value of a key of the merged file.
fn value<'c>(config: &'c Config, path: &[&str]) -> Option<&'c Value> {
    let (last, tables) = path.split_last()?;
    let table = tables.iter().try_fold(&config.merged, |table, key| get(table, key)?.as_table())?;
    get(table, last)
}

/// Where a value of the merged file stands.
fn origin<'c>(config: &'c Config, path: &[&str]) -> Option<&'c Origin> {
    value(config, path).map(|value| &value.origin)
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
        if !setting.value.is_null() && !setting.choices.is_empty() && !setting.choices.contains(&setting.value) {
            let plain = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let choices: Vec<String> = setting.choices.iter().map(plain).collect();
            let given = config.sources.get(setting.origin.source).given;
            let key = if given { name.clone() } else { format!("setting.{name}") };
            let problem = not_among(key, &plain(&setting.value), &choices);
            errors.push(ConfigError::at(&setting.origin, problem));
        }
    }
}

fn services(config: &Config, errors: &mut Vec<ConfigError>) {
    let known = || config.services.keys().map(ServiceName::as_str);
    for block in &config.env {
        for service in block.services.iter().chain(&block.except) {
            if !config.services.contains_key(&service.name) {
                errors.push(unknown("service", service, "an environment block names", known()));
            }
        }
    }
    let defaults = get(&config.merged, "service-defaults").and_then(Value::as_table);
    defaults.into_iter().for_each(|defaults| super::stop::check(defaults, "service-defaults", errors));
    for (name, service) in &config.services {
        if let Some(table) = value(config, &["service", name.as_str()]).and_then(Value::as_table) {
            super::stop::check(table, &format!("service.{name}"), errors);
        }
        let by = format!("service `{name}` depends on");
        if let Some(Each::List(list)) = &service.each
            && !config.lists.contains_key(&list.name)
        {
            let by = format!("service `{name}` is repeated over");
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
        backoff(config, name, service, errors);
        let empty = match &service.command {
            Command::Words(words) => words.first().is_none_or(|word| word.text.trim().is_empty()),
            Command::Line(line) => line.text.trim().is_empty(),
        };
        if empty {
            let problem = Problem::MissingKey { key: "command".into(), table: format!("service `{name}`") };
            let at = origin(config, &["service", name.as_str(), "command"]).unwrap_or(&service.origin);
            errors.push(ConfigError::at(at, problem));
        }
    }
}

fn backoff(config: &Config, name: &ServiceName, service: &Service, errors: &mut Vec<ConfigError>) {
    let (min, max) = (service.backoff.min, service.backoff.max);
    if min <= max {
        return;
    }
    let said = |key: &str| {
        let own = origin(config, &["service", name.as_str(), "backoff", key]);
        own.or_else(|| origin(config, &["service-defaults", "backoff", key]))
    };
    let (at, unsaid) = match (said("min"), said("max")) {
        (Some(at), Some(_)) => (Some(at), None),
        (Some(at), None) => (Some(at), Some("max")),
        (None, at) => (at, Some("min")),
    };
    let key = format!("service.{name}.backoff");
    let problem = Problem::MinAboveMax { key, min: brief(min), max: brief(max), unsaid };
    errors.push(ConfigError::at(at.unwrap_or(&service.origin), problem));
}

/// Circles among services of one silo. What crosses silos is checked on the plan, process by process.
fn cycles(config: &Config, errors: &mut Vec<ConfigError>) {
    let edges = |service: &Service| -> Vec<(ServiceName, Origin)> {
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
    edges: &dyn Fn(&Service) -> Vec<(ServiceName, Origin)>,
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
                let circle: Vec<&ServiceName> = path[first..].iter().copied().chain([target]).collect();
                let problem = Problem::Cycle { path: circle.iter().map(|name| name.to_string()).collect() };
                let mut error = ConfigError::at(&origin, problem);
                for (waits, for_whom) in circle.iter().zip(circle.iter().skip(1)).filter(|(waits, _)| **waits != at) {
                    let edge = config.services.get(*waits).map(edges).unwrap_or_default();
                    if let Some((_, place)) = edge.into_iter().find(|(name, _)| name == *for_whom) {
                        error = error.and(&place, format!("`{waits}` waits for it"));
                    }
                }
                errors.push(error);
            }
            None => walk(target, config, edges, path, done, errors),
        }
    }
    path.pop();
    done.push(at);
}

fn expressions(config: &Config, errors: &mut Vec<ConfigError>) {
    let names = Names::new(config);
    super::database::check(config, &names, errors);
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
        service.stop.command.iter().for_each(|(stop, _)| command(stop, place));
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
