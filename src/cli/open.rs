//! `devserver open [NAME]`: what is up here, in the browser.

use std::process::Stdio;

use clap::{Arg, Command};
use serde_json::json;

use crate::plan::{Choices, plan};

use super::args::switch;
use super::discover::{self, Env, Found};
use super::environ::process_named;
use super::exit_code::Exit;
use super::like;
use super::main::say;
use super::report::Failure;
use super::stack::RuntimeFolder;

/// What opens a URL, after what `$BROWSER` names.
const OPENERS: [&str; 4] = ["xdg-open", "open", "wslview", "sensible-browser"];

/// What is opened, and how.
#[derive(Debug, Clone, Default)]
pub struct OpenView {
    /// Of which process; the stack's own if none is named.
    pub name: Option<String>,
    /// As JSON.
    pub json: bool,
    /// Say it only.
    pub print: bool,
}

/// The command as clap has it.
pub fn command() -> Command {
    Command::new("open")
        .about("Open the URL of what is up here in the browser")
        .arg(Arg::new("NAME").help("server, region.server; the first URL of the stack if it isn't given"))
        .arg(switch("print", "Print the URL, open nothing"))
        .arg(switch("json", "Print it as JSON"))
        .after_help("Example:\n  devserver open region.server")
}

/// Opens it.
///
/// # Errors
/// When nothing is up, there is no URL, or nothing to open it with.
pub fn open(found: &Found, view: &OpenView, env: &Env) -> Result<Exit, Failure> {
    let stacks = RuntimeFolder::of(&found.folder, env).live();
    let silo = view.name.as_ref().and_then(|name| Some(name.split_once('.')?.0.to_owned()));
    let has = |silo: &String| stacks.iter().any(|stack| stack.silos.contains_key(silo));
    if stacks.is_empty() {
        let message = format!("nothing of {} is running", found.folder.display());
        return Err(Failure::new(Exit::NotRunning, message, "start it with `devserver`".to_owned()));
    }
    let asked = Choices { silos: silo.filter(has).into_iter().collect(), ..Choices::default() };
    let like = like::live(found, &asked, env)?;
    let found = like.found.as_ref().unwrap_or(found);
    let plan = plan(&found.config, &like.choices, &discover::facts(found, env.clone()))?;
    let url = match &view.name {
        Some(name) => {
            let process = process_named(&plan, name)?;
            process.url.clone().ok_or_else(|| {
                let hint = format!("give it one: `url` under [service.{}]", process.service);
                Failure::new(Exit::Usage, format!("{} has no URL", process.name), hint)
            })?
        }
        None => {
            let silos = plan.silos.iter().filter(|silo| silo.selected).filter_map(|silo| silo.url.clone());
            let others = plan.processes.iter().filter_map(|process| process.url.clone());
            // What is at the first port is what a person looks at: the bundler, where there is one.
            let at_first = plan.processes.iter().filter(|process| {
                let first = plan.address.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
                process.port.is_some() && process.port == first
            });
            let first = at_first.filter_map(|process| process.url.clone()).chain(silos).chain(others).next();
            first.ok_or_else(|| {
                let hint = "give a service one: `url` in its table".to_owned();
                Failure::new(Exit::Usage, "nothing that is up here has a URL", hint)
            })?
        }
    };
    if view.json {
        say(&format!("{:#}\n", json!({ "url": url })));
    } else {
        say(&format!("{url}\n"));
    }
    if !view.print && !view.json {
        browse(&url, env)?;
    }
    Ok(Exit::Fine)
}

fn browse(url: &str, env: &Env) -> Result<(), Failure> {
    let path = env.get("PATH");
    let own = env.get("BROWSER").into_iter().flat_map(|list| list.split(':')).filter(|name| !name.is_empty());
    let candidates = own.map(|line| line.split_whitespace().collect::<Vec<_>>()).chain(OPENERS.map(|name| vec![name]));
    let mut tried = Vec::new();
    for words in candidates {
        let Some((program, arguments)) = words.split_first() else { continue };
        let Ok(file) = which::which_in(program, path, "/") else { continue };
        tried.push(*program);
        #[expect(clippy::disallowed_methods, reason = "a browser outlives us by design; it is started and left")]
        let mut command = std::process::Command::new(file);
        // `%s` is where some want it; else it comes last.
        let has_place = arguments.iter().any(|argument| argument.contains("%s"));
        command.args(arguments.iter().map(|argument| argument.replace("%s", url)));
        if !has_place {
            command.arg(url);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if command.status().is_ok_and(|status| status.success()) {
            return Ok(());
        }
    }
    let message = match tried.as_slice() {
        [] => "there is no browser here that could open it".to_owned(),
        tried => format!("{} could not open it", crate::config::listed(tried.iter().copied())),
    };
    Err(Failure::new(Exit::Preflight, message, "set BROWSER to a program that does, or open it yourself".to_owned()))
}
