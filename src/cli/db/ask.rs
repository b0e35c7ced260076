//! Which table is in which silo: the app is asked, in the environment of the monolith; else a file says it.

use std::process::Stdio;
use std::time::Duration;

use crate::config::preset;
use crate::database::{Assignment, DatabaseError, Kinds};
use crate::plan::{Choices, one_off};
use crate::runner::child_environment;

use super::super::discover;
use super::super::report::Failure;
use super::job::{Job, failure, warn};

/// Loading a big app takes some seconds, on a busy machine some more.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is known, and by whom.
pub async fn assignment(job: &Job<'_>, kinds: &Kinds) -> Result<Assignment, Failure> {
    let file = file(job)?;
    let base = match &file {
        Some((name, text)) => Assignment::from_file(text, kinds)
            .map_err(|why| failure(vec![DatabaseError::Assignment { file: name.into(), why }]))?,
        None => Assignment::default(),
    };
    if job.databases.ask.is_empty() {
        return match file {
            Some(_) => Ok(base),
            None => Err(failure(vec![DatabaseError::NoAssignment { why: None }])),
        };
    }
    let answered = match ask(job).await {
        Ok(answer) => base.clone().with_answer(&answer, kinds),
        Err(why) => Err(why),
    };
    match (answered, file) {
        (Ok(assignment), _) => Ok(assignment),
        (Err(why), Some((name, _))) => {
            warn(&format!("the app can't be asked which table is in which silo: {why}; {name} says it"));
            Ok(base)
        }
        (Err(why), None) => {
            let why = Some(format!("the app can't be asked: {why}"));
            Err(failure(vec![DatabaseError::NoAssignment { why }]))
        }
    }
}

/// The file that the configuration names, or the one that belongs to its preset.
fn file(job: &Job<'_>) -> Result<Option<(String, String)>, Failure> {
    let Some(path) = &job.databases.tables else { return Ok(None) };
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some((path.display().to_string(), text))),
        Err(error) => {
            let config = &job.found.config;
            let written = config.database.as_ref().and_then(|database| database.tables.clone()).unwrap_or_default();
            let built_in = config.preset.as_deref().and_then(preset).and_then(|preset| preset.template(&written));
            match built_in {
                Some(text) => Ok(Some((format!("{written} of the preset"), text.to_owned()))),
                None => {
                    let why = format!("it can't be read: {}", discover::reason(&error));
                    Err(failure(vec![DatabaseError::Assignment { file: path.clone(), why }]))
                }
            }
        }
    }
}

/// Runs the command of the configuration; what it printed, or why it didn't.
async fn ask(job: &Job<'_>) -> Result<String, String> {
    let config = &job.found.config;
    let facts = discover::facts(job.found, job.env.clone());
    // The monolith knows every model.
    let whole = config.silos.iter().find(|(_, silo)| silo.exclusive).map(|(name, _)| name.to_string());
    let choices = Choices { silos: whole.into_iter().collect(), ..job.choices.clone() };
    let words = &job.databases.ask;
    let specs = one_off(config, &choices, &facts, words).map_err(|errors| {
        let first = errors.errors.first().map(|error| error.problem.to_string());
        first.unwrap_or_default()
    })?;
    let spec = specs.first().ok_or("no silo would run it")?;
    let root: std::path::PathBuf = facts.folder.join(&config.project.root).components().collect();
    let environment = child_environment(spec, &discover::environment_for_children(), &root);
    let (program, arguments) = words.split_first().ok_or("`ask` under [database] is empty")?;
    let path = environment.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.clone());
    let file = which::which_in(program, path, &root).map_err(|_| format!("`{program}` was not found"))?;
    #[expect(clippy::disallowed_methods, reason = "it prints and ends, or is ended with us")]
    let mut command = tokio::process::Command::new(file);
    command.args(arguments).env_clear().envs(environment).current_dir(&root).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let shown = words.first().map(String::as_str).unwrap_or_default();
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.map_err(|_| format!("`{shown}` didn't end within two minutes"))?;
    let output = output.map_err(|error| format!("`{shown}` can't be run: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned();
        return Err(format!("`{shown}` ended with {}: {last}", output.status.code().unwrap_or(-1)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
