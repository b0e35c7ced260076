//! The merged tree → `schema.rs`. Its shape was checked before: what doesn't fit was reported there and is
//! left out here, so that the other checks can still find what else is wrong. What others refer to by name
//! (services, settings, ports) is kept, with a stand-in for what is wrong: it is declared, after all.

use std::time::Duration;

use indexmap::IndexMap;

use crate::model::{Condition, FlagName, Owner, RestartWhen, ServiceName, SiloName, parse_duration, parse_size};

use super::expr::{Expr, Template};
use super::schema::{
    Backoff, BindDefault, Check, Command, Each, EnvBlock, Flag, FlagValue, InSilos, ListPart, Notice, Project, Ready,
    Reference, Render, Service, Setting,
};
use super::stop::{stop, usual};
use super::value::{Kind, Table, Value, get};

pub(super) fn text(table: &Table, key: &str) -> Option<String> {
    get(table, key).and_then(Value::as_str).map(str::to_owned)
}

pub(super) fn truth(table: &Table, key: &str) -> Option<bool> {
    get(table, key).and_then(Value::as_bool)
}

fn array<'t>(table: &'t Table, key: &str) -> &'t [Value] {
    get(table, key).and_then(Value::as_array).unwrap_or_default()
}

pub(super) fn texts(table: &Table, key: &str) -> Vec<String> {
    array(table, key).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn duration(table: &Table, key: &str) -> Option<Duration> {
    get(table, key).and_then(Value::as_str).and_then(|text| parse_duration(text).ok())
}

pub(super) fn size(table: &Table, key: &str) -> Option<u64> {
    get(table, key).and_then(Value::as_str).and_then(parse_size)
}

fn template_of(value: &Value) -> Option<Template> {
    let text = match &value.kind {
        Kind::String(text) => text.clone(),
        Kind::Integer(number) => number.to_string(),
        _ => return None,
    };
    Some(Template { text, origin: value.origin.clone() })
}

fn template(table: &Table, key: &str) -> Option<Template> {
    get(table, key).and_then(template_of)
}

pub(super) fn templates(table: &Table, key: &str) -> Vec<Template> {
    array(table, key).iter().filter_map(template_of).collect()
}

/// An expression, or a whole number as one.
pub(super) fn expr_of(value: &Value) -> Option<Expr> {
    template_of(value).map(|Template { text, origin }| Expr { text, origin })
}

fn expr(table: &Table, key: &str) -> Option<Expr> {
    get(table, key).and_then(expr_of)
}

pub(super) fn variables(table: &Table, key: &str) -> IndexMap<String, Template> {
    let entries = get(table, key).and_then(Value::as_table).into_iter().flatten();
    entries.filter_map(|(name, entry)| Some((name.clone(), template_of(&entry.value)?))).collect()
}

/// The entries of a table of tables, each with its name read.
pub(super) fn named<'t, N: 't>(
    table: &'t Table,
    key: &str,
    read: impl Fn(&str) -> Option<N> + 't,
) -> impl Iterator<Item = (N, &'t Value, &'t Table)> + 't {
    let entries = get(table, key).and_then(Value::as_table).into_iter().flatten();
    entries.filter_map(move |(name, entry)| Some((read(name)?, &entry.value, entry.value.as_table()?)))
}

fn blocks<'t>(table: &'t Table, key: &str) -> impl Iterator<Item = &'t Table> {
    array(table, key).iter().filter_map(Value::as_table)
}

fn references<N>(table: &Table, key: &str, read: impl Fn(&str) -> Option<N>) -> Vec<Reference<N>> {
    let reference = |value: &Value| Some(Reference { name: read(value.as_str()?)?, origin: value.origin.clone() });
    array(table, key).iter().filter_map(reference).collect()
}

pub(super) fn silo_name(text: &str) -> Option<SiloName> {
    SiloName::new(text).ok()
}

fn service_name(text: &str) -> Option<ServiceName> {
    ServiceName::new(text).ok()
}

fn flag_name(text: &str) -> Option<FlagName> {
    FlagName::new(text).ok()
}

fn in_silos(table: &Table) -> InSilos {
    table.contains_key("silos").then(|| references(table, "silos", silo_name))
}

pub(super) fn project(root: &Table) -> Project {
    let Some(table) = get(root, "project").and_then(Value::as_table) else {
        return Project { root: ".".into(), ..Project::default() };
    };
    Project {
        name: text(table, "name"),
        root: text(table, "root").unwrap_or_else(|| ".".into()),
        silos: references(table, "silos", silo_name),
        recognised_by: texts(table, "recognised-by"),
    }
}

pub(super) fn bind(root: &Table) -> BindDefault {
    let empty = Table::new();
    let table = get(root, "bind").and_then(Value::as_table).unwrap_or(&empty);
    let port = get(table, "port").and_then(Value::as_integer).and_then(|port| u16::try_from(port).ok());
    let host = text(table, "host").unwrap_or_else(|| "127.0.0.1".into());
    BindDefault { host, port: port.unwrap_or(8000), variables: texts(table, "variables") }
}

pub(super) fn settings(root: &Table) -> IndexMap<String, Setting> {
    let setting = |(name, value, table): (String, &Value, &Table)| {
        let default = get(table, "default");
        let setting = Setting {
            value: default.map_or(serde_json::Value::Null, Value::to_json),
            origin: default.unwrap_or(value).origin.clone(),
            choices: array(table, "choices").iter().map(Value::to_json).collect(),
            help: text(table, "help"),
        };
        (name, setting)
    };
    named(root, "setting", |name| Some(name.to_owned())).map(setting).collect()
}

pub(super) fn flags(root: &Table) -> IndexMap<FlagName, Flag> {
    let flag = |(name, value, table): (FlagName, &Value, &Table)| {
        let placeholder = text(table, "value");
        let default = match (&placeholder, get(table, "default").map(|value| &value.kind)) {
            (None, Some(Kind::Boolean(on))) => FlagValue::Switch(*on),
            (None, _) => FlagValue::Switch(false),
            (Some(_), Some(Kind::String(text))) => FlagValue::Text(text.clone()),
            (Some(_), _) => FlagValue::Text(String::new()),
        };
        let flag = Flag {
            help: text(table, "help"),
            group: text(table, "group"),
            default,
            placeholder,
            short: text(table, "short").and_then(|short| short.chars().next()),
            choices: texts(table, "choices"),
            pattern: text(table, "pattern"),
            example: text(table, "example"),
            variables: texts(table, "variables"),
            implies: references(table, "implies", flag_name),
            requires: references(table, "requires", flag_name),
            origin: value.origin.clone(),
        };
        (name, flag)
    };
    named(root, "flag", flag_name).map(flag).collect()
}

pub(super) fn env(root: &Table) -> Vec<EnvBlock> {
    let block = |table: &Table| EnvBlock {
        when: expr(table, "when"),
        silos: in_silos(table),
        services: references(table, "services", service_name),
        except: references(table, "except", service_name),
        set: variables(table, "set"),
        default: variables(table, "default"),
        unset: texts(table, "unset"),
        path: templates(table, "path"),
    };
    blocks(root, "env").map(block).collect()
}

pub(super) fn lists(root: &Table) -> IndexMap<String, Vec<ListPart>> {
    let part = |table: &Table| ListPart {
        when: expr(table, "when"),
        silos: in_silos(table),
        items: array(table, "items").iter().map(Value::to_json).collect(),
        from: expr(table, "from"),
    };
    let lists = get(root, "list").and_then(Value::as_table).into_iter().flatten();
    lists
        .map(|(name, entry)| {
            let parts = entry.value.as_array().unwrap_or_default().iter().filter_map(Value::as_table);
            (name.clone(), parts.map(part).collect())
        })
        .collect()
}

pub(super) fn command_of(value: &Value) -> Option<Command> {
    match &value.kind {
        Kind::String(_) => template_of(value).map(Command::Line),
        Kind::Array(words) => Some(Command::Words(words.iter().filter_map(template_of).collect())),
        _ => None,
    }
}

fn stand_in(value: &Value) -> Command {
    Command::Line(Template { text: "none".to_owned(), origin: value.origin.clone() })
}

fn ready(table: &Table) -> Ready {
    Ready {
        tcp: template(table, "tcp"),
        http: template(table, "http"),
        status: get(table, "status").and_then(Value::as_integer).and_then(|status| u16::try_from(status).ok()),
        exec: get(table, "exec").and_then(command_of),
        log: text(table, "log"),
        delay: duration(table, "delay"),
        timeout: duration(table, "timeout"),
        interval: duration(table, "interval"),
        owner: if text(table, "owner").as_deref() == Some("any") { Owner::Any } else { Owner::Own },
        notify: truth(table, "notify").unwrap_or(false),
        liveness: truth(table, "liveness").unwrap_or(false),
        failures: get(table, "failures").and_then(Value::as_integer).and_then(|count| u32::try_from(count).ok()),
        health_interval: duration(table, "health_interval"),
    }
}

fn restart(table: &Table) -> Option<RestartWhen> {
    match get(table, "restart")?.as_str()? {
        "never" => Some(RestartWhen::Never),
        "on-failure" => Some(RestartWhen::OnFailure),
        "always" => Some(RestartWhen::Always),
        _ => None,
    }
}

/// `backoff` of a service over that of the defaults over ours, key by key.
fn backoff(service: &Table, defaults: &Table) -> Backoff {
    let tables = [service, defaults].map(|table| get(table, "backoff").and_then(Value::as_table));
    let time = |key, ours| tables.iter().flatten().find_map(|table| duration(table, key)).unwrap_or(ours);
    let count = tables.iter().flatten().find_map(|table| get(table, "give_up_after")?.as_integer());
    Backoff {
        min: time("min", Duration::from_millis(500)),
        max: time("max", Duration::from_secs(10)),
        reset_after: time("reset_after", Duration::from_secs(30)),
        give_up_after: count.and_then(|count| u32::try_from(count).ok()).unwrap_or(5),
    }
}

fn condition(text: &str) -> Condition {
    match text {
        "started" => Condition::Started,
        "succeeded" => Condition::Succeeded,
        "bound" => Condition::Bound,
        _ => Condition::Ready,
    }
}

fn depends_on(table: &Table) -> Vec<(Reference<String>, Condition)> {
    match get(table, "depends_on").map(|value| &value.kind) {
        Some(Kind::Array(_)) => {
            let names = references(table, "depends_on", |name| Some(name.to_owned()));
            names.into_iter().map(|name| (name, Condition::Ready)).collect()
        }
        Some(Kind::Table(named)) => {
            let edge = |(name, entry): (&String, &super::value::Entry)| {
                let reference = Reference { name: name.clone(), origin: entry.key.clone() };
                (reference, condition(entry.value.as_str().unwrap_or_default()))
            };
            named.iter().map(edge).collect()
        }
        _ => Vec::new(),
    }
}

fn each(table: &Table) -> Option<Each> {
    let value = get(table, "each")?;
    match &value.kind {
        Kind::String(name) => Some(Each::List(Reference { name: name.clone(), origin: value.origin.clone() })),
        Kind::Array(items) => Some(Each::Items(items.iter().map(Value::to_json).collect())),
        _ => None,
    }
}

pub(super) fn services(root: &Table) -> IndexMap<ServiceName, Service> {
    let empty = Table::new();
    let defaults = get(root, "service-defaults").and_then(Value::as_table).unwrap_or(&empty);
    let service = |(name, value, table): (ServiceName, &Value, &Table)| {
        let oneshot = truth(table, "oneshot").unwrap_or(false);
        let mut ready = get(table, "ready").and_then(Value::as_table).map(ready).unwrap_or_default();
        ready.timeout = ready.timeout.or_else(|| duration(defaults, "timeout"));
        let service = Service {
            help: text(table, "help"),
            command: get(table, "command").and_then(command_of).unwrap_or_else(|| stand_in(value)),
            silos: in_silos(table),
            when: expr(table, "when"),
            shared: truth(table, "shared").unwrap_or(false),
            each: each(table),
            cwd: template(table, "cwd"),
            env: variables(table, "env"),
            port: expr(table, "port"),
            url: template(table, "url"),
            depends_on: depends_on(table),
            ready,
            stop: stop(table).or_else(|| stop(defaults)).unwrap_or_else(usual),
            // A oneshot that failed is for a person to look at: its defaults are its own.
            restart: match restart(table) {
                Some(restart) => restart,
                None if oneshot => RestartWhen::Never,
                None => restart(defaults).unwrap_or_default(),
            },
            backoff: backoff(table, defaults),
            pty: truth(table, "pty").or_else(|| truth(defaults, "pty")).unwrap_or(true),
            oneshot,
            creates: templates(table, "creates"),
            inputs: templates(table, "inputs"),
            input_variables: texts(table, "input_variables"),
            exit_on_end: truth(table, "exit_on_end").unwrap_or(false),
            show: log_of(table).and_then(|log| truth(log, "show")).unwrap_or(true),
            patterns: log_of(table).map(super::log::patterns).unwrap_or_default(),
            database: truth(table, "database").unwrap_or(false),
            origin: value.origin.clone(),
        };
        (name, service)
    };
    named(root, "service", service_name).map(service).collect()
}

fn log_of(service: &Table) -> Option<&Table> {
    get(service, "log").and_then(Value::as_table)
}

pub(super) fn renders(root: &Table) -> IndexMap<String, Render> {
    let render = |(name, _, table): (String, &Value, &Table)| {
        let value = get(table, "template")?;
        let template_file = Reference { name: value.as_str()?.to_owned(), origin: value.origin.clone() };
        Some((name, Render { template: template_file, path: template(table, "path"), when: expr(table, "when") }))
    };
    named(root, "render", |name| Some(name.to_owned())).filter_map(render).collect()
}

pub(super) fn checks(root: &Table) -> Vec<Check> {
    let check = |table: &Table| {
        Some(Check {
            when: expr(table, "when"),
            silos: in_silos(table),
            tcp: template(table, "tcp"),
            command: get(table, "command").and_then(command_of),
            exists: template(table, "exists"),
            message: template(table, "message")?,
            hint: template(table, "hint"),
        })
    };
    blocks(root, "check").filter_map(check).collect()
}

pub(super) fn notices(root: &Table) -> Vec<Notice> {
    let notice = |table: &Table| {
        Some(Notice { when: expr(table, "when"), silos: in_silos(table), text: template(table, "text")? })
    };
    blocks(root, "notice").filter_map(notice).collect()
}
