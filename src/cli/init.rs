//! `devserver init`: a first devserver.toml, from what lies here.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, ArgMatches, Command};

use crate::config::{Texts, json_schema, listed, load, nearest, preset_names, recognisable};
use crate::import::{Kind, LOOKED_AT, Proposal, Seen, propose};

use super::discover::{FILE, reason};
use super::exit_code::Exit;
use super::import::{create, failure, tell_lost};
use super::main::say;
use super::report::Failure;

const STARTER: &str = include_str!("../../templates/starter.toml");
/// What git shall not see: what we write, and what is one developer's alone.
const IGNORED: &[&str] = &[".devserver/", "devserver.local.toml"];
/// Scaffolds beside the presets.
const SCAFFOLDS: &[&str] = &["django", "procfile", "blank"];

/// The command line of `devserver init`.
pub fn command() -> Command {
    Command::new("init")
        .about("Write a first devserver.toml here, from what is found")
        .override_usage("devserver init [--preset NAME]")
        .arg(
            Arg::new("preset")
                .long("preset")
                .value_name("NAME")
                .help(format!("Start from this, whatever is found: {}", listed(known()))),
        )
        .after_help("Examples:\n  devserver init\n  devserver init --preset django")
}

/// Reads the command line: the preset.
pub fn preset(matches: &ArgMatches) -> Option<String> {
    matches.get_one::<String>("preset").cloned()
}

fn known() -> impl Iterator<Item = &'static str> {
    preset_names().chain(SCAFFOLDS.iter().copied())
}

/// Writes devserver.toml, `.gitignore` lines and the editor's schema; never over a devserver.toml that is there.
///
/// # Errors
/// When there is one, what was found isn't what it should be, or nothing can be written.
pub fn init(preset: Option<&str>) -> Result<Exit, Failure> {
    if Path::new(FILE).symlink_metadata().is_ok() {
        let hint = "edit it, or move it away first".to_owned();
        return Err(Failure::new(Exit::Refused, format!("there is a {FILE} here already; it was left as it is"), hint));
    }
    let first = first(preset)?;
    create(Path::new(FILE), &first.text)?;
    let mut said = format!("wrote {FILE}{}\n", first.why);
    // The editor's schema is a help, not a part of the project: without it everything else works.
    let schema = Path::new(".devserver/schema.json");
    let written =
        std::fs::create_dir_all(".devserver").and_then(|()| std::fs::write(schema, format!("{:#}\n", json_schema())));
    match written {
        Ok(()) => said += "wrote .devserver/schema.json, which editors complete and check it with\n",
        Err(error) => {
            let _ = writeln!(said, "warning: {} can't be written: {}", schema.display(), reason(&error));
        }
    }
    said += &ignore()?;
    say(&said);
    tell_lost(&first.lost.iter().map(|(file, lost)| (file.as_str(), lost)).collect::<Vec<_>>());
    say("next: look over its services, then `devserver plan` and `devserver`\n");
    Ok(Exit::Fine)
}

struct First {
    text: String,
    why: String,
    lost: Vec<(String, crate::import::Lost)>,
}

impl First {
    fn of(text: String, why: String) -> Self {
        Self { text, why, lost: Vec::new() }
    }

    fn proposed(proposal: Proposal) -> Self {
        let why = format!(", from {}", proposal.from.join(" and "));
        Self { text: proposal.text, why, lost: proposal.lost }
    }
}

fn first(preset: Option<&str>) -> Result<First, Failure> {
    let blank = || First::of(STARTER.to_owned(), String::new());
    match preset {
        Some("blank") => Ok(blank()),
        Some("django") => proposal(&["manage.py", "package.json"], "manage.py"),
        Some("procfile") => proposal(&["Procfile.dev", "Procfile"], "Procfile"),
        Some(name) if preset_names().any(|known| known == name) => Ok(from_preset(name, String::new())),
        Some(name) => {
            let hint = match nearest(name, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("presets are {}", listed(known())),
            };
            Err(Failure::new(Exit::Usage, format!("there is no preset `{name}`"), hint))
        }
        None => {
            let is_it = |files: &[String]| !files.is_empty() && files.iter().all(|file| Path::new(file).exists());
            if let Some((name, _)) = recognisable().iter().find(|(_, files)| is_it(files)) {
                return Ok(from_preset(name, format!(": this is a checkout of what the preset `{name}` runs")));
            }
            let found = propose(&seen(LOOKED_AT)).map_err(|(file, error)| failure(&file, &error))?;
            Ok(found.map_or_else(blank, First::proposed))
        }
    }
}

/// A proposal from some files alone; one of them must be there.
fn proposal(files: &[&str], wanted: &str) -> Result<First, Failure> {
    let is_plain = |name: &&&str| Kind::of(name).is_err();
    let beside = LOOKED_AT.iter().filter(|name| is_plain(name) && !name.contains("compose.y"));
    let names: Vec<&str> = files
        .iter()
        .copied()
        .chain(beside.copied().filter(|name| !matches!(*name, "manage.py" | "package.json")))
        .collect();
    let found = propose(&seen(&names)).map_err(|(file, error)| failure(&file, &error))?;
    found.map(First::proposed).ok_or_else(|| {
        let hint = "go to its folder, or leave --preset out: devserver init".to_owned();
        Failure::new(Exit::Config, format!("there is no {wanted} here"), hint)
    })
}

/// What of these files is here.
fn seen(names: &[&str]) -> Seen {
    let folder = std::fs::canonicalize(".").ok();
    let folder = folder.and_then(|folder| Some(folder.file_name()?.to_string_lossy().into_owned()));
    let text = |name: &&str| {
        let path = Path::new(name);
        path.is_file().then(|| ((*name).to_owned(), std::fs::read_to_string(path).unwrap_or_default()))
    };
    Seen { folder: folder.unwrap_or_default(), files: names.iter().filter_map(text).collect() }
}

/// A file over a preset: its settings stand in it, to be uncommented.
fn from_preset(name: &str, why: String) -> First {
    let config = load(&Texts { preset: Some(name.to_owned()), ..Texts::default() }).ok();
    let mut text = format!(
        "#:schema ./.devserver/schema.json\n\n\
         # What `devserver` runs here: the preset `{name}`, and what stands below over it.\n\
         #   devserver config show --origin   everything, and where it comes from\n\
         #   devserver plan                   what would run, and why the rest doesn't\n\
         # What is yours alone goes into devserver.local.toml, which git doesn't see.\n\
         preset = \"{name}\"\n"
    );
    if let Some(config) = &config {
        text += "\n# Facts about the application; these are the preset's.\n[setting]\n";
        for (name, setting) in &config.settings {
            let help = setting.help.as_deref().map(|help| format!("  # {help}")).unwrap_or_default();
            let _ = writeln!(text, "# {name} = {}{help}", setting.value);
        }
    }
    First::of(text, why)
}

/// The lines that .gitignore lacks, where there is a repository.
fn ignore() -> Result<String, Failure> {
    let path = Path::new(".gitignore");
    let is_repository =
        std::fs::canonicalize(".").is_ok_and(|here| here.ancestors().any(|folder| folder.join(".git").exists()));
    let there = std::fs::read_to_string(path);
    if there.is_err() && !is_repository {
        return Ok(String::new());
    }
    let there = there.unwrap_or_default();
    let has = |line: &&&str| there.lines().any(|known| known.trim().trim_start_matches('/') == **line);
    let missing: Vec<&str> = IGNORED.iter().filter(|line| !has(line)).copied().collect();
    if missing.is_empty() {
        return Ok(String::new());
    }
    let gap = if there.is_empty() || there.ends_with('\n') { "" } else { "\n" };
    let added = format!("{there}{gap}{}\n", missing.join("\n"));
    std::fs::write(path, added).map_err(|error| {
        let hint = format!("add these lines yourself: {}", missing.join(", "));
        Failure::new(Exit::Config, format!(".gitignore can't be written: {}", reason(&error)), hint)
    })?;
    Ok(format!("added {} to .gitignore\n", missing.join(" and ")))
}
