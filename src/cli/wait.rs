//! `devserver wait`: returns when something is true of some processes, or can't be any more.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use crate::model::parse_duration;
use crate::protocol::{Answer, Request, Until, WaitOutcome, Waited};

use super::args::Early;
use super::discover::Env;
use super::exit_code::Exit;
use super::main::say;
use super::reach::{self, Scope, with_scope_args};
use super::report::Failure;

/// What is waited for.
#[derive(Debug, Clone)]
pub struct WaitFor {
    scope: Scope,
    what: String,
    names: Vec<String>,
    timeout: Option<String>,
}

/// The command as clap has it.
pub fn command() -> Command {
    let what = Arg::new("WHAT").required(true).help("ready, exited, log~=REGEX, or stable=5s");
    let names = Arg::new("NAME").required(true).action(ArgAction::Append).help("server, region.server, region.*");
    let timeout = Arg::new("timeout").long("timeout").value_name("TIME").help("Give up after so long: 60s");
    with_scope_args(
        Command::new("wait")
            .about("Return when something is true of all these processes, or can't be any more")
            .arg(what)
            .arg(names)
            .arg(timeout),
    )
    .after_help(
        "Exits with 0 when it came true, 124 when the time was up, 5 when it can't come true any more, 7 when \
         nothing runs here.\n\nExamples:\n  devserver wait ready 'region.*' --timeout 60s\n  devserver wait \
         'log~=Booting worker' region.server\n  devserver wait stable=5s server worker",
    )
}

/// Reads the arguments.
pub fn view(matches: &ArgMatches) -> WaitFor {
    WaitFor {
        scope: reach::scope(matches),
        what: matches.get_one::<String>("WHAT").cloned().unwrap_or_default(),
        names: matches.get_many::<String>("NAME").into_iter().flatten().cloned().collect(),
        timeout: matches.get_one::<String>("timeout").cloned(),
    }
}

fn seconds(flag: &str, text: &str) -> Result<f64, Failure> {
    let hint = || "write it as `500ms`, `30s` or `2m`".to_owned();
    let parsed = parse_duration(text).map_err(|error| Failure::new(Exit::Usage, format!("{flag}: {error}"), hint()))?;
    Ok(parsed.as_secs_f64())
}

fn until(what: &str) -> Result<Until, Failure> {
    match what {
        "ready" => return Ok(Until::Ready),
        "exited" => return Ok(Until::Exited),
        "stable" => return Ok(Until::Stable(5.0)),
        _ => {}
    }
    if let Some(pattern) = what.strip_prefix("log~=") {
        super::logs::pattern("log~=", pattern)?;
        return Ok(Until::Log(pattern.to_owned()));
    }
    if let Some(time) = what.strip_prefix("stable=") {
        return seconds("stable=", time).map(Until::Stable);
    }
    let hint = "it can be `ready`, `exited`, `log~=REGEX` or `stable=5s`, and the names come after it".to_owned();
    Err(Failure::new(Exit::Usage, format!("there is no waiting for `{what}`"), hint))
}

/// Waits.
///
/// # Errors
/// When nothing is running, or nobody goes by such a name.
pub fn wait(wait: &WaitFor, early: &Early, env: &Env) -> Result<Exit, Failure> {
    let condition = until(&wait.what)?;
    let timeout = wait.timeout.as_deref().map(|text| seconds("--timeout", text)).transpose()?;
    let records = reach::stacks(&wait.scope, early, env)?;
    let waited = reach::wait_for(async {
        let reached = reach::reach(records, false).await?;
        let mut calls = tokio::task::JoinSet::new();
        for (mut stack, processes) in reach::chosen(reached, &wait.names)? {
            let request = Request::Wait { processes, until: condition.clone(), timeout };
            calls.spawn(async move { stack.client.call(request).await });
        }
        let mut all = Vec::new();
        while let Some(done) = calls.join_next().await {
            match done.map_err(|error| Failure::new(Exit::Bug, error.to_string(), None))? {
                Ok(Answer::Waited { outcome, seconds, processes }) => {
                    all.push((outcome, seconds, processes));
                    // One that can't come true makes the others pointless.
                    if outcome == WaitOutcome::Never {
                        break;
                    }
                }
                Ok(_) => {}
                Err(error) => return Err(reach::failure(&error)),
            }
        }
        Ok(all)
    })?;
    let is = |outcome: WaitOutcome| waited.iter().any(|(of, ..)| *of == outcome);
    let (outcome, exit) = match (is(WaitOutcome::Never), is(WaitOutcome::TimedOut)) {
        (true, _) => (WaitOutcome::Never, Exit::GaveUp),
        (false, true) => (WaitOutcome::TimedOut, Exit::TimedOut),
        (false, false) => (WaitOutcome::True, Exit::Fine),
    };
    let seconds = waited.iter().map(|(_, seconds, _)| *seconds).fold(0.0, f64::max);
    let processes: Vec<&Waited> = waited.iter().flat_map(|(.., processes)| processes).collect();
    if wait.scope.json {
        say(&format!("{:#}\n", json!({ "outcome": outcome, "seconds": seconds, "processes": processes })));
        return Ok(exit);
    }
    match outcome {
        WaitOutcome::True => say(&told(&processes, seconds)),
        WaitOutcome::Never | WaitOutcome::TimedOut => return Err(failed(wait, outcome, &processes, seconds, exit)),
    }
    Ok(exit)
}

fn told(processes: &[&Waited], seconds: f64) -> String {
    let mut text = String::new();
    for process in processes {
        let why = process.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let _ = writeln!(text, "{}{why}", process.name);
    }
    format!("{text}true after {seconds:.1}s\n")
}

fn failed(wait: &WaitFor, outcome: WaitOutcome, processes: &[&Waited], seconds: f64, exit: Exit) -> Failure {
    let message = match outcome {
        WaitOutcome::TimedOut => format!("`{}` hadn't come true after {seconds:.1}s", wait.what),
        WaitOutcome::Never | WaitOutcome::True => format!("`{}` can't come true any more", wait.what),
    };
    let open = processes.iter().filter(|process| !process.met);
    let hint = open.clone().next().map(|process| format!("`devserver why {}` says more", process.name));
    let notes = open.map(|process| match &process.why {
        Some(why) => format!("{}: {why}", process.name),
        None => process.name.to_string(),
    });
    let trouble = notes.fold(super::report::Trouble::new(message, hint), super::report::Trouble::note);
    Failure::all(exit, vec![trouble])
}
