//! What is wrong with a command line, in our words: which word, why, and what to write.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::config::{Config, nearest};
use crate::model::FlagName;
use crate::plan::Address;

use super::commands::{COMMANDS, CONFIG_COMMANDS, DB_COMMANDS};
use super::exit_code::Exit;
use super::report::Failure;

/// An ADDRESS; or a word that was meant as a command.
pub(super) fn address(text: &str, args: &[String]) -> Result<Address, Failure> {
    Address::parse(text).map_err(|error| {
        let is_word = !text.contains(':') && text.starts_with(|c: char| c.is_ascii_alphabetic());
        match is_word {
            true if COMMANDS.contains(&text) => flags_first(text, args),
            true => unknown_command(text),
            false => Failure::new(Exit::Usage, format!("ADDRESS: {error}"), error.hint()),
        }
    })
}

/// A command that doesn't come first.
fn flags_first(command: &str, args: &[String]) -> Failure {
    // Only a plan takes the flags of a start.
    let fits = |arg: &&str| *arg != command && (command == "plan" || !arg.starts_with('-'));
    let others: Vec<&str> = args.iter().map(String::as_str).filter(fits).collect();
    let hint = format!("write {}", [&["devserver", command], others.as_slice()].concat().join(" "));
    Failure::new(Exit::Usage, format!("`{command}` is a command, and a command comes first"), hint)
}

/// A word that is neither a command nor an ADDRESS.
pub fn unknown_command(word: &str) -> Failure {
    let hint = match nearest(word, COMMANDS.iter().copied()) {
        Some(command) => format!("did you mean `devserver {command}`?"),
        None => format!("commands are {}; an ADDRESS is HOST:PORT", crate::config::listed(COMMANDS.iter().copied())),
    };
    Failure::new(Exit::Usage, format!("there is no command `{word}`"), hint)
}

/// A word behind `devserver config` or `devserver db` that is none of its commands; or none at all.
fn sub_command(of: &str, commands: &[&str], word: &str) -> Failure {
    let known = crate::config::listed(commands.iter().copied());
    if word.is_empty() {
        let message = format!("`devserver {of}` needs to know what to do");
        return Failure::new(Exit::Usage, message, format!("its commands are {known}"));
    }
    let hint = match nearest(word, commands.iter().copied()) {
        Some(command) => format!("did you mean `devserver {of} {command}`?"),
        None => format!("its commands are {known}"),
    };
    Failure::new(Exit::Usage, format!("`devserver {of}` has no command `{word}`"), hint)
}

/// Clap's errors in our words.
pub(super) fn usage(error: &clap::Error, args: &[String], config: Option<&Config>) -> Failure {
    let text = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        Some(ContextValue::StyledStrs(texts)) => texts.first().map(StyledStr::to_string),
        _ => None,
    };
    let arg = text(ContextKind::InvalidArg).unwrap_or_default();
    let fail = |message: String, hint: Option<String>| Failure::new(Exit::Usage, message, hint);
    let see_help = Some("`devserver --help` lists every flag".to_owned());
    match error.kind() {
        ErrorKind::UnknownArgument if !arg.starts_with('-') => {
            fail(format!("`{arg}` is one word too many; there is only one ADDRESS"), see_help)
        }
        ErrorKind::UnknownArgument => {
            let flag = arg.split('=').next().unwrap_or_default().to_owned();
            let suggestion = text(ContextKind::SuggestedArg).or_else(|| with_dashes(&flag, config));
            fail(
                format!("there is no flag `{flag}`"),
                suggestion.map(|flag| format!("did you mean `{flag}`?")).or(see_help),
            )
        }
        ErrorKind::InvalidSubcommand | ErrorKind::MissingSubcommand => {
            // Where none was given clap's context is the name of the command that needs one.
            let given = error.kind() == ErrorKind::InvalidSubcommand;
            let word = text(ContextKind::InvalidSubcommand).filter(|_| given).unwrap_or_default();
            match args.iter().find(|arg| ["config", "db"].contains(&arg.as_str())).map(String::as_str) {
                Some("config") => sub_command("config", CONFIG_COMMANDS, &word),
                Some(_) => sub_command("db", DB_COMMANDS, &word),
                None => unknown_command(&word),
            }
        }
        ErrorKind::InvalidValue => {
            let value = text(ContextKind::InvalidValue).unwrap_or_default();
            let flag = arg.split([' ', '=']).next().unwrap_or_default();
            let valid = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(values)) => values.clone(),
                _ => Vec::new(),
            };
            if value.is_empty() {
                let form = arg.replace(['<', '>'], "");
                let form = if form.contains('=') { form } else { form.replace(' ', "=") };
                return fail(format!("{flag} needs a value"), Some(format!("write it as {form}")));
            }
            let near = nearest(&value, valid.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
            let listed = format!("possible values are {}", crate::config::listed(valid.iter().map(String::as_str)));
            fail(format!("{flag} can't be `{value}`"), Some(near.unwrap_or(listed)))
        }
        ErrorKind::TooManyValues | ErrorKind::NoEquals => {
            let flag = arg.split([' ', '=']).next().unwrap_or_default();
            let name = flag.trim_start_matches("--");
            let opposite = match name.strip_prefix("no-") {
                Some(on) => on.to_owned(),
                None => format!("no-{name}"),
            };
            let is_switch = config.is_some_and(|config| config.flags.keys().any(|known| known.as_str() == name));
            let hint = match is_switch || name.starts_with("no-") {
                true => format!("write {flag}, or --{opposite} for the opposite"),
                false => format!("write {flag} alone"),
            };
            fail(format!("{flag} takes no value"), Some(hint))
        }
        ErrorKind::ArgumentConflict => {
            let is_command = |arg: &&String| COMMANDS.contains(&arg.as_str());
            match (args.iter().find(is_command), args.iter().find(|arg| !arg.starts_with('-'))) {
                (Some(command), _) => flags_first(command, args),
                (None, Some(word)) => unknown_command(word),
                (None, None) => fail("these arguments don't go together".to_owned(), see_help),
            }
        }
        ErrorKind::MissingRequiredArgument if args.first().is_some_and(|word| word == "env") => {
            let hint = "write devserver env NAME; `devserver plan` lists them".to_owned();
            fail("`devserver env` needs the name of a process".to_owned(), Some(hint))
        }
        _ => {
            let rendered = error.to_string();
            let first = rendered.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            fail(first, see_help)
        }
    }
}

/// `--celery-beat` for `--celery_beat`, which clap doesn't find.
fn with_dashes(flag: &str, config: Option<&Config>) -> Option<String> {
    let plain = flag.replace('_', "-");
    let name = plain.trim_start_matches("--");
    let name = FlagName::new(name.strip_prefix("no-").unwrap_or(name)).ok()?;
    config?.flags.contains_key(&name).then_some(plain)
}
