//! mprocs.yaml, as its documentation has it.

use super::draft::{Draft, DraftCommand, DraftService, literal};
use super::error::ImportError;
use super::name::{Names, identifier};
use super::yaml::{self, Data, Node};

/// Keys that need no word: how its own screen looks.
const TRIVIAL: &[&str] = &[
    "hide_keymap_window",
    "keymap_procs",
    "keymap_term",
    "keymap_copy",
    "mouse_scroll_speed",
    "scrollback",
    "proc_list_width",
    "proc_list_title",
    "on_init",
    "on_all_finished",
    "server",
    "log_dir",
    "proc_log",
    "title",
];
const TRIVIAL_IN_PROC: &[&str] = &["mouse_scroll_speed", "scrollback", "log", "log_dir"];

pub(super) fn read(text: &str) -> Result<Draft, ImportError> {
    let root = yaml::read(text)?;
    let mut draft = Draft { restart: Some("never"), ..Draft::default() };
    let Some(procs) = root.get("procs").map(here) else { return Err(ImportError::Empty) };
    let Some(entries) = procs.entries() else {
        return Err(ImportError::Shape { line: procs.line, at: "procs".into(), expected: "a table of processes" });
    };
    for (key, node) in root.entries().unwrap_or_default() {
        if key != "procs" && !TRIVIAL.contains(&key.as_str()) {
            draft.lose(node.line, key, "there is nothing like it here");
        }
    }
    let names = Names::new(entries.iter().map(|(name, _)| name.as_str()));
    for (theirs, node) in entries {
        let node = here(node);
        // A process that is nothing is one that a later file takes away.
        if node.data == Data::Null {
            continue;
        }
        let name = names.of(theirs).expect("every process was named").to_owned();
        if name != *theirs {
            draft.lose(node.line, theirs, format!("it is called `{name}` here"));
        }
        match command(node).and_then(DraftCommand::or_nothing) {
            Some(command) => {
                let service = service(DraftService::new(name, command), theirs, node, &names, &mut draft);
                draft.services.push(service);
            }
            None => draft.lose(node.line, format!("procs.{theirs}"), "it has neither `shell` nor `cmd`"),
        }
    }
    if draft.services.is_empty() { Err(ImportError::Empty) } else { Ok(draft) }
}

/// The value for Linux, where it hangs on the system: `$select: os`.
fn here(node: &Node) -> &Node {
    match node.get("$select").and_then(Node::text) {
        Some("os") => node.get("linux").or_else(|| node.get("$else")).unwrap_or(node),
        _ => node,
    }
}

/// Its command: a string, a list, `shell` or `cmd`.
fn command(node: &Node) -> Option<DraftCommand> {
    let words = |node: &Node| {
        let words: Vec<String> = node.items()?.iter().filter_map(|item| Some(in_folder(item.text()?))).collect();
        (!words.is_empty()).then_some(DraftCommand::Words(words))
    };
    let line = |node: &Node| Some(DraftCommand::Line(in_folder(node.text()?.trim_end())));
    match &node.data {
        Data::Scalar { .. } => line(node),
        Data::List(_) => words(node),
        _ => node.get("shell").map(here).and_then(line).or_else(|| node.get("cmd").map(here).and_then(words)),
    }
}

/// `<CONFIG_DIR>` is the folder of the file.
fn in_folder(text: &str) -> String {
    literal(text).replace("<CONFIG_DIR>", "{{ project.root }}")
}

fn service(mut service: DraftService, theirs: &str, node: &Node, names: &Names, draft: &mut Draft) -> DraftService {
    for (key, value) in node.entries().unwrap_or_default() {
        let (value, at) = (here(value), format!("procs.{theirs}.{key}"));
        match key.as_str() {
            "shell" | "cmd" => {}
            "cwd" => service.cwd = value.text().map(in_folder),
            "env" => {
                for (name, value) in value.entries().unwrap_or_default() {
                    let value = here(value);
                    match &value.data {
                        Data::Null => service.unset.push(name.clone()),
                        _ => service.env.push((name.clone(), in_folder(value.text().unwrap_or_default()))),
                    }
                }
            }
            "add_path" => match &value.data {
                Data::List(items) => service.path.extend(items.iter().filter_map(|item| Some(in_folder(item.text()?)))),
                _ => service.path.extend(value.text().map(in_folder)),
            },
            "autostart" => {
                if value.truth() == Some(false) {
                    draft.flags.push((service.name.clone(), format!("Run {}", service.name)));
                    service.when = Some(format!("flag.{}", identifier(&service.name)));
                }
            }
            "autorestart" => service.restart = value.truth().filter(|always| *always).map(|_| "always"),
            "stop" => stop(&at, value, &mut service, draft),
            "deps" => {
                for dep in value.items().unwrap_or_default() {
                    match dep.text().and_then(|dep| names.of(dep)) {
                        Some(name) => service.depends_on.push((name.to_owned(), "ready")),
                        None => draft.lose(dep.line, &at, "no process of the file is called so"),
                    }
                }
            }
            key if TRIVIAL_IN_PROC.contains(&key) => {}
            "tty" => service.pty = value.truth().filter(|wanted| !wanted),
            _ => draft.lose(value.line, at, "there is nothing like it here"),
        }
    }
    service
}

fn stop(at: &str, node: &Node, service: &mut DraftService, draft: &mut Draft) {
    let signal = |name: &str| ("signal", super::toml_text::text(name));
    match node.text() {
        Some(name @ ("SIGINT" | "SIGTERM" | "SIGKILL")) => service.stop.push(signal(&name[3..])),
        Some("hard-kill") => service.stop.push(signal("KILL")),
        Some(_) => draft.lose(node.line, at, "it isn't a way to stop that is known; TERM is sent, then KILL"),
        None => {
            // Ctrl-C typed is the signal that it makes.
            let keys: Vec<&str> =
                node.get("send-keys").and_then(Node::items).unwrap_or_default().iter().filter_map(Node::text).collect();
            match keys.as_slice() {
                ["<C-c>", ..] => {
                    service.stop.push(signal("INT"));
                    if keys.len() > 1 {
                        draft.lose(node.line, at, "INT is sent; the other keys aren't typed");
                    }
                }
                _ => draft.lose(node.line, at, "no keys are typed to stop something; TERM is sent, then KILL"),
            }
        }
    }
}
