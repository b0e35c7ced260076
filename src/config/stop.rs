//! `stop`: how a service is stopped. A command may come first, then signals; KILL isn't written down.

use std::time::Duration;

use super::decode::{command_of, duration, text};
use super::error::{ConfigError, Problem};
use super::schema::{Command, Stop};
use super::value::{Entry, Kind, Table, Value, get};
use crate::model::{Rung, Signal, Target};

/// How long a rung lasts, where nobody says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What a service has that says nothing.
pub(super) fn usual() -> Stop {
    Stop { command: None, rungs: vec![signal(&Table::new())] }
}

fn signal(rung: &Table) -> Rung {
    Rung {
        signal: text(rung, "signal").and_then(|name| name.parse().ok()).unwrap_or(Signal::TERM),
        target: if text(rung, "to").as_deref() == Some("main") { Target::Main } else { Target::Group },
        timeout: duration(rung, "timeout").unwrap_or(TIMEOUT),
    }
}

/// What is said under `stop`, if anything is.
pub(super) fn stop(table: &Table) -> Option<Stop> {
    let rungs = rungs(get(table, "stop")?);
    let first = rungs.first()?;
    let timeout = duration(first, "timeout").unwrap_or(TIMEOUT);
    let command = get(first, "command").and_then(command_of).map(|command| (command, timeout));
    let signals: Vec<Rung> =
        rungs.iter().filter(|rung| !rung.contains_key("command")).map(|rung| signal(rung)).collect();
    // Whoever doesn't listen to a command may listen to a signal.
    Some(Stop { command, rungs: if signals.is_empty() { usual().rungs } else { signals } })
}

/// One rung, or a list of them.
fn rungs(value: &Value) -> Vec<&Table> {
    match &value.kind {
        Kind::Table(one) => vec![one],
        Kind::Array(rungs) => rungs.iter().filter_map(Value::as_table).collect(),
        _ => Vec::new(),
    }
}

/// What is wrong with the commands of a `stop` beyond their shape. `path` is whose it is: `service.web`.
pub(super) fn check(table: &Table, path: &str, errors: &mut Vec<ConfigError>) {
    let Some(value) = get(table, "stop") else { return };
    let listed = matches!(value.kind, Kind::Array(_));
    for (index, rung) in rungs(value).into_iter().enumerate() {
        let Some(Entry { key, value }) = rung.get("command") else { continue };
        let name = if listed { format!("{path}.stop[{index}].command") } else { format!("{path}.stop.command") };
        let mut wrong = |why, fix: &str| {
            let problem = Problem::StopCommand { key: name.clone(), why, fix: fix.to_owned() };
            errors.push(ConfigError::at(key, problem));
        };
        if rung.contains_key("signal") || rung.contains_key("to") {
            let why = "a rung has a command or a signal, not both";
            wrong(why, "write two rungs: stop = [{ command = … }, { signal = … }]");
        }
        if index > 0 {
            wrong("a command comes before all signals, and there is one at most", "put it first, or leave it out");
        }
        let empty = match command_of(value) {
            Some(Command::Words(words)) => words.first().is_none_or(|word| word.text.trim().is_empty()),
            Some(Command::Line(line)) => line.text.trim().is_empty(),
            None => false,
        };
        if empty {
            wrong("it is empty", "say what to run: command = [\"program\", \"argument\"]");
        }
    }
}
