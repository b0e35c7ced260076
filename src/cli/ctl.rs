//! `start`, `stop`, `restart`, `signal` and `down`: what changes what runs.

use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;
use tokio::time::{interval, timeout};

use crate::model::{ProcessName, Selector, Signal};
use crate::protocol::{Answer, Request};

use super::args::Early;
use super::discover::Env;
use super::exit_code::Exit;
use super::main::say;
use super::reach::{self, Scope, with_scope_args};
use super::report::{Failure, Trouble};
use super::stack::{Record, RuntimeFolder};

/// How long a stack may take to be gone after its last process is.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// What is to be changed.
#[derive(Debug, Clone)]
pub struct Change {
    scope: Scope,
    what: What,
    names: Vec<String>,
}

#[derive(Debug, Clone)]
enum What {
    Start,
    Stop,
    Restart { wait: bool },
    Signal(String),
}

/// The commands as clap has them.
pub fn commands() -> Vec<Command> {
    let name = |help: &'static str| Arg::new("NAME").action(ArgAction::Append).required(true).help(help);
    let names = || name("server, region.server, region.*, *.worker");
    let wait = Arg::new("wait").long("wait").action(ArgAction::SetTrue).help("Return when they are ready, or can't be");
    vec![
        with_scope_args(
            Command::new("start")
                .about("Start processes that were stopped, gave up or have ended, with what they stand on")
                .arg(names()),
        )
        .after_help("Example:\n  devserver start region.worker"),
        with_scope_args(
            Command::new("stop").about("Stop processes, and return when they are gone; the rest goes on").arg(names()),
        )
        .after_help("Example:\n  devserver stop '*.worker'"),
        with_scope_args(Command::new("restart").about("Stop processes and start them again").arg(names()).arg(wait))
            .after_help("Example:\n  devserver restart --wait region.server"),
        with_scope_args(
            Command::new("signal")
                .about("Send a signal to the main process of each")
                .arg(Arg::new("SIGNAL").required(true).help("HUP, USR1, SIGTERM"))
                .arg(names()),
        )
        .after_help("Example:\n  devserver signal HUP region.server"),
    ]
}

/// `down` as clap has it.
pub fn down_command() -> Command {
    let about = "Stop everything that runs here, in order, and return when all of it is gone";
    with_scope_args(Command::new("down").about(about)).after_help("Example:\n  devserver down --silo=region")
}

/// Reads the arguments of one of them; none when it is another command.
pub fn view(name: &str, matches: &ArgMatches) -> Option<Change> {
    let what = match name {
        "start" => What::Start,
        "stop" => What::Stop,
        "restart" => What::Restart { wait: matches.get_flag("wait") },
        "signal" => What::Signal(matches.get_one::<String>("SIGNAL").cloned().unwrap_or_default()),
        _ => return None,
    };
    let names = matches.get_many::<String>("NAME").into_iter().flatten().cloned().collect();
    Some(Change { scope: reach::scope(matches), what, names })
}

impl What {
    fn request(&self, processes: Selector) -> Result<Request, Failure> {
        Ok(match self {
            Self::Start => Request::Start { processes },
            Self::Stop => Request::Stop { processes },
            Self::Restart { wait } => Request::Restart { processes, wait: *wait },
            Self::Signal(text) => Request::Signal { processes, signal: signal(text)? },
        })
    }

    fn done(&self, names: &str) -> String {
        match self {
            Self::Start => format!("starting {names}"),
            Self::Stop => format!("stopped {names}"),
            Self::Restart { wait: true } => format!("{names}: restarted and ready"),
            Self::Restart { wait: false } => format!("restarting {names}"),
            Self::Signal(signal) => format!("sent {} to {names}", signal.to_uppercase()),
        }
    }
}

fn signal(text: &str) -> Result<Signal, Failure> {
    text.to_uppercase().parse().map_err(|error| {
        let hint = "name one as `kill -l` does: HUP, INT, TERM, USR1".to_owned();
        Failure::new(Exit::Usage, format!("{error}"), hint)
    })
}

/// Changes it.
///
/// # Errors
/// When nothing is running, nobody goes by such a name, or it can't be done.
pub fn change(change: &Change, early: &Early, env: &Env) -> Result<Exit, Failure> {
    // What is wrong with the words is said before anything is looked for.
    change.what.request(Selector::new("*"))?;
    let records = reach::stacks(&change.scope, early, env)?;
    let done = reach::wait_for(async {
        let reached = reach::reach(records, false).await?;
        let (mut done, mut troubles) = (Vec::new(), Vec::new());
        for (mut stack, selector) in reach::chosen(reached, &change.names)? {
            match stack.client.call(change.what.request(selector)?).await {
                Ok(Answer::Done { processes }) => done.extend(processes),
                Ok(_) => {}
                Err(error) => troubles.push(reach::failure(&error)),
            }
        }
        match troubles
            .into_iter()
            .reduce(|all, next| Failure::all(all.exit, [all.troubles(), next.troubles()].concat()))
        {
            Some(failure) => Err(failure),
            None => Ok(done),
        }
    })?;
    if let What::Signal(_) = change.what
        && done.is_empty()
    {
        let message = format!("{} isn't running, so there is nobody to send it to", change.names.join(", "));
        return Err(Failure::new(Exit::GaveUp, message, "`devserver ps` says what is".to_owned()));
    }
    let names: Vec<&str> = done.iter().map(ProcessName::as_str).collect();
    match change.scope.json {
        true => say(&format!("{:#}\n", json!({ "done": names }))),
        false => say(&format!("{}\n", change.what.done(&names.join(", ")))),
    }
    Ok(Exit::Fine)
}

/// Stops everything.
///
/// # Errors
/// When nothing is running, or something couldn't be stopped.
pub fn down(scope: &Scope, early: &Early, env: &Env) -> Result<Exit, Failure> {
    let records = reach::stacks(scope, early, env)?;
    let mut gone = Vec::new();
    reach::wait_for(async {
        for record in records {
            let processes = stop(&record).await?;
            gone.push(json!({ "pid": record.pid, "silos": record.silos, "processes": processes }));
            if !scope.json {
                let silos: Vec<&str> = record.silos.keys().map(String::as_str).collect();
                let count = if processes.len() == 1 {
                    "1 process".to_owned()
                } else {
                    format!("{} processes", processes.len())
                };
                say(&format!("{} is down: {count} stopped (pid {})\n", silos.join(", "), record.pid));
            }
        }
        Ok(())
    })?;
    if scope.json {
        say(&format!("{:#}\n", json!({ "stopped": gone })));
    }
    Ok(Exit::Fine)
}

async fn stop(record: &Record) -> Result<Vec<ProcessName>, Failure> {
    let mut client = reach::connect(record).await?;
    let processes = match client.call(Request::Down).await {
        Ok(Answer::Done { processes }) => processes,
        Ok(_) => Vec::new(),
        // It ended in the middle of it, as it was asked to.
        Err(error) => match reach::failure(&error) {
            failure if failure.exit == Exit::NotRunning => Vec::new(),
            failure if failure.exit == Exit::GaveUp => return Err(Failure { exit: Exit::Unstoppable, ..failure }),
            failure => return Err(failure),
        },
    };
    // Until its locks are free, so that the next start isn't in the way of this one.
    let mut looks = interval(Duration::from_millis(10));
    let gone = async {
        while RuntimeFolder::is_up(record) {
            looks.tick().await;
        }
    };
    match timeout(LAST_WORDS, gone).await {
        Ok(()) => Ok(processes),
        Err(_) => {
            let message = format!("everything is stopped, but pid {} is still there", record.pid);
            let trouble = Trouble::new(message, Some(format!("end it with `kill {}`", record.pid)));
            Err(Failure::all(Exit::Unstoppable, vec![trouble]))
        }
    }
}
