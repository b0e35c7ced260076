//! pitchfork.toml, as its documentation has it: `[daemons.NAME]`.

use toml::{Table, Value};

use super::draft::{Draft, DraftCommand, DraftService, literal};
use super::error::ImportError;
use super::name::{Names, identifier};
use super::toml_text::text;

pub(super) fn read(source: &str) -> Result<Draft, ImportError> {
    let root: Table = source.parse().map_err(|error: toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        ImportError::Syntax { line: line_of(source, at), why: error.message().to_owned() }
    })?;
    let daemons = root.get("daemons").and_then(Value::as_table).ok_or(ImportError::Empty)?;
    let mut draft = Draft { restart: Some("never"), ..Draft::default() };
    let names = Names::new(daemons.keys().map(String::as_str));
    for (theirs, daemon) in daemons {
        let line = |key: &str| find_line(source, theirs, key);
        let Some(daemon) = daemon.as_table() else { continue };
        let Some(run) = daemon.get("run").and_then(Value::as_str).filter(|run| !run.trim().is_empty()) else {
            draft.lose(line(""), format!("daemons.{theirs}"), "it has no `run`");
            continue;
        };
        let name = names.of(theirs).expect("every daemon was named").to_owned();
        if name != *theirs {
            draft.lose(line(""), theirs, format!("it is called `{name}` here"));
        }
        let mut service = DraftService::new(name, DraftCommand::Line(literal(run)));
        for (key, value) in daemon {
            if let Err(why) = put(key, value, &names, &mut service, &mut draft) {
                draft.lose(line(key), format!("daemons.{theirs}.{key}"), why);
            }
        }
        draft.services.push(service);
    }
    if draft.services.is_empty() { Err(ImportError::Empty) } else { Ok(draft) }
}

/// One key; or why it isn't carried over.
fn put(
    key: &str,
    value: &Value,
    names: &Names,
    service: &mut DraftService,
    draft: &mut Draft,
) -> Result<(), &'static str> {
    const KIND: &str = "it isn't what its documentation says it is";
    let word = || value.as_str().or_else(|| value.get("url")?.as_str());
    match key {
        "run" => {}
        "dir" => service.cwd = Some(value.as_str().map(literal).ok_or(KIND)?),
        "env" => {
            for (name, value) in value.as_table().ok_or(KIND)? {
                service.env.push((name.clone(), literal(&scalar(value).ok_or(KIND)?)));
            }
        }
        "depends" => {
            for wanted in value.as_array().ok_or(KIND)? {
                let name =
                    wanted.as_str().and_then(|name| names.of(name)).ok_or("no daemon of the file is called so")?;
                service.depends_on.push((name.to_owned(), "ready"));
            }
        }
        "ready_http" => {
            service.ready.push(("http", text(&literal(word().ok_or(KIND)?))));
            timeout(value, service);
        }
        "ready_port" => {
            let port = value.as_integer().or_else(|| value.get("port")?.as_integer()).ok_or(KIND)?;
            service.ready.push(("tcp", text(&format!("127.0.0.1:{port}"))));
            service.port = Some(port.to_string());
            timeout(value, service);
        }
        "ready_output" => service.ready.push(("log", text(word().ok_or(KIND)?))),
        "ready_cmd" => service.ready.push(("exec", text(&literal(word().ok_or(KIND)?)))),
        "ready_delay" => {
            let seconds = scalar(value).ok_or(KIND)?;
            let delay = if seconds.parse::<u64>().is_ok() { format!("{seconds}s") } else { seconds };
            service.ready.push(("delay", text(&delay)));
        }
        "retry" => match value.as_integer() {
            Some(number) if number > 0 => {
                service.restart = Some("on-failure");
                service.backoff.push(("give_up_after", number.saturating_add(1).min(1000).to_string()));
            }
            None if value.as_bool() == Some(true) => service.restart = Some("on-failure"),
            _ => {}
        },
        "stop_signal" => {
            let name = value.as_str().or_else(|| value.get("signal")?.as_str()).ok_or(KIND)?;
            let name = name.trim_start_matches("SIG");
            name.parse::<crate::model::Signal>().map_err(|_| "it isn't the name of a signal")?;
            service.stop.push(("signal", text(name)));
            if let Some(time) = value.get("timeout").and_then(Value::as_str) {
                service.stop.push(("timeout", text(time)));
            }
        }
        "auto" => {
            let starts = value.as_array().ok_or(KIND)?.iter().any(|when| when.as_str() == Some("start"));
            if !starts {
                draft.flags.push((service.name.clone(), format!("Run {}", service.name)));
                service.when = Some(format!("flag.{}", identifier(&service.name)));
            }
        }
        "port" => {
            let first = value.get("expect").and_then(Value::as_array).and_then(|ports| ports.first());
            let port = first.or(Some(value)).and_then(Value::as_integer).ok_or(KIND)?;
            service.port = Some(port.to_string());
            service.env.push(("PORT".into(), port.to_string()));
        }
        "cron" => return Err("nothing is started by the clock here"),
        _ => return Err("there is nothing like it here"),
    }
    Ok(())
}

fn timeout(value: &Value, service: &mut DraftService) {
    if let Some(time) = value.get("timeout").and_then(Value::as_str) {
        service.ready.push(("timeout", text(time)));
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => Some(value.to_string()),
        _ => None,
    }
}

fn line_of(source: &str, at: usize) -> usize {
    source.get(..at).map_or(1, |before| before.matches('\n').count() + 1)
}

/// The line of a daemon's table, or of a key in it, for a person to look at.
fn find_line(source: &str, daemon: &str, key: &str) -> usize {
    let heads = [format!("[daemons.{daemon}]"), format!("[daemons.\"{daemon}\"]")];
    let lines = || source.lines().map(str::trim).enumerate();
    let Some((head, _)) = lines().find(|(_, line)| heads.iter().any(|head| line.starts_with(head.as_str()))) else {
        return 1;
    };
    let inside = lines().skip(head + 1).take_while(|(_, line)| !line.starts_with('['));
    let found =
        inside.into_iter().find(|(_, line)| !key.is_empty() && line.split('=').next().map(str::trim) == Some(key));
    found.map_or(head, |(line, _)| line) + 1
}
