//! Finds the stacks of a checkout that are up, and talks to them. It needs no configuration: who broke the file
//! can still stop what runs.

use std::path::Path;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use tokio::time::{interval, timeout};

use crate::control::{CallError, Client};
use crate::model::{ProcessName, ProcessStatus, Selector, Via};
use crate::protocol::{Answer, RefusalKind, Request, StackStatus};

use super::args::Early;
use super::discover::{self, Env};
use super::exit_code::Exit;
use super::report::{Failure, Trouble};
use super::stack::{Record, RuntimeFolder};

/// How long a stack that is starting may take until it can be talked to.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which stacks a command is about.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// `--silo`: only those that have one of these.
    pub silos: Vec<String>,
    /// `--json`.
    pub json: bool,
}

/// What every command that talks to a stack takes.
pub fn with_scope_args(command: Command) -> Command {
    const HEAD: &str = "Which stack";
    let value = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help_heading(HEAD).help(help)
    };
    command
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("As JSON"))
        .arg(value("project", "DIR", "Of the project in this folder, not the one here"))
        .arg(value("silo", "SILO", "Only the stack that runs this silo").action(ArgAction::Append).value_delimiter(','))
        .arg(value("config", "FILE", "Of the project with this devserver.toml"))
        .arg(
            value("color", "WHEN", "Use colours: on a terminal, always or never")
                .alias("colour")
                .value_parser(["auto", "always", "never"]),
        )
}

/// Reads them.
pub fn scope(matches: &ArgMatches) -> Scope {
    let silos = matches.get_many::<String>("silo").into_iter().flatten().cloned().collect();
    Scope { silos, json: matches.get_flag("json") }
}

/// The stacks that a command is about: at least one.
///
/// # Errors
/// When there is none.
pub fn stacks(scope: &Scope, early: &Early, env: &Env) -> Result<Vec<Record>, Failure> {
    let (checkout, runtime) = match discover::checkout(early) {
        Ok(folder) => (Ok(folder.clone()), RuntimeFolder::of(&folder, env)),
        Err(failure) => (Err(failure), RuntimeFolder::of(Path::new("/"), env)),
    };
    let all = checkout.as_ref().map(|_| runtime.live()).unwrap_or_default();
    let runs =
        |record: &&Record| scope.silos.is_empty() || scope.silos.iter().any(|silo| record.silos.contains_key(silo));
    let chosen: Vec<Record> = all.iter().filter(runs).cloned().collect();
    if !chosen.is_empty() {
        return Ok(chosen);
    }
    let mut trouble = match (&checkout, all.as_slice()) {
        (Ok(_), [_, ..]) => {
            let message =
                format!("no stack here runs {}", crate::config::listed(scope.silos.iter().map(String::as_str)));
            let silos: Vec<&str> = all.iter().flat_map(|record| record.silos.keys()).map(String::as_str).collect();
            Trouble::new(message, Some(format!("what runs here is {}", crate::config::listed(silos.into_iter()))))
        }
        (Ok(folder), []) => Trouble::new(
            format!("nothing of {} is running", folder.display()),
            Some("start it with `devserver`".into()),
        ),
        (Err(failure), _) => {
            let why = failure.report.first().unwrap_or_default();
            let hint = "go to the project's folder, or name it with --project=DIR".to_owned();
            Trouble::new(format!("{why}, so there is nothing of it that could be running"), Some(hint))
        }
    };
    let elsewhere = runtime.elsewhere();
    for other in elsewhere.iter().filter(|_| all.is_empty()).take(5) {
        let silos: Vec<&str> = other.silos.keys().map(String::as_str).collect();
        trouble = trouble.note(format!("{} runs in {} (pid {})", silos.join(", "), other.folder.display(), other.pid));
    }
    if let ([first, ..], true) = (elsewhere.as_slice(), all.is_empty()) {
        let start = trouble.hint.take().unwrap_or_default();
        trouble.hint = Some(format!("{start}, or reach the other one with --project={}", first.folder.display()));
    }
    Err(Failure::all(Exit::NotRunning, vec![trouble]))
}

/// A stack that was reached.
#[derive(Debug)]
pub struct Reached {
    /// What it wrote about itself.
    pub record: Record,
    /// The connection.
    pub client: Client,
    /// How it stood when it was reached.
    pub status: StackStatus,
}

/// Runs what a command has to wait for.
///
/// # Errors
/// What it fails with; or when there is no runtime.
pub fn wait_for<T>(what: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(Exit::Bug, format!("the runtime can't be started: {error}"), None))?;
    runtime.block_on(what)
}

/// Connects to a stack. One that is just starting is waited for.
///
/// # Errors
/// When it doesn't answer, or speaks another version.
pub async fn connect(record: &Record) -> Result<Client, Failure> {
    let mut tries = interval(Duration::from_millis(50));
    let connected = async {
        loop {
            tries.tick().await;
            match Client::connect(&record.socket, Via::Cli).await {
                Err(CallError::Gone { .. }) if RuntimeFolder::is_up(record) => {}
                end => return end,
            }
        }
    };
    match timeout(PATIENCE, connected).await {
        Ok(connected) => connected.map_err(|error| failure(&error)),
        Err(_) => {
            let message = format!("pid {} is up, and hasn't got so far yet that it answers", record.pid);
            Err(Failure::new(Exit::NotRunning, message, "its terminal says what it is doing".to_owned()))
        }
    }
}

/// Connects to these stacks and asks each how it stands. One that has just ended is left out.
///
/// # Errors
/// When none is left, or one speaks another version.
pub async fn reach(records: Vec<Record>, usage: bool) -> Result<Vec<Reached>, Failure> {
    let mut reached = Vec::new();
    let mut last = None;
    for record in records {
        let mut client = match connect(&record).await {
            Ok(client) => client,
            Err(failure) if failure.exit == Exit::NotRunning => {
                last = Some(failure);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        match client.call(Request::Status { usage }).await {
            Ok(Answer::Status { status }) => reached.push(Reached { record, client, status }),
            Ok(_) => return Err(Failure::new(Exit::Bug, "the answer is to another question", None)),
            Err(error) => last = Some(failure(&error)),
        }
    }
    match (reached.is_empty(), last) {
        (true, Some(failure)) => Err(failure),
        (true, None) | (false, _) => Ok(reached),
    }
}

/// The stacks that have processes of these names, each with the names that are meant there.
///
/// # Errors
/// When somebody isn't known to any of them.
pub fn chosen(reached: Vec<Reached>, names: &[String]) -> Result<Vec<(Reached, Selector)>, Failure> {
    let known: Vec<&ProcessName> = reached.iter().flat_map(processes).map(|process| &process.name).collect();
    for name in names.iter().flat_map(|name| name.split(',')).filter(|name| !name.is_empty()) {
        if Selector::new(name).stranger(known.iter().copied()).is_some() {
            return Err(unknown(name, &known));
        }
    }
    let parts: Vec<String> = names.iter().flat_map(|name| name.split(',')).map(str::to_owned).collect();
    let of = |stack: Reached| {
        let own = processes(&stack).iter().map(|process| &process.name);
        let meant: Vec<&String> =
            parts.iter().filter(|part| Selector::new(part).stranger(own.clone()).is_none()).collect();
        let selector = (!meant.is_empty()).then(|| Selector::several(meant));
        selector.map(|selector| (stack, selector))
    };
    Ok(reached.into_iter().filter_map(of).collect())
}

/// The processes of a stack.
pub fn processes(stack: &Reached) -> &[ProcessStatus] {
    &stack.status.status.processes
}

/// Nobody goes by this name.
pub fn unknown(name: &str, known: &[&ProcessName]) -> Failure {
    let names = known.iter().map(|known| known.as_str());
    let last = names.clone().filter_map(|name| name.rsplit('.').next());
    let hint = match crate::config::nearest(name, names.clone().chain(last)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("what runs here is {}", crate::config::listed(names)),
    };
    Failure::new(Exit::Usage, format!("no process here is called `{name}`"), hint)
}

/// What a failed call means for whoever typed the command.
pub fn failure(error: &CallError) -> Failure {
    let (exit, hint) = match error {
        CallError::Gone { .. } => {
            (Exit::NotRunning, Some("it has ended meanwhile; start it with `devserver`".to_owned()))
        }
        CallError::Version { program, .. } => {
            let hint = format!(
                "stop it with the version that started it ({program}), or with Ctrl-C in its terminal, and start it again"
            );
            (Exit::Refused, Some(hint))
        }
        CallError::Strange { .. } => (Exit::Bug, None),
        CallError::Refused(refusal) => {
            let exit = match refusal.kind {
                RefusalKind::UnknownProcess => Exit::Usage,
                RefusalKind::Ended => Exit::NotRunning,
                RefusalKind::Version | RefusalKind::Forbidden => Exit::Refused,
                RefusalKind::Failed => Exit::GaveUp,
                RefusalKind::Busy => Exit::TimedOut,
                RefusalKind::Malformed | RefusalKind::TooLong | RefusalKind::Idle => Exit::Usage,
            };
            (exit, refusal.help.clone())
        }
    };
    Failure::new(exit, error.to_string(), hint)
}
