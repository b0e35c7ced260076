//! process-compose's probes as our readiness.

use super::draft::{Draft, DraftCommand, DraftService, literal, with_variables};
use super::toml_text::text;
use super::yaml::Node;

/// Reads `readiness_probe`, `liveness_probe` and `ready_log_line` of one process.
pub(super) fn read(theirs: &str, node: &Node, service: &mut DraftService, draft: &mut Draft) {
    let at = |key: &str| format!("processes.{theirs}.{key}");
    if let Some(line) = node.get("ready_log_line").and_then(Node::text) {
        // A part of a line there; a regular expression here.
        service.ready.push(("log", text(&regex::escape(line))));
    }
    let readiness = node.get("readiness_probe");
    let liveness = node.get("liveness_probe");
    if let Some(probe) = readiness.or(liveness) {
        let key = if readiness.is_some() { "readiness_probe" } else { "liveness_probe" };
        self::probe(&at(key), probe, service, draft);
    }
    let Some(live) = liveness else { return };
    let same = |key: &str| readiness.is_none_or(|ready| same(ready.get(key), live.get(key)));
    if same("exec") && same("http_get") {
        service.ready.push(("liveness", "true".into()));
        if let Some(failures) = live.get("failure_threshold").and_then(Node::number).filter(|number| *number > 0) {
            service.ready.push(("failures", failures.min(1000).to_string()));
        }
        if let Some(seconds) = live.get("period_seconds").and_then(Node::number).filter(|number| *number > 0) {
            service.ready.push(("health_interval", text(&format!("{seconds}s"))));
        }
    } else {
        draft.lose(live.line, at("liveness_probe"), "one probe tells both here: `ready` with `liveness = true`");
    }
}

fn same(one: Option<&Node>, other: Option<&Node>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => match (one.entries(), other.entries()) {
            (Some(ones), Some(others)) => {
                ones.len() == others.len() && ones.iter().all(|(key, node)| same(Some(node), other.get(key)))
            }
            _ => one.text() == other.text(),
        },
        _ => false,
    }
}

fn probe(at: &str, node: &Node, service: &mut DraftService, draft: &mut Draft) {
    for (key, value) in node.entries().unwrap_or_default() {
        let at = format!("{at}.{key}");
        let seconds = value.number().filter(|number| *number > 0).map(|number| text(&format!("{number}s")));
        match key.as_str() {
            "http_get" => http(&at, value, service, draft),
            "exec" => exec(&at, value, service, draft),
            "initial_delay_seconds" => service.ready.extend(seconds.map(|delay| ("delay", delay))),
            "period_seconds" if !at.contains("liveness") => {
                service.ready.extend(seconds.map(|time| ("interval", time)))
            }
            "failure_threshold" if !at.contains("liveness") => {
                let why = "`ready.timeout` says how long it may take to be ready: 1m if not given";
                draft.lose(value.line, at, why);
            }
            "period_seconds" | "failure_threshold" => {}
            "success_threshold" if value.number().is_some_and(|number| number <= 1) => {}
            "timeout_seconds" => draft.lose(value.line, at, "the limit of one try isn't a setting here"),
            _ => draft.lose(value.line, at, "there is nothing like it here"),
        }
    }
}

fn http(at: &str, node: &Node, service: &mut DraftService, draft: &mut Draft) {
    let word = |key: &str| node.get(key).and_then(Node::text);
    let host = word("host").filter(|host| !host.is_empty() && *host != "0.0.0.0").unwrap_or("127.0.0.1");
    let scheme = word("scheme").unwrap_or("http").to_ascii_lowercase();
    let path = word("path").unwrap_or("/");
    let port = word("num_port").or_else(|| word("port"));
    let address = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let slash = if path.starts_with('/') { "" } else { "/" };
    service.ready.push(("http", text(&with_variables(&format!("{scheme}://{address}{slash}{path}")))));
    if let Some(status) = node.get("status_code").and_then(Node::number) {
        service.ready.push(("status", status.to_string()));
    }
    let is_local = ["localhost", "127.0.0.1", "::1", "[::1]"].contains(&host);
    let number = port.and_then(|port| port.parse::<u16>().ok()).filter(|port| *port > 0);
    let line = match &service.command {
        DraftCommand::Line(line) => line.clone(),
        DraftCommand::Words(words) => words.join(" "),
    };
    if line.contains("docker") || line.contains("podman") {
        // The engine listens for its containers.
        service.ready.push(("owner", text("any")));
    } else if is_local {
        service.port = number.map(|port| port.to_string());
    } else {
        service.ready.push(("owner", text("any")));
    }
    for (key, value) in node.entries().unwrap_or_default() {
        if !["host", "scheme", "path", "port", "num_port", "status_code"].contains(&key.as_str()) {
            draft.lose(value.line, format!("{at}.{key}"), "a probe sends a plain GET here; `ready.exec` can run curl");
        }
    }
}

fn exec(at: &str, node: &Node, service: &mut DraftService, draft: &mut Draft) {
    if let Some(command) = node.get("command").and_then(Node::text) {
        service.ready.push(("exec", text(&literal(&command.trim_end().replace("$$", "$")))));
    }
    if let Some(folder) = node.get("working_dir") {
        draft.lose(
            folder.line,
            format!("{at}.working_dir"),
            "a probe runs in the service's folder; put `cd` before it",
        );
    }
}
