//! `devserver import FILE`: another tool's file as a devserver.toml.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::import::{ImportError, Kind, Lost, import as convert};

use super::discover::{FILE, reason};
use super::exit_code::Exit;
use super::main::say;
use super::report::Failure;

/// What `devserver import` was asked for.
#[derive(Debug, Clone, Default)]
pub struct ImportView {
    /// The file.
    pub file: PathBuf,
    /// Its format, where its name doesn't tell.
    pub kind: Option<String>,
    /// Print the result rather than write it.
    pub print: bool,
}

/// The command line of `devserver import`.
pub fn command() -> Command {
    let kinds: Vec<&'static str> = Kind::ALL.iter().map(|(name, _)| *name).collect();
    Command::new("import")
        .about("Turn a Procfile, a process-compose.yaml, an mprocs.yaml or a pitchfork.toml into devserver.toml")
        .override_usage("devserver import FILE [--as KIND] [--print]")
        .arg(Arg::new("FILE").required(true).value_parser(clap::value_parser!(PathBuf)).help("The file to read"))
        .arg(
            Arg::new("as")
                .long("as")
                .value_name("KIND")
                .value_parser(kinds)
                .help("What the file is, where its name doesn't tell"),
        )
        .arg(
            Arg::new("print")
                .long("print")
                .action(ArgAction::SetTrue)
                .help("Print the result; devserver.toml is written otherwise"),
        )
        .after_help("Example:\n  devserver import Procfile.dev")
}

/// Reads the command line.
pub fn view(matches: &ArgMatches) -> ImportView {
    ImportView {
        file: matches.get_one::<PathBuf>("FILE").cloned().unwrap_or_default(),
        kind: matches.get_one::<String>("as").cloned(),
        print: matches.get_flag("print"),
    }
}

/// Turns the file into a devserver.toml beside where we stand; never over one that is there.
///
/// # Errors
/// When it can't be read or isn't what it should be, or there is a devserver.toml already.
pub fn import(view: &ImportView) -> Result<Exit, Failure> {
    let path = view.file.display().to_string();
    let bytes = std::fs::read(&view.file).map_err(|error| {
        let hint = "name a file that is there, and that you may read".to_owned();
        Failure::new(Exit::Config, format!("{path} can't be read: {}", reason(&error)), hint)
    })?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(Exit::Config, format!("{path} isn't UTF-8"), "save it as UTF-8".to_owned()))?;
    let name = view.file.file_name().unwrap_or(view.file.as_os_str()).to_string_lossy().into_owned();
    let kind = match &view.kind {
        Some(kind) => Kind::ALL.iter().find(|(known, _)| known == kind).map(|(_, kind)| *kind),
        None => None,
    };
    let converted = kind.map_or_else(|| Kind::of(&name), Ok).and_then(|kind| convert(kind, &name, &text));
    let (toml, lost) = converted.map_err(|error| failure(&path, &error))?;
    if view.print {
        say(&toml);
    } else {
        create(Path::new(FILE), &toml)?;
        say(&format!("wrote {FILE}\n"));
    }
    tell_lost(&lost.iter().map(|lost| (name.as_str(), lost)).collect::<Vec<_>>());
    if !view.print {
        say("next: `devserver plan`, then `devserver`\n");
    }
    Ok(Exit::Fine)
}

/// A file that can't be imported, as a failure.
pub(super) fn failure(path: &str, error: &ImportError) -> Failure {
    let message = match error {
        ImportError::UnknownKind { .. } => error.to_string(),
        ImportError::Syntax { line, why } => format!("{path}:{line}: {why}"),
        ImportError::Shape { line, at, expected } => format!("{path}:{line}: `{at}` must be {expected}"),
        ImportError::Empty => format!("{path}: {error}"),
    };
    Failure::new(Exit::Config, message, error.hint())
}

/// Writes a file that isn't there yet.
pub(super) fn create(path: &Path, text: &str) -> Result<(), Failure> {
    let written = std::fs::File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::new(
            Exit::Refused,
            format!("there is a {} here already; it was left as it is", path.display()),
            "edit it, or move it away first".to_owned(),
        ),
        _ => Failure::new(
            Exit::Config,
            format!("{} can't be written: {}", path.display(), reason(&error)),
            "check the folder's owner and mode".to_owned(),
        ),
    })
}

/// Says what was not carried over, on standard error: it is no part of the result.
pub(super) fn tell_lost(lost: &[(&str, &Lost)]) {
    if lost.is_empty() {
        return;
    }
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "not carried over (also at the head of the result):");
    for (file, lost) in lost {
        let _ = writeln!(err, "  {file}:{}: `{}`: {}", lost.line, lost.what, lost.why);
    }
}
