//! `devserver run -- COMMAND`: a command in the environment of a silo, in place of ours.
//!
//! It takes over our process: terminal, signals, job control and exit code are its own, with nobody in between.

use std::ffi::OsString;

use clap::{Arg, ArgMatches, Command};

use crate::plan::{Choices, Facts, ProcessSpec, one_off};
use crate::runner::child_environment;
use crate::sys::exec;

use super::discover::{self, Env, Found};
use super::exit_code::Exit;
use super::like;
use super::report::Failure;

/// The command as clap has it.
pub fn command(command: Command) -> Command {
    command
        .about("Run one command in the environment of a silo")
        .override_usage("devserver run [--silo SILO] [FLAGS] -- COMMAND …")
        .arg(Arg::new("COMMAND").num_args(1..).last(true).help("What to run, and its arguments"))
        .after_help(
            "It gets the ports and variables of the stack that is up here, or those that one with these flags would \
             have.\n\nExample:\n  devserver run --silo=region -- python manage.py shell",
        )
}

/// Reads what is to be run.
pub fn words(matches: &ArgMatches) -> Vec<String> {
    matches.get_many::<String>("COMMAND").into_iter().flatten().cloned().collect()
}

/// The failure of a command line without `--`, where that is what is wrong with it.
pub fn no_dashes(args: &[String]) -> Option<Failure> {
    let [first, rest @ ..] = args else { return None };
    let dashes = args.iter().position(|arg| arg == "--");
    if first != "run" || dashes.is_some_and(|at| at + 1 < args.len()) {
        return None;
    }
    let rest = &rest[..rest.len() - usize::from(dashes.is_some())];
    let at = rest.iter().position(|arg| !arg.starts_with('-') && !arg.contains(':')).unwrap_or(rest.len());
    let (flags, words) = rest.split_at(at);
    let words = if words.is_empty() { "COMMAND".to_owned() } else { words.join(" ") };
    let flags: String = flags.iter().map(|flag| format!("{flag} ")).collect();
    let message = "`devserver run` needs a command, behind `--`";
    Some(Failure::new(Exit::Usage, message, format!("write devserver run {flags}-- {words}")))
}

/// Becomes that command.
///
/// # Errors
/// When its environment can't be worked out, or it isn't there. What comes of the command is its own.
pub fn run(found: &Found, choices: &Choices, words: &[String], env: &Env) -> Result<Exit, Failure> {
    let like = like::live(found, choices, env)?;
    let found = like.found.as_ref().unwrap_or(found);
    let facts = discover::facts(found, env.clone());
    let spec = the_one(one_off(&found.config, &like.choices, &facts, words)?)?;
    let root = project(found, &facts);
    let environment = child_environment(&spec, &discover::environment_for_children(), &root);
    let path = environment.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.clone());
    let program = words.first().map(String::as_str).unwrap_or_default();
    // From here, not from the project: one's own folder is where one's words have their meaning.
    let here = discover::here()?;
    let file = which::which_in(program, path.as_ref(), &here).map_err(|_| not_there(program, path.as_ref()))?;
    let arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
    let error = exec::replace(file.as_os_str(), &arguments, &environment);
    let message = format!("`{program}` can't be executed: {}", discover::reason(&error));
    Err(Failure::new(Exit::Child(126), message, format!("is {} what you mean?", file.display())))
}

fn project(found: &Found, facts: &Facts) -> std::path::PathBuf {
    facts.folder.join(&found.config.project.root).components().collect()
}

fn the_one(mut specs: Vec<ProcessSpec>) -> Result<ProcessSpec, Failure> {
    if specs.len() > 1 {
        let silos = crate::config::listed(specs.iter().filter_map(|spec| Some(spec.silo.as_ref()?.as_str())));
        let first = specs.iter().find_map(|spec| spec.silo.clone()).map_or_else(String::new, |silo| silo.to_string());
        let message = format!("a command runs in one silo, and this would be {silos}");
        return Err(Failure::new(Exit::Usage, message, format!("name it: devserver run --silo={first} -- …")));
    }
    specs.pop().ok_or_else(|| {
        let hint = "declare its services first".to_owned();
        Failure::new(Exit::Config, "this project declares nothing that could have an environment", hint)
    })
}

fn not_there(program: &str, path: Option<&OsString>) -> Failure {
    if program.contains('/') {
        let message = format!("`{program}` isn't a program: it isn't there, or can't be executed");
        return Failure::new(Exit::Child(127), message, "check its path and its mode".to_owned());
    }
    let path = path.map_or_else(String::new, |path| path.to_string_lossy().replace(':', ", "));
    let message = format!("`{program}` is not on the PATH of this silo");
    let trouble = super::report::Trouble::new(
        message,
        Some(format!("install `{program}`, or put its folder on PATH in an [[env]] block: path = [\"…\"]")),
    );
    Failure::all(Exit::Child(127), vec![trouble.note(format!("looked in {path}"))])
}
