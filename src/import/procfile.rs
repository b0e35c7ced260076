//! A Procfile: `name: shell line`, one a line.
//!
//! As foreman's documentation has it: names of letters, digits, `-` and `_`; the first process type gets PORT 5000,
//! the next 5100, and so on; `#` begins a comment line.

use super::draft::{Draft, DraftCommand, DraftService, literal};
use super::error::ImportError;
use super::name::{Names, identifier};

const FIRST_PORT: u16 = 5000;
const STEP: u32 = 100;

pub(super) fn read(text: &str) -> Result<Draft, ImportError> {
    let mut draft = Draft { bind_port: Some(FIRST_PORT), restart: Some("never"), ..Draft::default() };
    let mut entries: Vec<(usize, &str, &str)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let (number, trimmed) = (index + 1, line.trim());
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let entry = trimmed.split_once(':').map(|(name, command)| (name.trim(), command.trim()));
        match entry {
            Some((name, command)) if is_name(name) && !command.is_empty() => {
                match entries.iter_mut().find(|e| e.1 == name) {
                    // The last one counts, as in a Ruby hash.
                    Some(earlier) => {
                        draft.lose(
                            earlier.0,
                            format!("{name}: {}", earlier.2),
                            format!("`{name}` stands again on line {number}"),
                        );
                        *earlier = (number, name, command);
                    }
                    None => entries.push((number, name, command)),
                }
            }
            _ => draft.lose(number, trimmed, "it isn't `name: command`"),
        }
    }
    if entries.is_empty() {
        return Err(ImportError::Empty);
    }
    let names = Names::new(entries.iter().map(|(_, name, _)| *name));
    for (index, (line, theirs, command)) in entries.iter().enumerate() {
        let name = names.of(theirs).expect("it was just named").to_owned();
        if name != *theirs {
            draft.lose(*line, *theirs, format!("it is called `{name}` here"));
        }
        let mut service = DraftService::new(name.clone(), DraftCommand::Line(literal(command)));
        let step = u32::try_from(index).unwrap_or(u32::MAX).saturating_mul(STEP);
        let port = identifier(&name);
        draft.ports.push((port.clone(), if step == 0 { "bind.port".into() } else { format!("bind.port + {step}") }));
        service.env.push(("PORT".into(), format!("{{{{ port.{port} }}}}")));
        // One that reads PORT elsewhere (a file of its own) isn't known to listen on it.
        service.port = speaks_of_port(command).then(|| format!("port.{port}"));
        draft.services.push(service);
    }
    Ok(draft)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn speaks_of_port(command: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    command.contains("${PORT") || command.match_indices("$PORT").any(|(at, mark)| ends(&command[at + mark.len()..]))
}
