//! `devserver logs`: what was said, from the files, while it runs and afterwards.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Arg, ArgAction, ArgMatches, Command};
use regex::bytes::Regex;

use crate::config::nearest;
use crate::logs::{Rulebook, Rules};
use crate::model::{Level, ProcessName, Selector, ServiceName, parse_duration};
use crate::plan::{Plan, ProcessSpec};
use crate::views::{Choice, Form, Options, PrettyOptions, Query, QueryError, logs as show};

use super::args::{Colour, Look};
use super::discover::{Env, Found};
use super::exit_code::Exit;
use super::main::stdout_colour;
use super::report::Failure;

/// What of the stored lines is asked for.
#[derive(Debug, Clone, Default)]
pub struct LogsView {
    names: Vec<String>,
    follow: bool,
    since: Option<String>,
    since_restart: bool,
    grep: Option<String>,
    level: Option<Level>,
    tail: Option<u64>,
    after: Option<String>,
    json: bool,
    raw: bool,
}

/// The last lines of these in their last run.
pub fn last_of(names: Vec<String>, lines: u64) -> LogsView {
    LogsView { names, since_restart: true, tail: Some(lines), ..LogsView::default() }
}

/// Where lines are stored.
pub fn folder(found: &Found) -> PathBuf {
    // Put together again without its `.`.
    found.folder.join(&found.config.project.root).join(".devserver/logs").components().collect()
}

/// The command as clap has it.
pub fn command() -> Command {
    let switch =
        |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    let value = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("logs")
        .about("Print what was said, also after the end; everyone's, or that of those who are named")
        .arg(Arg::new("NAME").action(ArgAction::Append).help("server, region.server, region.*"))
        .arg(switch("follow", "Go on with what comes").short('f'))
        .arg(value("since", "TIME", "Only from so long ago: 10m"))
        .arg(switch("since-restart", "Of each process its last run only"))
        .arg(value("grep", "REGEX", "Only lines that match"))
        .arg(level_arg())
        .arg(value("tail", "N", "Only the last lines").value_parser(clap::value_parser!(u64)))
        .arg(value("after", "CURSOR", "Only what comes after a line of --json, by its cursor"))
        .arg(switch("json", "One JSON object a line; the last one has a cursor"))
        .arg(switch("raw", "The bytes as they came").conflicts_with("json"))
        .after_help("Examples:\n  devserver logs region.server --since-restart\n  devserver logs -f --grep ERROR")
}

/// Reads the command's arguments.
pub fn view(matches: &ArgMatches) -> LogsView {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    LogsView {
        names: matches.get_many::<String>("NAME").into_iter().flatten().cloned().collect(),
        follow: matches.get_flag("follow"),
        since: text("since"),
        since_restart: matches.get_flag("since-restart"),
        grep: text("grep"),
        level: level(matches),
        tail: matches.get_one::<u64>("tail").copied(),
        after: text("after"),
        json: matches.get_flag("json"),
        raw: matches.get_flag("raw"),
    }
}

/// `--level`, as the log and `devserver logs` have it.
pub fn level_arg() -> Arg {
    let parser = clap::builder::PossibleValuesParser::new(Level::NAMES);
    let help = "Show only lines of this level and above; one without a level has that of the line it follows";
    Arg::new("level").long("level").value_name("LEVEL").value_parser(parser).help(help).hide_possible_values(false)
}

/// What `--level` says.
pub fn level(matches: &ArgMatches) -> Option<Level> {
    matches.get_one::<String>("level").and_then(|level| level.parse().ok())
}

/// The silos of the project, by what the names of their processes begin with.
pub fn silos(found: &Found) -> HashMap<String, String> {
    found.config.silos.iter().map(|(name, silo)| (silo.prefix.clone(), name.to_string())).collect()
}

/// What the lines of everyone mean.
///
/// # Errors
/// When the patterns are too big together.
pub fn book(found: &Found, plan: Option<&Plan>) -> Result<Arc<Rulebook>, Failure> {
    let levels = || found.config.log.levels.iter().map(|(word, level)| (word.as_str(), *level));
    let rules = |service: &str| {
        Rules::new(&found.config.log_rules(service), levels())
            .map_err(|error| Failure::new(Exit::Config, error.to_string(), "change `pattern` under [log]".to_owned()))
    };
    let mut book = Rulebook::new(rules("")?);
    for (name, _) in found.config.services.iter().filter(|(_, service)| !service.patterns.is_empty()) {
        let own = rules(name.as_str())?;
        // Of a service that runs once for each item, nobody has its name.
        let processes = plan.into_iter().flat_map(|plan| &plan.processes).filter(|process| process.service == *name);
        let names: Vec<&str> = processes.map(|process| process.name.as_str()).chain([name.as_str()]).collect();
        book.give(&names, own);
    }
    Ok(Arc::new(book))
}

/// A pattern of the command line.
///
/// # Errors
/// When it isn't one.
pub fn pattern(flag: &str, text: &str) -> Result<Regex, Failure> {
    Regex::new(text).map_err(|error| {
        let error = error.to_string();
        let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let hint = "put a backslash before a character that is meant as it stands: `\\(`".to_owned();
        Failure::new(Exit::Usage, format!("{flag} can't be `{text}`: {why}"), hint)
    })
}

/// Which lines a run shows: of whom, and which. Who is named is shown also if its service says otherwise.
///
/// # Errors
/// When nobody goes by such a name, or the pattern isn't one.
pub fn choice(found: &Found, plan: &Plan, look: &Look, book: &Arc<Rulebook>) -> Result<Choice, Failure> {
    let named = |flag: &str, names: &[String]| {
        let processes = || plan.processes.iter().map(|process| &process.name);
        names.iter().try_fold(Vec::new(), |mut all, name| {
            let selector = Selector::new(name);
            let before = all.len();
            all.extend(processes().filter(|process| selector.matches(process)).cloned());
            match all.len() > before {
                true => Ok(all),
                false => {
                    let hint = near(name, processes()).unwrap_or_else(|| {
                        format!(
                            "processes of this run are {}",
                            crate::config::listed(processes().map(ProcessName::as_str))
                        )
                    });
                    Err(Failure::new(Exit::Usage, format!("{flag}: no process of this run is called `{name}`"), hint))
                }
            }
        })
    };
    let (only, hide) = (named("--only", &look.only)?, named("--hide", &look.hide)?);
    let is_quiet = |service: &ServiceName| found.config.services.get(service).is_some_and(|service| !service.show);
    let is_hidden =
        |process: &ProcessSpec| hide.contains(&process.name) || (!only.is_empty() && !only.contains(&process.name));
    let named = |which: &dyn Fn(&ProcessSpec) -> bool| -> Vec<ProcessName> {
        plan.processes.iter().filter(|process| which(process)).map(|process| process.name.clone()).collect()
    };
    let hidden = named(&is_hidden);
    let quiet = named(&|process| only.is_empty() && is_quiet(&process.service));
    let grep = look.grep.as_deref().map(|text| pattern("--grep", text)).transpose()?;
    Ok(Choice { hidden, quiet, grep, level: look.level, book: Some(Arc::clone(book)) })
}

/// The name that was probably meant.
fn near<'p>(name: &str, known: impl Iterator<Item = &'p ProcessName> + Clone) -> Option<String> {
    let names = known.map(ProcessName::as_str);
    let near = nearest(name, names.clone().chain(names.filter_map(|name| name.rsplit('.').next())))?;
    Some(format!("did you mean `{near}`?"))
}

/// Prints them.
///
/// # Errors
/// When there are none, or what is asked for makes no sense.
pub fn logs(found: &Found, view: LogsView, colour: Colour, env: &Env) -> Result<Exit, Failure> {
    let since = view.since.as_deref().map(|text| {
        let ago = parse_duration(text).map_err(|error| {
            let hint = "write it as `30s`, `10m` or `1h 30m`".to_owned();
            Failure::new(Exit::Usage, format!("--since: {error}"), hint)
        })?;
        #[expect(clippy::disallowed_methods, reason = "`10m` is counted from now")]
        let now = jiff::Timestamp::now();
        Ok::<_, Failure>(now.checked_sub(ago).unwrap_or(jiff::Timestamp::MIN))
    });
    let grep = view.grep.as_deref().map(|text| pattern("--grep", text));
    let book = book(found, None)?;
    let is_terminal = io::stdout().is_terminal() && env.get("TERM").is_none_or(|term| term != "dumb");
    let pretty = found.config.log.pretty.unwrap_or(is_terminal);
    let query = Query {
        folder: folder(found),
        names: view.names,
        follow: view.follow,
        since: since.transpose()?,
        since_restart: view.since_restart,
        choice: Choice {
            grep: grep.transpose()?,
            level: view.level,
            book: Some(Arc::clone(&book)),
            ..Choice::default()
        },
        tail: view.tail,
        after: view.after,
        form: if view.json {
            Form::Json
        } else if view.raw {
            Form::Raw
        } else {
            Form::Text
        },
        options: Options {
            prefix: found.config.log.prefix,
            timestamps: found.config.log.timestamps,
            colour: stdout_colour(colour, env),
            names: Vec::new(),
            absent: Vec::new(),
            setup: Vec::new(),
            live: false,
            columns: 100,
            pretty: pretty.then(|| PrettyOptions { book: Arc::clone(&book), fold: false }),
            choice: Choice::default(),
            zone: jiff::tz::TimeZone::system(),
        },
        book,
        silos: silos(found),
    };
    let out = io::stdout().as_fd().try_clone_to_owned();
    let shown = out.map_err(QueryError::from).and_then(|out| show(query, File::from(out)));
    shown.map(|()| Exit::Fine).map_err(|error| failure(&error))
}

fn failure(error: &QueryError) -> Failure {
    let (exit, hint) = match error {
        QueryError::Nothing { .. } => (Exit::NotRunning, "start something with `devserver`".to_owned()),
        QueryError::Unknown { name, known } => {
            let listed = || crate::config::listed(known.iter().map(ProcessName::as_str));
            (Exit::Usage, near(name, known.iter()).unwrap_or_else(|| format!("there is something of {}", listed())))
        }
        QueryError::NoCursor { .. } => {
            (Exit::Usage, "take it from the last line of `devserver logs --json`".to_owned())
        }
        QueryError::ForeignCursor { .. } => {
            (Exit::Usage, "leave --after out; the last line of `devserver logs --json` has a new cursor".to_owned())
        }
        QueryError::Io(_) => (Exit::Bug, "check the owner and the mode of .devserver/logs".to_owned()),
    };
    Failure::new(exit, error.to_string(), hint)
}
