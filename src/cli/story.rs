//! `why`, `events` and `timeline`: what happened, from the journal, while it runs and after the end.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};
use jiff::Timestamp;
use serde_json::json;

use crate::logs::Sanitiser;
use crate::model::{Moment, ProcessName, Selector};
use crate::protocol::{Filter, History, Message, WireRecord};
use crate::views::{Happened, Known, Session, Timeline, Why, read_journal, timeline as made, told, why as asked};

use super::args::Early;
use super::discover::{self, Env};
use super::exit_code::Exit;
use super::main::say;
use super::reach::{self, Reached, Scope, with_scope_args};
use super::report::Failure;

/// So many of the last lines of a process are shown.
const LINES: usize = 8;

/// What is asked about what happened.
#[derive(Debug, Clone)]
pub enum Story {
    /// Why this process is as it is.
    Why(Scope, String),
    /// What happened, to these.
    Events {
        /// Which stacks.
        scope: Scope,
        /// To whom; to all where none is named.
        names: Vec<String>,
        /// Whether it goes on with what comes.
        follow: bool,
    },
    /// How long everything took to start.
    Timeline(Scope),
}

/// The commands as clap has them.
pub fn commands() -> Vec<Command> {
    let name = Arg::new("NAME").required(true).help("region.server");
    let names = Arg::new("NAME").action(ArgAction::Append).help("server, region.server, region.*");
    let follow = Arg::new("follow").long("follow").short('f').action(ArgAction::SetTrue).help("Go on with what comes");
    vec![
        with_scope_args(
            Command::new("why").about("Say why a process isn't running, isn't ready, was restarted or died").arg(name),
        )
        .after_help("Example:\n  devserver why region.worker"),
        with_scope_args(
            Command::new("events").about("Print what happened, and who asked for it").arg(names).arg(follow),
        )
        .after_help("Example:\n  devserver events -f --json"),
        with_scope_args(
            Command::new("timeline").about("Show how long each process took to start, and the chain that took longest"),
        )
        .after_help("Example:\n  devserver timeline --silo=region"),
    ]
}

/// Reads the arguments of one of them; none when it is another command.
pub fn view(name: &str, matches: &ArgMatches) -> Option<Story> {
    let scope = || reach::scope(matches);
    match name {
        "why" => Some(Story::Why(scope(), matches.get_one::<String>("NAME").cloned().unwrap_or_default())),
        "events" => {
            let names = matches.get_many::<String>("NAME").into_iter().flatten().cloned().collect();
            Some(Story::Events { scope: scope(), names, follow: matches.get_flag("follow") })
        }
        "timeline" => Some(Story::Timeline(scope())),
        _ => None,
    }
}

/// Tells it.
///
/// # Errors
/// When nothing is known of it.
pub fn tell(story: &Story, early: &Early, env: &Env) -> Result<Exit, Failure> {
    match story {
        Story::Why(scope, name) => why(scope, name, early, env),
        Story::Events { scope, names, follow: true } => follow(scope, names, early, env),
        Story::Events { scope, names, follow: false } => events(scope, names, early, env),
        Story::Timeline(scope) => timeline(scope, early, env),
    }
}

/// The last life of each stack that has a journal here, by the time at which it began.
fn sessions(scope: &Scope, early: &Early, env: &Env) -> Result<Vec<Session>, Failure> {
    let folder = match discover::discover(early, env) {
        Ok(found) => super::up::journals(&found),
        // A broken file hides nothing but a root of its own.
        Err(_) => discover::checkout(early)?.join(".devserver/journal"),
    };
    let files = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|file| file.path());
    let has = |path: &PathBuf| {
        let silos = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        scope.silos.is_empty() || silos.split('+').any(|silo| scope.silos.iter().any(|wanted| wanted == silo))
    };
    let journals = files.filter(|path| path.extension().is_some_and(|e| e == "jsonl")).filter(has);
    let mut sessions: Vec<Session> = journals.filter_map(|path| read_journal(&path).pop()).collect();
    sessions.sort_by_key(|session| session.at);
    match sessions.is_empty() {
        true => {
            let message = format!("nothing is known in {}: no stack has written a journal there", folder.display());
            Err(Failure::new(Exit::NotRunning, message, "start something with `devserver`".to_owned()))
        }
        false => Ok(sessions),
    }
}

/// The processes that a journal speaks of, each once.
fn spoken_of(session: &Session) -> Vec<ProcessName> {
    let mut names: Vec<ProcessName> = session.events.iter().filter_map(|one| one.event.process().cloned()).collect();
    names.sort();
    names.dedup();
    names
}

fn one(name: &str, known: &[ProcessName]) -> Result<ProcessName, Failure> {
    let selector = Selector::new(name);
    let meant: Vec<&ProcessName> = known.iter().filter(|process| selector.matches(process)).collect();
    match meant.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(reach::unknown(name, &known.iter().collect::<Vec<_>>())),
        several => {
            let listed = crate::config::listed(several.iter().map(|process| process.as_str()));
            Err(Failure::new(Exit::Usage, format!("`{name}` means several processes"), format!("name one of {listed}")))
        }
    }
}

fn why(scope: &Scope, name: &str, early: &Early, env: &Env) -> Result<Exit, Failure> {
    let live = match reach::stacks(scope, early, env) {
        Ok(records) => reach::wait_for(reach::reach(records, false)).ok().unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let alive: Vec<ProcessName> = live.iter().flat_map(reach::processes).map(|process| process.name.clone()).collect();
    let answer = if Selector::new(name).stranger(alive.iter()).is_none() {
        let process = one(name, &alive)?;
        let stack = live.into_iter().find(|stack| reach::processes(stack).iter().any(|own| own.name == process));
        let stack = stack.expect("it is one of theirs");
        reach::wait_for(of_live(process, stack))?
    } else {
        let mut sessions = match sessions(scope, early, env) {
            Err(_) if !alive.is_empty() => return Err(reach::unknown(name, &alive.iter().collect::<Vec<_>>())),
            sessions => sessions?,
        };
        // Of what is up the picture was asked; the rest has ended.
        let known: Vec<ProcessName> = sessions.iter().flat_map(spoken_of).chain(alive).collect();
        let mut known = known;
        known.sort();
        known.dedup();
        let process = one(name, &known)?;
        sessions.retain(|session| spoken_of(session).contains(&process));
        let events = sessions.pop().map(|session| session.events).unwrap_or_default();
        let now = wall_clock();
        asked(&process, &Known { processes: &[], now: Moment::START, time: now, events: &events, lines: &[] })
    };
    say(&match scope.json {
        true => format!("{:#}\n", serde_json::to_value(&answer).expect("an answer is text")),
        false => text(&answer),
    });
    Ok(Exit::Fine)
}

fn text(answer: &Why) -> String {
    let mut text = format!("{} {}\n", answer.what, answer.because);
    if !answer.lines.is_empty() {
        text.push_str("It said last:\n");
        answer.lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
    }
    text
}

/// What a stack that is up knows of it: events and lines come from the stack itself.
async fn of_live(process: ProcessName, stack: Reached) -> Result<Why, Failure> {
    let filter = |lines: bool, history| Filter {
        processes: lines.then(|| Selector::exactly(&process)),
        lines,
        events: !lines,
        history,
        follow: false,
    };
    let (mut events, mut lines) = (Vec::new(), Vec::new());
    for filter in [filter(false, History::All), filter(true, History::Tail(LINES))] {
        let client = reach::connect(&stack.record).await?;
        let mut records = client.subscribe(filter).await.map_err(|error| reach::failure(&error))?;
        while let Some(message) = records.next().await.map_err(|error| reach::failure(&error))? {
            match message {
                Message::Record { at, record: WireRecord::Event { event }, .. } => events.push(Happened { at, event }),
                Message::Record { record: WireRecord::Line { text, .. }, .. } => {
                    let mut clean = Vec::new();
                    Sanitiser::plain().line(text.as_bytes(), &mut clean);
                    lines.push(String::from_utf8_lossy(&clean).trim_end().to_owned());
                }
                _ => {}
            }
        }
    }
    let status = &stack.status;
    let known = Known {
        processes: &status.status.processes,
        now: status.status.at,
        time: status.time,
        events: &events,
        lines: &lines,
    };
    Ok(asked(&process, &known))
}

fn events(scope: &Scope, names: &[String], early: &Early, env: &Env) -> Result<Exit, Failure> {
    let sessions = sessions(scope, early, env)?;
    let selector = selector(names, &sessions.iter().flat_map(spoken_of).collect::<Vec<_>>())?;
    let mut all: Vec<&Happened> = sessions.iter().flat_map(|session| &session.events).collect();
    all.sort_by_key(|happened| happened.at);
    let is_meant = |happened: &&&Happened| match (&selector, happened.event.process()) {
        (Some(selector), Some(process)) => selector.matches(process),
        (Some(_), None) => false,
        (None, _) => true,
    };
    all.iter().filter(is_meant).for_each(|happened| print(happened, scope.json));
    Ok(Exit::Fine)
}

fn selector(names: &[String], known: &[ProcessName]) -> Result<Option<Selector>, Failure> {
    let selector = (!names.is_empty()).then(|| Selector::several(names));
    match selector.as_ref().and_then(|selector| selector.stranger(known.iter())) {
        Some(name) => Err(reach::unknown(name, &known.iter().collect::<Vec<_>>())),
        None => Ok(selector),
    }
}

fn print(happened: &Happened, json: bool) {
    if json {
        let mut object = json!({ "at": happened.at });
        let event = serde_json::to_value(&happened.event).expect("an event is text and numbers");
        if let (Some(object), serde_json::Value::Object(event)) = (object.as_object_mut(), event) {
            object.extend(event);
        }
        say(&format!("{object}\n"));
    } else if let Some(text) = told(&happened.event) {
        let local = jiff::tz::TimeZone::system().to_datetime(happened.at);
        say(&format!("{} {text}\n", local.strftime("%H:%M:%S")));
    }
}

/// What happened in the stacks that are up, and what does.
fn follow(scope: &Scope, names: &[String], early: &Early, env: &Env) -> Result<Exit, Failure> {
    let records = reach::stacks(scope, early, env)?;
    reach::wait_for(async {
        let reached = reach::reach(records, false).await?;
        let known: Vec<ProcessName> =
            reached.iter().flat_map(reach::processes).map(|process| process.name.clone()).collect();
        let selector = selector(names, &known)?;
        let mut following = tokio::task::JoinSet::new();
        for stack in reached {
            // Names of another stack aren't known to this one.
            let own: Vec<String> = reach::processes(&stack)
                .iter()
                .filter(|process| selector.as_ref().is_none_or(|selector| selector.matches(&process.name)))
                .map(|process| process.name.to_string())
                .collect();
            if own.is_empty() {
                continue;
            }
            let processes = selector.is_some().then(|| Selector::several(own));
            let filter = Filter { processes, lines: false, events: true, history: History::All, follow: true };
            let (client, json) = (stack.client, scope.json);
            following.spawn(async move {
                let mut records = client.subscribe(filter).await?;
                while let Some(message) = records.next().await? {
                    if let Message::Record { at, record: WireRecord::Event { event }, .. } = message {
                        print(&Happened { at, event }, json);
                    }
                }
                Ok(())
            });
        }
        while let Some(end) = following.join_next().await {
            let end = end.map_err(|error| Failure::new(Exit::Bug, error.to_string(), None))?;
            end.map_err(|error| reach::failure(&error))?;
        }
        Ok(Exit::Fine)
    })
}

fn timeline(scope: &Scope, early: &Early, env: &Env) -> Result<Exit, Failure> {
    let timelines: Vec<Timeline> = sessions(scope, early, env)?.iter().map(|session| made(session, None)).collect();
    match scope.json {
        true => say(&format!("{:#}\n", json!({ "stacks": timelines }))),
        false => say(&timelines.iter().map(Timeline::text).collect::<Vec<_>>().join("\n")),
    }
    Ok(Exit::Fine)
}

#[expect(clippy::disallowed_methods, reason = "how long ago something was is counted from now")]
fn wall_clock() -> Timestamp {
    Timestamp::now()
}
