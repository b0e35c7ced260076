//! A draft as the text of a devserver.toml, as a person would write it.

use std::fmt::Write as _;

use super::draft::{Draft, DraftCommand, DraftService};

/// How long a list may be before it stands on several lines.
const WIDE: usize = 100;

/// `from` and `by`: the files and the command that it was made with.
pub(super) fn write(draft: &Draft, from: &str, by: &str) -> String {
    let mut out = format!(
        "#:schema ./.devserver/schema.json\n\n# Made from {from} by `{by}`. Every key: docs/config.md, or `devserver config schema`.\n\
         #   devserver plan     what would run, and why the rest doesn't\n\
         #   devserver          run it; Ctrl-C stops everything\n"
    );
    if !draft.lost.is_empty() {
        out += "#\n# Not carried over:\n";
        for lost in &draft.lost {
            let _ = writeln!(out, "#   {from}:{}: `{}`: {}", lost.line, one_line(&lost.what), one_line(&lost.why));
        }
    }
    if let Some(name) = &draft.name {
        let _ = write!(out, "\n[project]\nname = {}\n", text(name));
    }
    if let Some(port) = draft.bind_port {
        let _ = write!(out, "\n[bind]\nport = {port}\n");
    }
    if !draft.ports.is_empty() {
        out += "\n[ports]\n";
        for (name, expression) in &draft.ports {
            let _ = writeln!(out, "{name} = {}", text(expression));
        }
    }
    for (name, help) in &draft.flags {
        let _ = write!(out, "\n[flag.{name}]\nhelp = {}\n", text(help));
    }
    if let Some(restart) = draft.restart {
        let _ = write!(out, "\n[service-defaults]\nrestart = {}\n", text(restart));
    }
    if !draft.path.is_empty() {
        let _ = write!(out, "\n[[env]]\npath = {}\n", list(&draft.path));
    }
    if !draft.env.is_empty() {
        out += "\n[[env]]\n[env.set]\n";
        lines(&draft.env, &mut out);
    }
    for service in &draft.services {
        if !service.unset.is_empty() || !service.path.is_empty() {
            let _ = write!(out, "\n[[env]]\nservices = {}\n", list(std::slice::from_ref(&service.name)));
            if !service.unset.is_empty() {
                let _ = writeln!(out, "unset = {}", list(&service.unset));
            }
            if !service.path.is_empty() {
                let _ = writeln!(out, "path = {}", list(&service.path));
            }
        }
    }
    draft.services.iter().for_each(|each| service(each, &mut out));
    out
}

fn service(service: &DraftService, out: &mut String) {
    let _ = write!(out, "\n[service.{}]\n", service.name);
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(out, "{key} = {value}");
        }
    };
    put("help", service.help.as_deref().map(text));
    put("when", service.when.as_deref().map(text));
    put("each", (service.replicas > 1).then(|| replicas(service)));
    put("oneshot", service.oneshot.then(|| "true".into()));
    put(
        "command",
        Some(match &service.command {
            DraftCommand::Line(line) => text(line),
            DraftCommand::Words(words) => list(words),
        }),
    );
    put("creates", some(&service.creates).map(list));
    put("inputs", some(&service.inputs).map(list));
    put("cwd", service.cwd.as_deref().map(text));
    let narrow = Some(table(&service.env)).filter(|line| line.chars().count() <= WIDE);
    put("env", some(&service.env).and(narrow.clone()));
    put("port", service.port.as_deref().map(text));
    let plain = service.depends_on.iter().all(|(_, condition)| *condition == "ready");
    put(
        "depends_on",
        some(&service.depends_on).map(|wanted| match plain {
            true => list(&wanted.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()),
            false => table(
                &wanted.iter().map(|(name, condition)| (name.clone(), (*condition).to_owned())).collect::<Vec<_>>(),
            ),
        }),
    );
    put("ready", some(&service.ready).map(inline));
    put("stop", some(&service.stop).map(inline));
    put("restart", service.restart.map(text));
    put("backoff", some(&service.backoff).map(inline));
    put("pty", service.pty.map(|pty| pty.to_string()));
    put("exit_on_end", service.exit_on_end.then(|| "true".into()));
    if narrow.is_none() {
        let _ = writeln!(out, "[service.{}.env]", service.name);
        lines(&service.env, out);
    }
}

/// `worker-0`, `worker-1` …: `each.number` is their number.
fn replicas(service: &DraftService) -> String {
    let item = |number: u64| format!("{{ name = {}, number = {number} }}", text(&format!("{}-{number}", service.name)));
    let items: Vec<String> = (0..service.replicas).map(item).collect();
    format!("[\n    {},\n]", items.join(",\n    "))
}

fn lines(entries: &[(String, String)], out: &mut String) {
    for (name, value) in entries {
        let _ = writeln!(out, "{} = {}", key(name), text(value));
    }
}

fn some<T>(items: &[T]) -> Option<&[T]> {
    (!items.is_empty()).then_some(items)
}

/// A string in TOML: literal where that is easier to read.
pub(super) fn text(text: &str) -> String {
    let literal = text.contains(['"', '\\']) && !text.contains('\'') && !text.chars().any(char::is_control);
    match literal {
        true => format!("'{text}'"),
        false if text.chars().any(char::is_control) => block(text),
        false => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

/// Text with line ends or control characters.
fn block(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '"' | '\\' => out.extend(['\\', character]),
            character if character.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(character));
            }
            character => out.push(character),
        }
    }
    out.push('"');
    out
}

fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| text(item)).collect();
    let line = format!("[{}]", items.join(", "));
    match line.chars().count() > WIDE {
        true => format!("[\n    {},\n]", items.join(",\n    ")),
        false => line,
    }
}

fn table(entries: &[(String, String)]) -> String {
    let entries: Vec<String> = entries.iter().map(|(name, value)| format!("{} = {}", key(name), text(value))).collect();
    format!("{{ {} }}", entries.join(", "))
}

fn key(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !name.is_empty() && name.bytes().all(bare) { name.to_owned() } else { text(name) }
}

fn inline(entries: &[(&'static str, String)]) -> String {
    let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    format!("{{ {} }}", entries.join(", "))
}

/// A comment ends with its line.
fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
