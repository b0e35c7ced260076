//! process-compose.yaml, as its documentation has it (version 0.5 of the format).

use super::compose_probes;
use super::draft::{Draft, DraftCommand, DraftService, literal, with_variables};
use super::error::ImportError;
use super::name::Names;
use super::yaml::{self, Data, Node};
use crate::model::Signal;

/// Keys of the file that need no word: how its own screen and logs look.
const TRIVIAL: &[&str] = &[
    "version",
    "log_level",
    "log_length",
    "log_format",
    "log_no_color",
    "disable_json",
    "is_tui_disabled",
    "log_location",
    "log_configuration",
    "is_strict",
];
/// The same, of a process.
const TRIVIAL_IN_PROCESS: &[&str] = &["log_location", "log_configuration", "disable_ansi_colors", "is_foreground"];

pub(super) fn read(text: &str) -> Result<Draft, ImportError> {
    let root = yaml::read(text)?;
    let mut draft = Draft { restart: Some("never"), ..Draft::default() };
    let Some(processes) = root.get("processes") else { return Err(ImportError::Empty) };
    let Some(entries) = processes.entries() else {
        return Err(ImportError::Shape {
            line: processes.line,
            at: "processes".into(),
            expected: "a table of processes",
        });
    };
    let names = Names::new(entries.iter().map(|(name, _)| name.as_str()));
    for (key, node) in root.entries().unwrap_or_default() {
        match key.as_str() {
            "processes" => {}
            "name" => draft.name = node.text().map(str::to_owned),
            "environment" => draft.env = environment(node, "environment", &mut draft)?,
            "shell" => {}
            key if TRIVIAL.contains(&key) || key.starts_with("x-") => {}
            "vars" => {
                draft.lose(node.line, key, "Go templates aren't filled in; write the values, or `{{ setting.NAME }}`")
            }
            "env_cmds" => draft.lose(node.line, key, "no command is asked for a variable; set it before the start"),
            _ => draft.lose(node.line, key, "there is nothing like it here"),
        }
    }
    let shell = root.get("shell").and_then(shell);
    for (theirs, node) in entries {
        if node.entries().is_none() {
            return Err(ImportError::Shape {
                line: node.line,
                at: format!("processes.{theirs}"),
                expected: "a table of keys such as `command`",
            });
        }
        let process = Process { theirs, node, names: &names, entries, shell: shell.as_ref() };
        process.read(&mut draft)?;
    }
    if draft.services.is_empty() { Err(ImportError::Empty) } else { Ok(draft) }
}

/// The shell that commands are given to, where the file names one: the program and its argument.
fn shell(node: &Node) -> Option<(String, String)> {
    let command = node.get("shell_command")?.text()?.to_owned();
    let argument = node.get("shell_argument").and_then(Node::text).unwrap_or("-c").to_owned();
    Some((command, argument))
}

struct Process<'a> {
    theirs: &'a str,
    node: &'a Node,
    names: &'a Names,
    entries: &'a [(String, Node)],
    shell: Option<&'a (String, String)>,
}

impl Process<'_> {
    fn at(&self, key: &str) -> String {
        format!("processes.{}.{key}", self.theirs)
    }

    fn read(&self, draft: &mut Draft) -> Result<(), ImportError> {
        let name = self.names.of(self.theirs).expect("every process was named").to_owned();
        if name != self.theirs {
            draft.lose(self.node.line, self.theirs, format!("it is called `{name}` here"));
        }
        let Some(command) = self.command(draft).and_then(DraftCommand::or_nothing) else {
            draft.lose(self.node.line, format!("processes.{}", self.theirs), "it has no command");
            return Ok(());
        };
        let mut service = DraftService::new(name, command);
        for (key, node) in self.node.entries().unwrap_or_default() {
            self.key(key, node, &mut service, draft)?;
        }
        compose_probes::read(self.theirs, self.node, &mut service, draft);
        service.oneshot = self.is_waited_for();
        draft.services.push(service);
        Ok(())
    }

    fn replicas(&self) -> u64 {
        self.node.get("replicas").and_then(Node::number).unwrap_or(1).min(1000)
    }

    fn command(&self, draft: &mut Draft) -> Option<DraftCommand> {
        let entrypoint = self.node.get("entrypoint").and_then(Node::items);
        if let Some(items) = entrypoint.filter(|items| !items.is_empty()) {
            let words = items.iter().filter_map(|item| Some(with_variables(item.text()?)));
            return Some(DraftCommand::Words(words.collect()));
        }
        let node = self.node.get("command")?;
        let line = replica(node.text()?.trim_end());
        if line.contains("{{") {
            let what = "its Go template isn't filled in: it stands as text; write the value, or an expression of ours";
            draft.lose(node.line, self.at("command"), what);
        }
        // `$$` is how a dollar is written for the shell.
        let line = literal(&line.replace("$$", "$"));
        let number = if self.replicas() > 1 { "{{ each.number }}" } else { "0" };
        let line = line.replace(REPLICA, number);
        Some(match self.shell {
            Some((program, argument)) => DraftCommand::Words(vec![program.clone(), argument.clone(), line]),
            None => DraftCommand::Line(line),
        })
    }

    fn key(&self, key: &str, node: &Node, service: &mut DraftService, draft: &mut Draft) -> Result<(), ImportError> {
        match key {
            "command" | "entrypoint" | "readiness_probe" | "liveness_probe" | "ready_log_line" => {}
            "description" => service.help = node.text().map(str::to_owned),
            "working_dir" => service.cwd = node.text().map(with_variables),
            "environment" => service.env = environment(node, &self.at(key), draft)?,
            "depends_on" => self.depends_on(node, service, draft),
            "availability" => self.availability(node, service, draft),
            "shutdown" => self.shutdown(node, service, draft),
            "is_tty" => service.pty = node.truth().filter(|wanted| !wanted),
            "disabled" if node.truth() == Some(true) => {
                draft.flags.push((service.name.clone(), format!("Run {}", service.name)));
                service.when = Some(format!("flag.{}", super::name::identifier(&service.name)));
            }
            "replicas" => {
                service.replicas = self.replicas();
                if service.replicas > 1 {
                    service.env.push(("PC_REPLICA_NUM".into(), "{{ each.number }}".into()));
                }
            }
            "disabled" => {}
            "is_daemon" | "is_elevated" | "is_dotenv_disabled" if node.truth() == Some(false) => {}
            key if TRIVIAL_IN_PROCESS.contains(&key) => {}
            _ => draft.lose(node.line, self.at(key), why_not(key)),
        }
        Ok(())
    }

    fn depends_on(&self, node: &Node, service: &mut DraftService, draft: &mut Draft) {
        for (theirs, how) in node.entries().unwrap_or_default() {
            let at = format!("{}.{theirs}", self.at("depends_on"));
            let Some(name) = self.names.of(theirs) else {
                draft.lose(how.line, at, "no process of the file is called so");
                continue;
            };
            let condition = match how.get("condition").and_then(Node::text).unwrap_or("process_started") {
                "process_completed_successfully" => "succeeded",
                "process_completed" => {
                    draft.lose(how.line, at, "it waits for its success: there is no waiting for just any end");
                    "succeeded"
                }
                "process_started" => "started",
                _ => "ready",
            };
            service.depends_on.push((name.to_owned(), condition));
        }
    }

    fn availability(&self, node: &Node, service: &mut DraftService, draft: &mut Draft) {
        let seconds = |seconds: u64| super::toml_text::text(&format!("{seconds}s"));
        for (key, value) in node.entries().unwrap_or_default() {
            let at = format!("{}.{key}", self.at("availability"));
            match key.as_str() {
                "restart" => match value.text().unwrap_or_default() {
                    "always" => service.restart = Some("always"),
                    "on_failure" => service.restart = Some("on-failure"),
                    "exit_on_failure" => {
                        service.exit_on_end = true;
                        draft.lose(value.line, at, "`exit_on_end`: any end of it ends the run, not a failure alone");
                    }
                    _ => {}
                },
                "exit_on_end" => service.exit_on_end |= value.truth() == Some(true),
                "backoff_seconds" => {
                    if let Some(number) = value.number().filter(|number| *number > 0) {
                        service.backoff.push(("min", seconds(number)));
                        service.backoff.push(("max", seconds(number.max(10))));
                    }
                }
                "max_restarts" => {
                    if let Some(number) = value.number().filter(|number| *number > 0) {
                        service.backoff.push(("give_up_after", number.saturating_add(1).min(1000).to_string()));
                    }
                }
                _ => draft.lose(value.line, at, "there is nothing like it here"),
            }
        }
    }

    fn shutdown(&self, node: &Node, service: &mut DraftService, draft: &mut Draft) {
        for (key, value) in node.entries().unwrap_or_default() {
            let at = format!("{}.{key}", self.at("shutdown"));
            match key.as_str() {
                "signal" => match value.number().and_then(|number| i32::try_from(number).ok()) {
                    Some(number @ 1..=31) => {
                        service.stop.push(("signal", super::toml_text::text(&Signal::from_number(number).to_string())));
                    }
                    _ => draft.lose(value.line, at, "it isn't the number of a signal"),
                },
                "timeout_seconds" => {
                    if let Some(number) = value.number() {
                        service.stop.push(("timeout", super::toml_text::text(&format!("{number}s"))));
                    }
                }
                "parent_only" => {
                    if value.truth() == Some(true) {
                        service.stop.push(("to", "\"main\"".into()));
                    }
                }
                _ => draft.lose(value.line, at, why_not(key)),
            }
        }
    }

    /// Whether somebody waits for its end: then it sets something up.
    fn is_waited_for(&self) -> bool {
        self.entries.iter().any(|(_, node)| {
            let how = node.get("depends_on").and_then(|wanted| wanted.get(self.theirs));
            let condition = how.and_then(|how| how.get("condition")).and_then(Node::text);
            condition.is_some_and(|condition| condition.starts_with("process_completed"))
        })
    }
}

/// Stands for the number of the replica until the rest of the line is made literal.
const REPLICA: &str = "\u{1}";

/// The one Go template that has a meaning here.
fn replica(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("{{") {
        let inner = after.split_once("}}").filter(|(inner, _)| inner.trim() == ".PC_REPLICA_NUM");
        out += before;
        match inner {
            Some((_, after)) => {
                out += REPLICA;
                rest = after;
            }
            None => {
                out += "{{";
                rest = after;
            }
        }
    }
    out + rest
}

fn why_not(key: &str) -> &'static str {
    match key {
        "namespace" => "there are no namespaces; a flag and `when` start a part of the services",
        "schedule" => "nothing is started by the clock here",
        "is_daemon" => {
            "a service stays in the foreground here (docker run without -d), so that it can be watched and stopped"
        }
        "is_elevated" => "nothing is run as another user; put sudo before the command",
        "vars" => "Go templates aren't filled in; write the values, or `{{ setting.NAME }}`",
        "command" => "its stop command isn't carried over; give `stop` a signal",
        "launch_timeout_seconds" => "`ready.timeout` is the deadline here",
        _ => "there is nothing like it here",
    }
}

/// `environment`: a list of `NAME=value`, or a table.
pub(super) fn environment(node: &Node, at: &str, draft: &mut Draft) -> Result<Vec<(String, String)>, ImportError> {
    let mut variables = Vec::new();
    match &node.data {
        Data::Null => {}
        Data::List(items) => {
            for item in items {
                match item.text().and_then(|text| text.split_once('=')) {
                    Some((name, value)) => variables.push((name.trim().to_owned(), with_variables(value))),
                    None => draft.lose(item.line, at, "an entry isn't `NAME=value`"),
                }
            }
        }
        Data::Map(entries) => {
            for (name, value) in entries {
                variables.push((name.clone(), with_variables(value.text().unwrap_or_default())));
            }
        }
        Data::Scalar { .. } => {
            return Err(ImportError::Shape { line: node.line, at: at.to_owned(), expected: "a list of `NAME=value`" });
        }
    }
    Ok(variables)
}
