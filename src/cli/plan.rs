//! `devserver plan`: what would run, and why the rest doesn't.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::model::{SiloName, brief};
use crate::plan::{Condition, Plan, Probe, ProcessSpec};

/// The plan as one JSON object.
pub fn json(plan: &Plan, errors: Json) -> Json {
    json!({
        "project": plan.project,
        "root": plan.root,
        "address": plan.address,
        "silos": plan.silos,
        "ports": plan.ports,
        "processes": plan.processes,
        "absent": plan.absent,
        "files": plan.files,
        "checks": plan.checks,
        "peers": plan.peers,
        "notices": plan.notices,
        "errors": errors,
    })
}

/// The JSON of a plan that there is not.
pub fn json_of_errors(errors: Json) -> Json {
    json!({ "processes": [], "absent": [], "ports": {}, "notices": [], "errors": errors })
}

/// The plan as text: the matrix, then each process.
pub fn text(plan: &Plan) -> String {
    let mut out = format!("{} in {}, {}\n\n", plan.project, plan.root.display(), plan.address);
    matrix(plan, &mut out);
    for process in &plan.processes {
        out.push('\n');
        describe(plan, process, &mut out);
    }
    if !plan.checks.is_empty() {
        out.push_str("\nchecked before the start\n");
        for check in &plan.checks {
            let what = match &check.test {
                crate::plan::CheckTest::Refused => format!("refused: {}", check.message),
                crate::plan::CheckTest::Tcp(address) => format!("somebody listens at {address}"),
                crate::plan::CheckTest::Command(words) => format!("`{}` ends with 0", words.join(" ")),
                crate::plan::CheckTest::Exists(path) => format!("{} is there", path.display()),
            };
            let _ = writeln!(out, "  {what}");
        }
    }
    if !plan.notices.is_empty() {
        out.push_str("\nnotices\n");
        plan.notices.iter().for_each(|notice| {
            let _ = writeln!(out, "  {notice}");
        });
    }
    out
}

/// Silo × service: how often it runs there, or why it doesn't.
fn matrix(plan: &Plan, out: &mut String) {
    let columns: Vec<Option<SiloName>> = plan
        .silos
        .iter()
        .filter(|silo| silo.selected)
        .map(|silo| Some(silo.name.clone()))
        .chain(plan.has_shared().then_some(None))
        .collect();
    let heads = columns.iter().map(|column| column.as_ref().map_or_else(|| "shared".to_owned(), SiloName::to_string));
    let heads: Vec<String> = heads.collect();
    let services = plan.service_names();
    let cell = |service: &str, silo: &Option<SiloName>| {
        let here =
            |process: &&std::sync::Arc<ProcessSpec>| process.service.as_str() == service && process.silo == *silo;
        let running: Vec<_> = plan.processes.iter().filter(here).collect();
        match running.as_slice() {
            [] => {
                let absent =
                    plan.absent.iter().find(|absent| absent.service.as_str() == service && absent.silo == *silo);
                match absent {
                    Some(absent) => format!("- {}", absent.reason),
                    None if silo.is_some() => "- once for all silos".to_owned(),
                    None => "- one a silo".to_owned(),
                }
            }
            [one] => one.port.map_or_else(|| "runs".to_owned(), |port| port.to_string()),
            several => format!("{} processes", several.len()),
        }
    };
    let rows: Vec<Vec<String>> =
        services.iter().map(|service| columns.iter().map(|silo| cell(service, silo)).collect()).collect();
    let first = services.iter().map(|name| name.len()).max().unwrap_or(0);
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(index, head)| {
            rows.iter().map(|row| row[index].chars().count()).chain([head.chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let line = |label: &str, cells: &[String]| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let text = format!("{label:<first$}  {}", cells.collect::<Vec<_>>().join("  "));
        format!("{}\n", text.trim_end())
    };
    out.push_str(&line("", &heads));
    for (service, row) in services.iter().zip(&rows) {
        out.push_str(&line(service, row));
    }
}

fn describe(plan: &Plan, process: &ProcessSpec, out: &mut String) {
    let _ = writeln!(out, "{}", process.name);
    let mut row = |label: &str, text: String| {
        let _ = writeln!(out, "  {label:<11} {text}");
    };
    row("command", process.command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "));
    let cwd = process.cwd.strip_prefix(&plan.root).map(|path| path.display().to_string());
    match cwd.as_deref() {
        Ok("") => {}
        Ok(inside) => row("cwd", inside.to_owned()),
        Err(_) => row("cwd", process.cwd.display().to_string()),
    }
    if let Some(port) = process.port {
        row("port", port.to_string());
    }
    if let Some(oneshot) = &process.oneshot {
        row("oneshot", if oneshot.stale { "has to run".to_owned() } else { "up to date".to_owned() });
    }
    if !process.depends_on.is_empty() {
        let edge = |edge: &crate::plan::Dependency| match edge.condition {
            Condition::Ready => edge.process.to_string(),
            Condition::Started => format!("{} (started)", edge.process),
            Condition::Succeeded => format!("{} (succeeded)", edge.process),
            Condition::Bound => format!("{} (bound)", edge.process),
        };
        row("depends on", process.depends_on.iter().map(edge).collect::<Vec<_>>().join(", "));
    }
    if !process.ready.probes.is_empty() {
        let probes: Vec<String> = process.ready.probes.iter().map(probe).collect();
        let within = process.ready.timeout.map_or_else(String::new, |timeout| format!(", within {}", brief(timeout)));
        row("ready when", format!("{}{within}", probes.join(", and ")));
    }
    row("environment", format!("{} variables; devserver plan --env {}", process.env.len(), process.name));
}

fn probe(probe: &Probe) -> String {
    match probe {
        Probe::Tcp { host, port } => format!("it listens at {host}:{port}"),
        Probe::Http { url, status: None, .. } => format!("{url} answers"),
        Probe::Http { url, status: Some(status), .. } => format!("{url} answers {status}"),
        Probe::Exec { command } => format!("`{}` ends with 0", command.join(" ")),
        Probe::Log { pattern } => format!("a line matches `{pattern}`"),
        Probe::Notify => "it says READY=1 at NOTIFY_SOCKET".to_owned(),
        Probe::Delay { delay } => format!("{} have passed", brief(*delay)),
    }
}

/// A word as one types it in a shell.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The environment of one process: each variable with who set it.
pub fn environment(process: &ProcessSpec) -> String {
    let mut out = format!("# {}: what is added to or changed in the inherited environment\n", process.name);
    let line = |name: &str, value: &str| format!("{name}={}", quoted(value));
    let width =
        process.env.iter().map(|(name, value)| line(name, &value.value).chars().count()).max().unwrap_or(0).min(60);
    for (name, value) in &process.env {
        let _ = writeln!(out, "{:<width$}  # {}", line(name, &value.value), value.origin);
    }
    for name in &process.env_removed {
        let _ = writeln!(out, "unset {name}");
    }
    out
}
