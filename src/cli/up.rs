//! The wiring: the one function that knows all rooms.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use serde_json::json;

use crate::bus::{Bus, From, Kind, Limits, Wants};
use crate::control::{self, Premises, Server};
use crate::logs::{Mask, escaped, secrets};
use crate::model::{Actor, Command, Verdict};
use crate::plan::{CheckTest, Choices, Plan, plan};
use crate::protocol::{Hello, PROGRAM, VERSION};
use crate::runner::{Asked, LedgerFile, Session, Spawner, drive, interrupts, stop_leftovers};
use crate::sys::{limits, session};
use crate::views::{
    Entry, JsonOptions, Options, PrettyOptions, PrinterEnd, StoreOptions, journal_path, keep_journal, print,
    print_json, store,
};

use super::args::{Colour, Look};
use super::crash;
use super::discover::{self, Env, Found};
use super::exit_code::Exit;
use super::main::{say, stdout_colour};
use super::oneshots;
use super::plan::quoted;
use super::preflight::preflight;
use super::report::Failure;
use super::stack::{Hold, RuntimeFolder, already_running};

/// How long the printer has for its last words once everything is over.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// So many requests may wait for the loop; whoever has more waits.
const COMMANDS: usize = 64;

/// Everything that a start would check, and nothing that it would do.
///
/// # Errors
/// As a start would.
pub fn dry_run(plan: &Plan, found: &Found, env: &Env) -> Result<(), Failure> {
    let live = RuntimeFolder::of(&found.folder, env).live();
    for silo in plan.silos.iter().filter(|silo| silo.selected) {
        if let Some(holder) = live.iter().find(|record| record.silos.contains_key(silo.name.as_str())) {
            return Err(already_running(silo.name.as_str(), Some(holder.clone())));
        }
    }
    runtime()?.block_on(preflight(plan, &discover::environment_for_children()))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    built.map_err(|error| Failure::new(Exit::Bug, format!("the runtime can't be started: {error}"), None))
}

/// Starts everything, and returns when all of it has ended.
///
/// # Errors
/// When something is wrong before anything was started.
pub fn up(
    found: &Found,
    choices: &Choices,
    look: Look,
    colour: Colour,
    args: &[String],
    env: &Env,
) -> Result<Exit, Failure> {
    if look.detached {
        // Away from the terminal on which it was typed: no Ctrl-C of it and no hang-up is meant for us.
        let session = session::new_session();
        session.map_err(|error| Failure::new(Exit::Bug, format!("no session of its own: {error}"), None))?;
    }
    if let Some(recognised) = &found.recognised {
        // First of all, and also when nothing comes of it.
        notice(recognised, look.json);
    }
    let facts = discover::facts(found, env.clone());
    let mut plan = plan(&found.config, choices, &facts)?;
    oneshots::note_fresh(&mut plan);
    let book = super::logs::book(found, Some(&plan))?;
    let choice = super::logs::choice(found, &plan, &look, &book)?;
    let folder = RuntimeFolder::of(&found.folder, env);
    let typed = |word: &String| if word == super::detach::FLAG { "--detach".to_owned() } else { quoted(word) };
    let words: Vec<String> = args.iter().map(typed).collect();
    let hold = folder.take(&plan, &found.folder, format!("devserver {}", words.join(" ")).trim_end())?;
    let hold = Hold { journals: journals(found), ..hold };
    let runtime = runtime()?;
    let inherited = discover::environment_for_children();
    let mask = Arc::new(mask(found, &plan, env)?);
    crash::prepare(&plan.root, Arc::clone(&mask));
    // Before anything is looked at: what is left may have our ports.
    runtime.block_on(stop_leftovers(folder.path(), |text| notice(&escaped(&mask.text(&text)), look.json)));
    plan.notices.extend(runtime.block_on(super::db::notices(found, choices, &plan, env)));
    let verdict = runtime.block_on(preflight(&plan, &inherited)).and_then(|()| {
        write_files(&plan)?;
        let is_screen = io::stdout().is_terminal() && env.get("TERM").is_none_or(|term| term != "dumb");
        let pretty = !look.plain && !look.json && look.pretty.or(found.config.log.pretty).unwrap_or(is_screen);
        let options = Options {
            prefix: look.prefix.unwrap_or(found.config.log.prefix),
            timestamps: found.config.log.timestamps,
            colour: !look.plain && stdout_colour(colour, env),
            names: plan.processes.iter().map(|process| process.name.clone()).collect(),
            absent: absent(&plan),
            setup: plan
                .processes
                .iter()
                .filter(|process| process.oneshot.is_some())
                .map(|process| process.name.clone())
                .collect(),
            live: is_screen && !look.plain,
            columns: console::Term::stdout().size_checked().map_or(100, |(_, columns)| usize::from(columns)),
            pretty: pretty.then(|| PrettyOptions { book: Arc::clone(&book), fold: true }),
            choice,
            zone: jiff::tz::TimeZone::system(),
        };
        let stored = stored(found);
        let view = if look.detached {
            View::Nothing
        } else if look.json {
            let session = stored.as_ref().map(|stored| stored.session);
            View::Json(JsonOptions { book, silos: super::logs::silos(found), choice: options.choice, session })
        } else {
            View::Text(options)
        };
        run(Arc::new(plan), &hold, mask, inherited, view, stored, &runtime)
    });
    // The socket goes while its name is still ours.
    control::remove(&hold.socket);
    drop(hold.locks);
    folder.tidy_up();
    // Whatever still blocks a thread (a name that is looked up) isn't waited for.
    runtime.shutdown_background();
    verdict.map(|verdict| exit(&verdict))
}

/// What is printed.
enum View {
    /// The log, for people.
    Text(Options),
    /// Objects, for machines.
    Json(JsonOptions),
    /// Nothing: nobody is there to read it.
    Nothing,
}

/// What there is to say before there is a stream to say it in.
fn notice(text: &str, json: bool) {
    match json {
        true => say(&format!("{}\n", json!({ "time": stamp(), "event": "notice", "text": text }))),
        false => say(&format!("{text}\n")),
    }
}

fn run(
    plan: Arc<Plan>,
    hold: &Hold,
    mask: Arc<Mask>,
    inherited: Vec<(std::ffi::OsString, std::ffi::OsString)>,
    view: View,
    stored: Option<StoreOptions>,
    runtime: &tokio::runtime::Runtime,
) -> Result<Verdict, Failure> {
    let ours = |what: &str, error: &io::Error| Failure::new(Exit::Bug, format!("{what}: {error}"), None);
    session::become_subreaper().map_err(|error| ours("can't adopt what a killed shim leaves", &error))?;
    // Children get the limit that the user has; ours is for their pipes and terminals.
    let limit = limits::raise_open_files().map_err(|error| ours("the limit of open files can't be read", &error))?;
    let spawner = Spawner::new(PathBuf::from("/proc/self/exe"), plan.root.clone()).with_open_files(limit.soft);
    let spawner = spawner.with_ledger(hold.folder.path());
    let ledger = spawner.ledger().cloned();
    let bus = Bus::new(Limits::default());
    let records = bus.subscribe(From::Start, Kind::Lossless);
    let out = File::from(io::stdout().as_fd().try_clone_to_owned().map_err(|error| ours("standard output", &error))?);
    let (done, printed) = mpsc::sync_channel(1);
    let (ask, commands) = tokio::sync::mpsc::channel(COMMANDS);
    let hello = hello(&plan, hold);
    let listener = control::listen(&hold.socket).map_err(|error| {
        let hint = "remove it if it isn't needed, or set XDG_RUNTIME_DIR to a folder that you can write to".to_owned();
        Failure::new(Exit::Refused, format!("the control socket {error}"), hint)
    })?;
    let premises = Premises { hello, bus: bus.clone(), asked: ask.clone(), limits: control::Limits::default() };
    std::thread::Builder::new()
        .name("printer".into())
        .spawn(move || {
            let end = match view {
                View::Text(options) => print(records, out, options),
                View::Json(options) => print_json(records, out, options),
                View::Nothing => {
                    // Or its queue would fill, and everybody wait.
                    drop(records);
                    PrinterEnd::Finished
                }
            };
            if !matches!(end, PrinterEnd::Finished) {
                // Nobody reads any more: the session ends as by a Ctrl-C.
                let (answer, _) = tokio::sync::oneshot::channel();
                let _ = ask.blocking_send(Asked::Command { command: Command::Down, by: Actor::ITSELF, answer });
            }
            let _ = done.send(());
        })
        .map_err(|error| ours("the printer can't be started", &error))?;
    let noted = note(&bus, hold, &mask).map_err(|error| ours("the journal can't be kept", &error))?;
    let (done, kept) = mpsc::sync_channel(1);
    match stored {
        Some(options) => {
            let (records, bus) = (bus.subscribe(From::Start, Kind::Lossless), bus.clone());
            let keep = move || {
                store(records, &bus, options);
                let _ = done.send(());
            };
            let thread = std::thread::Builder::new().name("store".into()).spawn(keep);
            thread.map_err(|error| ours("lines can't be stored", &error))?;
        }
        // So that nobody waits for it at the end.
        None => drop(done),
    }
    let verdict = runtime.block_on(async {
        let interrupts = interrupts().map_err(|error| ours("signals can't be received", &error))?;
        let server = Server::start(listener, premises).map_err(|error| ours("the control socket", &error))?;
        let verdict = drive(Session { plan, bus: bus.clone(), mask, spawner, inherited, commands, interrupts }).await;
        bus.close();
        server.close().await;
        Ok::<Verdict, Failure>(verdict)
    })?;
    ledger.iter().for_each(LedgerFile::close);
    let _ = printed.recv_timeout(LAST_WORDS);
    let _ = kept.recv_timeout(LAST_WORDS);
    let _ = noted.recv_timeout(LAST_WORDS);
    Ok(verdict)
}

/// Writes the journal, on a thread of its own; it says when it is through.
fn note(bus: &Bus, hold: &Hold, mask: &Mask) -> io::Result<mpsc::Receiver<()>> {
    let silos: Vec<String> = hold.record.silos.keys().cloned().collect();
    let path = journal_path(&hold.journals, &silos);
    let (pid, command) = (hold.record.pid, mask.text(&hold.record.command).into_owned());
    let began = Entry::Began { at: stamp(), pid, command, silos };
    let (records, bus) = (bus.subscribe_to(Wants::Events, From::Start, Kind::Lossless), bus.clone());
    let (done, noted) = mpsc::sync_channel(1);
    std::thread::Builder::new().name("journal".into()).spawn(move || {
        keep_journal(records, &bus, &path, &began);
        let _ = done.send(());
    })?;
    Ok(noted)
}

/// Where the journals of the stacks of this project are.
pub fn journals(found: &Found) -> PathBuf {
    found.folder.join(&found.config.project.root).join(".devserver/journal").components().collect()
}

/// Who we are, for whoever connects.
fn hello(plan: &Plan, hold: &Hold) -> Hello {
    Hello {
        version: VERSION,
        program: PROGRAM.to_owned(),
        pid: hold.record.pid,
        project: plan.project.clone(),
        folder: hold.record.folder.clone(),
        silos: plan.silos.iter().filter(|silo| silo.selected).map(|silo| silo.name.clone()).collect(),
        command: hold.record.command.clone(),
        since: jiff::Timestamp::from_second(hold.record.since).unwrap_or(jiff::Timestamp::UNIX_EPOCH),
    }
}

/// Where lines are stored, if they are.
fn stored(found: &Found) -> Option<StoreOptions> {
    let log = &found.config.log;
    let options = || StoreOptions {
        folder: super::logs::folder(found),
        max_size: log.max_size,
        max_total: log.max_total,
        session: u64::try_from(stamp().as_millisecond()).unwrap_or_default(),
    };
    log.store.then(options)
}

#[expect(clippy::disallowed_methods, reason = "the run of the supervisor is told apart by when it began")]
fn stamp() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// What nobody may see: the secrets of every environment that a process is given, and the configuration's patterns.
///
/// # Errors
/// When they are too many to be searched for.
pub fn mask(found: &Found, plan: &Plan, env: &Env) -> Result<Mask, Failure> {
    let inherited = env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let planned = plan.processes.iter().flat_map(|process| &process.env);
    let planned = planned.map(|(name, value)| (name.as_str(), value.value.as_str()));
    let patterns = found.config.log.mask.iter().map(String::as_str);
    Mask::new(secrets(inherited.chain(planned)), patterns).map_err(|error| {
        let hint = "change `mask` under [log]".to_owned();
        Failure::new(Exit::Config, error.to_string(), hint)
    })
}

/// What doesn't run anywhere, each service once with its reasons, for the summary.
fn absent(plan: &Plan) -> Vec<(String, String)> {
    let runs = |service: &str| plan.processes.iter().any(|process| process.service.as_str() == service);
    let mut absent: Vec<(String, String)> = Vec::new();
    for missing in plan.absent.iter().filter(|missing| !runs(missing.service.as_str())) {
        let entry = (missing.service.to_string(), missing.reason.replace('`', ""));
        if !absent.iter().any(|(service, _)| *service == entry.0) {
            absent.push(entry);
        }
    }
    absent
}

fn write_files(plan: &Plan) -> Result<(), Failure> {
    for file in &plan.files {
        let folder = file.path.parent().unwrap_or(&plan.root);
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&file.path, &file.text));
        written.map_err(|error| {
            let message = format!("render.{}: {} can't be written: {error}", file.name, file.path.display());
            Failure::new(Exit::Preflight, message, Some("check the folder's owner and mode".to_owned()))
        })?;
    }
    Ok(())
}

fn exit(verdict: &Verdict) -> Exit {
    match verdict {
        Verdict::Fine => Exit::Fine,
        Verdict::Killed | Verdict::Abandoned => Exit::Interrupted,
        Verdict::GaveUp(_) => Exit::GaveUp,
        Verdict::Ended { status, .. } => Exit::Child(u8::try_from(status.shell_code()).unwrap_or(u8::MAX)),
        Verdict::Unstoppable(_) => Exit::Unstoppable,
    }
}

/// A plan that was refused by one of its own conditions.
pub fn refused(plan: &Plan) -> Vec<super::report::Trouble> {
    let refused = plan.checks.iter().filter(|check| check.test == CheckTest::Refused);
    refused.map(|check| super::report::Trouble::new(check.message.clone(), check.hint.clone())).collect()
}
