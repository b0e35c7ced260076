//! `devserver ps` and `devserver status`: what runs, and how it does.

use std::fmt::Write as _;
use std::time::Duration;

use clap::{ArgMatches, Command};
use console::{Style, measure_text_width};
use serde_json::{Value, json};

use crate::model::{Health, Moment, Phase, ProcessStatus, brief};
use crate::protocol::ProcessUsage;

use super::args::Early;
use super::discover::Env;
use super::exit_code::Exit;
use super::main::{say, stdout_colour};
use super::reach::{self, Reached, Scope, processes, with_scope_args};
use super::report::Failure;

/// `ps` as clap has it.
pub fn ps_command() -> Command {
    let about = "List the processes of what runs here, with what each takes";
    with_scope_args(Command::new("ps").about(about)).after_help("Example:\n  devserver ps --silo=region")
}

/// `status` as clap has it.
pub fn status_command() -> Command {
    let about = "Say which stacks of this checkout are up, and whether all is well; exits with 5 if something failed";
    with_scope_args(Command::new("status").about(about)).after_help("Example:\n  devserver status && echo well")
}

/// Reads the arguments of either.
pub fn view(matches: &ArgMatches) -> Scope {
    reach::scope(matches)
}

/// Prints the table.
///
/// # Errors
/// When nothing is running.
pub fn ps(scope: &Scope, early: &Early, env: &Env) -> Result<Exit, Failure> {
    let reached = look(scope, early, env, true)?;
    if scope.json {
        say(&format!("{:#}\n", json_of(&reached)));
        return Ok(Exit::Fine);
    }
    let colour = stdout_colour(early.colour, env);
    let tables: Vec<String> = reached.iter().map(|stack| head(stack) + &table(stack, colour)).collect();
    say(&tables.join("\n"));
    Ok(Exit::Fine)
}

/// Prints a few lines for each stack.
///
/// # Errors
/// When nothing is running.
pub fn status(scope: &Scope, early: &Early, env: &Env) -> Result<Exit, Failure> {
    let reached = match look(scope, early, env, false) {
        Err(failure) if scope.json && failure.exit == Exit::NotRunning => {
            say(&format!("{:#}\n", json!({ "stacks": [] })));
            return Ok(Exit::NotRunning);
        }
        reached => reached?,
    };
    let failed = |process: &ProcessStatus| matches!(process.phase, Phase::Failed { .. });
    let is_bad = reached.iter().flat_map(processes).any(failed);
    match scope.json {
        true => say(&format!("{:#}\n", json_of(&reached))),
        false => say(&reached.iter().map(|stack| head(stack) + &summary(stack)).collect::<Vec<_>>().join("\n")),
    }
    Ok(if is_bad { Exit::GaveUp } else { Exit::Fine })
}

fn look(scope: &Scope, early: &Early, env: &Env, usage: bool) -> Result<Vec<Reached>, Failure> {
    let records = reach::stacks(scope, early, env)?;
    reach::wait_for(reach::reach(records, usage))
}

/// `control on port 8001, region on port 8010 (pid 4127, up 2m 05s): devserver --silo=control,region`
fn head(stack: &Reached) -> String {
    let record = &stack.record;
    let silos: Vec<String> = record
        .silos
        .iter()
        .map(|(name, port)| match port {
            Some(port) => format!("{name} on port {port}"),
            None => name.clone(),
        })
        .collect();
    let up = brief(stack.status.status.at.since(Moment::START));
    format!("{} (pid {}, up {up}): {}\n", silos.join(", "), record.pid, record.command)
}

fn summary(stack: &Reached) -> String {
    let mut text = String::new();
    let all = processes(stack);
    let good = |process: &&ProcessStatus| match process.phase {
        Phase::Ready => process.health == Health::Ok,
        Phase::Done { .. } => true,
        _ => false,
    };
    let fine = all.iter().filter(good).count();
    let _ = writeln!(text, "  {fine} of {} ready", all.len());
    for process in all.iter().filter(|process| !good(process)) {
        let why = process.hold.as_ref().map(|hold| format!(": {hold}")).unwrap_or_default();
        let is = if matches!(process.phase, Phase::Failed { .. }) { "has" } else { "is" };
        let _ = writeln!(text, "  {} {is} {}{why}", process.name, phase(process));
    }
    text
}

/// The phase in one or two words.
fn phase(process: &ProcessStatus) -> String {
    match process.health {
        Health::Ok => process.phase.to_string(),
        Health::Degraded => format!("{}, degraded", process.phase),
        Health::InDebugger => "in debugger".to_owned(),
        Health::Stopped => "stopped by a signal".to_owned(),
    }
}

/// How long its run has lasted.
fn uptime(process: &ProcessStatus, now: Moment) -> Option<Duration> {
    process.started.filter(|_| process.pid.is_some()).map(|started| now.since(started))
}

fn memory(bytes: u64) -> String {
    const MIB: u64 = 1024 * 1024;
    match bytes {
        0..MIB => format!("{} KB", bytes / 1024),
        MIB..10_485_760 => format!("{}.{} MB", bytes / MIB, bytes % MIB * 10 / MIB),
        10_485_760..1_073_741_824 => format!("{} MB", bytes / MIB),
        _ => format!("{}.{:02} GB", bytes / 1_073_741_824, bytes % 1_073_741_824 * 100 / 1_073_741_824),
    }
}

const COLUMNS: [(&str, Side); 10] = [
    ("PROCESS", Side::Left),
    ("PHASE", Side::Left),
    ("PID", Side::Right),
    ("UPTIME", Side::Right),
    ("READY AFTER", Side::Right),
    ("RESTARTS", Side::Right),
    ("CPU", Side::Right),
    ("MEMORY", Side::Right),
    ("PORT", Side::Right),
    ("URL", Side::Left),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

fn table(stack: &Reached, colour: bool) -> String {
    let usage = |process: &ProcessStatus| stack.status.usage.iter().find(|usage| usage.name == process.name);
    let rows: Vec<[String; 10]> =
        processes(stack).iter().map(|process| row(process, usage(process), stack.status.status.at)).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| measure_text_width(&row[column]));
        cells.chain([COLUMNS[column].0.len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();
    let mut text = String::new();
    let line = |cells: &[String], style: &dyn Fn(usize, &str) -> String| {
        let cell = |(at, cell): (usize, &String)| {
            let padding = " ".repeat(widths[at].saturating_sub(measure_text_width(cell)));
            let styled = style(at, cell);
            if COLUMNS[at].1 == Side::Left { styled + &padding } else { padding + &styled }
        };
        format!("  {}\n", cells.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ").trim_end())
    };
    let dim = |_: usize, cell: &str| match colour {
        true => Style::new().dim().force_styling(true).apply_to(cell).to_string(),
        false => cell.to_owned(),
    };
    text.push_str(&line(&COLUMNS.map(|(name, _)| name.to_owned()), &dim));
    for (process, row) in processes(stack).iter().zip(&rows) {
        let toned = |at: usize, cell: &str| match colour && at == 1 {
            true => tone(process).force_styling(true).apply_to(cell).to_string(),
            false => cell.to_owned(),
        };
        text.push_str(&line(row, &toned));
    }
    text
}

fn tone(process: &ProcessStatus) -> Style {
    match (&process.phase, process.health) {
        (Phase::Failed { .. }, _) => Style::new().red(),
        (_, Health::Degraded | Health::InDebugger | Health::Stopped) => Style::new().yellow(),
        (Phase::Ready, Health::Ok) => Style::new().green(),
        (Phase::Starting | Phase::Running { .. } | Phase::Stopping { .. } | Phase::Backoff { .. }, _) => {
            Style::new().yellow()
        }
        (Phase::Idle | Phase::Done { .. }, _) => Style::new().dim(),
    }
}

fn row(process: &ProcessStatus, usage: Option<&ProcessUsage>, now: Moment) -> [String; 10] {
    let dash = || "-".to_owned();
    [
        process.name.to_string(),
        phase(process),
        process.pid.map_or_else(dash, |pid| pid.to_string()),
        uptime(process, now).map_or_else(dash, brief),
        process.ready_after.map_or_else(dash, brief),
        process.restarts.to_string(),
        usage.map_or_else(dash, |usage| format!("{:.1}%", usage.cpu)),
        usage.map_or_else(dash, |usage| memory(usage.memory)),
        process.port.map_or_else(dash, |port| port.to_string()),
        // What isn't there has no page to look at, but a reason.
        match (&process.hold, &process.url) {
            (Some(hold), _) => hold.to_string(),
            (None, Some(url)) => url.clone(),
            (None, None) => String::new(),
        },
    ]
}

fn json_of(reached: &[Reached]) -> Value {
    let stacks: Vec<Value> = reached.iter().map(stack_json).collect();
    json!({ "stacks": stacks })
}

fn stack_json(stack: &Reached) -> Value {
    let now = stack.status.status.at;
    let process = |process: &ProcessStatus| {
        let mut json = serde_json::to_value(process).expect("a status is text and numbers");
        json["uptime"] = json!(uptime(process, now).map(|uptime| uptime.as_secs_f64()));
        if let Some(usage) = stack.status.usage.iter().find(|usage| usage.name == process.name) {
            json["cpu"] = json!(usage.cpu);
            json["memory"] = json!(usage.memory);
            json["count"] = json!(usage.count);
        }
        json
    };
    let mut json = serde_json::to_value(&stack.record).expect("a record is text and numbers");
    json["time"] = json!(stack.status.time);
    json["uptime"] = json!(now.since(Moment::START).as_secs_f64());
    json["processes"] = processes(stack).iter().map(process).collect();
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_said_in_three_digits_or_so() {
        let mib = 1024 * 1024;
        let table = [
            (2048, "2 KB"),
            (mib, "1.0 MB"),
            (mib * 37 / 10, "3.6 MB"),
            (124 * mib, "124 MB"),
            (1536 * mib, "1.50 GB"),
        ];
        for (bytes, said) in table {
            assert_eq!(memory(bytes), said);
        }
    }
}
