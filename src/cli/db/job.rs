//! What all commands of `devserver db` have in common: where the server is, signals, errors as failures.

use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{BufRead as _, IsTerminal as _, Write as _};

use tokio::signal::unix::{SignalKind, signal};

use crate::database::{DatabaseError, Errors, Kind, Server};
use crate::model::Databases;
use crate::plan::Choices;

use super::super::discover::{self, Env, Found};
use super::super::exit_code::Exit;
use super::super::like;
use super::super::main::say;
use super::super::report::{Failure, Trouble};
use super::args::{DbView, What};
use super::{make, split};

/// A command about to be done.
pub struct Job<'a> {
    /// The configuration.
    pub found: &'a Found,
    /// The flags of the start that it is about.
    pub choices: Choices,
    /// Where the databases are.
    pub databases: Databases,
    /// Where the server is.
    pub server: Server,
    /// The environment.
    pub env: &'a Env,
    /// What is asked for.
    pub view: &'a DbView,
    /// Eight digits that no other run has.
    pub id: String,
}

/// Does it.
///
/// # Errors
/// With everything that is wrong.
pub fn db(found: &Found, choices: &Choices, view: &DbView, env: &Env) -> Result<Exit, Failure> {
    let like = like::live(found, choices, env)?;
    let found = like.found.as_ref().unwrap_or(found);
    let facts = discover::facts(found, env.clone());
    let Some(databases) = crate::plan::databases(&found.config, &like.choices, &facts)? else {
        let hint = "add it: its keys are in docs/config.md".to_owned();
        return Err(Failure::new(Exit::Config, "the configuration has no [database]", hint));
    };
    let id = format!("{:08x}", std::hash::RandomState::new().build_hasher().finish() as u32);
    let url = view.url.clone().unwrap_or_else(|| databases.url.clone());
    let application = format!("devserver db {id}");
    let server = Server::parse(&url, env, &application).map_err(|error| failure(vec![error]))?;
    if view.url.is_some() && server.password_in_url {
        warn("the password in --url can be read by everybody on this machine; PGPASSWORD and ~/.pgpass can't");
    }
    let job = Job { found, choices: like.choices.clone(), databases, server, env, view, id };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(Exit::Bug, format!("the runtime can't be started: {error}"), None))?;
    let done = runtime.block_on(async {
        match &view.what {
            What::Create => make::create(&job).await,
            What::Drop => make::drop(&job).await,
            What::Clean => make::clean(&job).await,
            What::Split(split) => split::split(&job, split).await,
            What::Check => make::check(&job).await,
        }
    });
    runtime.shutdown_background();
    done
}

/// Waits for the first signal that asks us to end.
pub async fn interrupted() -> std::io::Result<()> {
    let mut int = signal(SignalKind::interrupt())?;
    let mut term = signal(SignalKind::terminate())?;
    let mut hup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
        _ = hup.recv() => {}
    }
    Ok(())
}

/// Errors of the databases as the failure of a command.
pub fn failure(errors: Vec<DatabaseError>) -> Failure {
    let exit = |kind: Kind| match kind {
        Kind::Usage => Exit::Usage,
        Kind::Config => Exit::Config,
        Kind::Missing => Exit::Preflight,
        Kind::Refused => Exit::Refused,
        Kind::Failed => Exit::Bug,
    };
    let first = errors.first().map_or(Exit::Bug, |error| exit(error.kind()));
    let trouble = |error: &DatabaseError| {
        let trouble = Trouble::new(error.to_string(), error.hint());
        error.notes().into_iter().fold(trouble, Trouble::note)
    };
    Failure::all(first, errors.iter().map(trouble).collect())
}

/// The same for several at once.
pub fn failures(Errors(errors): Errors) -> Failure {
    failure(errors)
}

/// A line that stops nothing.
pub fn warn(line: &str) {
    // Nobody is left to tell when standard error is closed too.
    let _ = writeln!(std::io::stderr(), "warning: {line}");
}

/// Asks for a yes; only on a terminal.
///
/// # Errors
/// When nobody is there to answer.
pub fn agreed(question: &str, yes: bool) -> Result<bool, Failure> {
    if yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        let message = format!("{question} Nobody is here to answer");
        return Err(Failure::new(Exit::Refused, message, "say --yes".to_owned()));
    }
    say(&format!("{question} [y/N] "));
    let mut answer = String::new();
    let _ = std::io::stdin().lock().read_line(&mut answer);
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
