//! `devserver --detach`: starts in the background, and returns when everything has come up, or can't.
//!
//! What runs in the background is this program again, in a session of its own, without a printer. The one that was
//! typed watches it through the control socket as any client does.

use std::collections::{HashMap, VecDeque};
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tokio::time::interval;

use crate::control::Client;
use crate::logs::Sanitiser;
use crate::model::{Event, Phase, ProcessName, Status, Via};
use crate::protocol::{Filter, History, Message, WireRecord};
use crate::views::{Session, read_journal, told};

use super::args::Colour;
use super::discover::{Env, Found};
use super::exit_code::Exit;
use super::main::say;
use super::reach;
use super::report::{Failure, Trouble};
use super::stack::{Record, RuntimeFolder};

/// The flag of the one in the background; nobody types it.
pub const FLAG: &str = "--detached";

/// So many of the last lines of a process that failed are shown.
const LINES: usize = 8;

/// Starts in the background, and waits until everything has come up.
///
/// # Errors
/// When something failed while it came up. What did come up stays up.
pub fn detach(found: &Found, json: bool, colour: Colour, args: &[String], env: &Env) -> Result<Exit, Failure> {
    let ours =
        |error: &std::io::Error| Failure::new(Exit::Bug, format!("can't start in the background: {error}"), None);
    let words = args.iter().map(|word| if matches!(word.as_str(), "-d" | "--detach") { FLAG } else { word });
    #[expect(clippy::disallowed_methods, reason = "it is this program again, and is to outlive the one that was typed")]
    let mut command = Command::new("/proc/self/exe");
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| ours(&error))?;
    // What it refuses to start for is said there; once it is up it says nothing more.
    let errors = child.stderr.take().map(|mut errors| {
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = errors.read(&mut buffer) {
                let _ = std::io::stderr().write_all(&buffer[..length]);
            }
        })
    });
    let folder = RuntimeFolder::of(&found.folder, env);
    let watched = reach::wait_for(watch(&folder, &mut child, json))?;
    match watched {
        Watched::Up(record, status, lines) => settled(&record, &status, &lines, json),
        Watched::Ended => {
            let status = child.wait().map_err(|error| ours(&error))?;
            if let Some(errors) = errors {
                // It has ended, and so has what it writes.
                let _ = errors.join();
            }
            if !json {
                post_mortem(found, child.id(), colour, env);
            }
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            Ok(code.map_or(Exit::Bug, Exit::Child))
        }
    }
}

/// What each process said last.
type Lines = HashMap<ProcessName, VecDeque<String>>;

/// How the start went.
enum Watched {
    /// Everything has come up, or won't.
    Up(Box<Record>, Status, Lines),
    /// The stack has ended.
    Ended,
}

async fn watch(folder: &RuntimeFolder, child: &mut Child, json: bool) -> Result<Watched, Failure> {
    let mut looks = interval(Duration::from_millis(20));
    let pid = i32::try_from(child.id()).unwrap_or_default();
    let (record, client) = loop {
        looks.tick().await;
        if child.try_wait().is_ok_and(|end| end.is_some()) {
            return Ok(Watched::Ended);
        }
        let Some(record) = folder.live().into_iter().find(|record| record.pid == pid) else { continue };
        if let Ok(client) = Client::connect(&record.socket, Via::Cli).await {
            break (record, client);
        }
    };
    let filter = Filter { history: History::All, ..Filter::default() };
    let mut lines = Lines::new();
    let Ok(mut records) = client.subscribe(filter).await else { return Ok(Watched::Ended) };
    while let Ok(Some(message)) = records.next().await {
        let Message::Record { at, record: what, .. } = message else { continue };
        match what {
            WireRecord::Event { event: Event::Settled { status, .. } } => {
                return Ok(Watched::Up(Box::new(record), status, lines));
            }
            WireRecord::Event { event } => {
                if !json && let Some(text) = told(&event) {
                    let local = jiff::tz::TimeZone::system().to_datetime(at);
                    say(&format!("{} {text}\n", local.strftime("%H:%M:%S")));
                }
            }
            WireRecord::Line { run, text, .. } => {
                let mut clean = Vec::new();
                Sanitiser::plain().line(text.as_bytes(), &mut clean);
                let last = lines.entry(run.process).or_default();
                last.push_back(String::from_utf8_lossy(&clean).trim_end().to_owned());
                if last.len() > LINES {
                    last.pop_front();
                }
            }
            WireRecord::Lagged { .. } => {}
        }
    }
    Ok(Watched::Ended)
}

/// Says how it came up. Something that failed is an error; the rest stays up.
fn settled(record: &Record, status: &Status, lines: &Lines, json: bool) -> Result<Exit, Failure> {
    let failed: Vec<_> =
        status.processes.iter().filter(|process| matches!(process.phase, Phase::Failed { .. })).collect();
    if json {
        say(&format!("{:#}\n", json!({ "stack": record, "processes": status.processes })));
        return Ok(if failed.is_empty() { Exit::Fine } else { Exit::GaveUp });
    }
    let fine = status.processes.iter().filter(|process| matches!(process.phase, Phase::Ready | Phase::Done { .. }));
    let silos: Vec<&str> = record.silos.keys().map(String::as_str).collect();
    say(&format!(
        "{} is up in the background (pid {}): {} of {} ready\n",
        silos.join(", "),
        record.pid,
        fine.count(),
        status.processes.len()
    ));
    for (name, url) in status.processes.iter().filter_map(|process| Some((&process.name, process.url.as_ref()?))) {
        say(&format!("  {name}: {url}\n"));
    }
    if failed.is_empty() {
        say("see it with `devserver ps`, follow it with `devserver logs -f`, stop it with `devserver down`\n");
        return Ok(Exit::Fine);
    }
    let trouble = |process: &&crate::model::ProcessStatus| {
        let why = process.hold.as_ref().map(ToString::to_string).unwrap_or_default();
        let hint = format!("`devserver why {0}` says more; the rest stays up until `devserver down`", process.name);
        let trouble = Trouble::new(format!("{}: {why}", process.name), Some(hint));
        lines.get(&process.name).into_iter().flatten().cloned().fold(trouble, Trouble::note)
    };
    Err(Failure::all(Exit::GaveUp, failed.iter().map(trouble).collect()))
}

/// Says what had failed in a stack that has ended, and what it said last: from the journal and the stored lines, since
/// it may have been gone before anybody could ask it.
fn post_mortem(found: &Found, pid: u32, colour: Colour, env: &Env) {
    let files = std::fs::read_dir(super::up::journals(found)).into_iter().flatten().flatten().map(|file| file.path());
    let journals = files.filter(|path| path.extension().is_some_and(|e| e == "jsonl"));
    let is_its = |session: &Session| u32::try_from(session.pid).is_ok_and(|of| of == pid);
    let Some(session) = journals.filter_map(|path| read_journal(&path).pop()).find(is_its) else { return };
    let mut names: Vec<String> = Vec::new();
    for happened in &session.events {
        if let Event::PhaseChanged { process, to: Phase::Failed { failure }, .. } = &happened.event {
            say(&format!("{process} failed: {failure}\n"));
            names.push(process.to_string());
        }
    }
    if !names.is_empty() {
        // Where lines aren't stored, that is all there is to say.
        let _ = super::logs::logs(found, super::logs::last_of(names, LINES as u64), colour, env);
    }
}
