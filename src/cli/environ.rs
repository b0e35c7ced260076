//! `devserver env NAME`: what a process is given besides what it inherits, and who says so.

use clap::{Arg, Command};

use crate::config::{listed, nearest};
use crate::logs::Mask;
use crate::model::{ProcessName, Selector};
use crate::plan::{Choices, Plan, ProcessSpec, plan};

use super::args::switch;
use super::discover::{self, Env, Found};
use super::exit_code::Exit;
use super::like;
use super::main::say;
use super::plan as plan_view;
use super::report::Failure;

/// How it is printed.
#[derive(Debug, Clone, Default)]
pub struct EnvView {
    /// Of which process.
    pub name: String,
    /// As JSON.
    pub json: bool,
    /// Secrets as they are.
    pub reveal: bool,
}

/// The command as clap has it.
pub fn command(command: Command) -> Command {
    command
        .about("Print the environment of a process, with who set each variable")
        .override_usage("devserver env NAME [--json] [--reveal] [FLAGS] [ADDRESS]")
        .mut_arg("ADDRESS", |address| address.index(2))
        .arg(Arg::new("NAME").index(1).required(true).help("server, region.server"))
        .arg(switch("json", "As one JSON object"))
        .arg(switch("reveal", "Print secrets as they are"))
        .after_help(
            "It is that of the stack that is up here, or of one with these flags.\n\nExample:\n  devserver env \
             region.server --silo=region",
        )
}

/// Prints it.
///
/// # Errors
/// When there is no such process, or no plan.
pub fn env(found: &Found, choices: &Choices, view: &EnvView, env: &Env) -> Result<Exit, Failure> {
    let mut like = like::live(found, choices, env)?;
    let found = like.found.as_ref().unwrap_or(found);
    // Whoever says `region.server` has said which silo.
    let silo = view.name.split_once('.').map(|(silo, _)| silo.to_owned());
    if like.choices.silos.is_empty() {
        let declared = silo.filter(|silo| found.config.silos.keys().any(|known| known.as_str() == silo));
        like.choices.silos.extend(declared);
    }
    let plan = plan(&found.config, &like.choices, &discover::facts(found, env.clone()))?;
    let mask = super::up::mask(found, &plan, env)?;
    print(&plan, view, &mask)?;
    Ok(Exit::Fine)
}

/// Prints the environment of one process of this plan.
///
/// # Errors
/// When there is no such process.
pub fn print(plan: &Plan, view: &EnvView, mask: &Mask) -> Result<(), Failure> {
    let mut process = process_named(plan, &view.name)?.clone();
    if !view.reveal {
        for value in process.env.values_mut() {
            value.value = mask.text(&value.value).into_owned();
        }
    }
    say(&match view.json {
        true => format!("{:#}\n", serde_json::to_value(&process.env).expect("variables are text")),
        false => plan_view::environment(&process),
    });
    Ok(())
}

/// The one process of the plan that goes by this name.
///
/// # Errors
/// When there is none, or several are meant.
pub fn process_named<'p>(plan: &'p Plan, name: &str) -> Result<&'p ProcessSpec, Failure> {
    let selector = Selector::new(name);
    let named: Vec<_> = plan.processes.iter().filter(|process| selector.matches(&process.name)).collect();
    match named.as_slice() {
        [one] => Ok(one),
        [] => {
            let known = || plan.processes.iter().map(|process| process.name.as_str());
            let is_it = |silo: Option<&str>, service: &str| {
                let whole = silo.map_or_else(|| service.to_owned(), |silo| format!("{silo}.{service}"));
                ProcessName::new(&whole).is_ok_and(|whole| selector.matches(&whole))
            };
            let absent = plan
                .absent
                .iter()
                .find(|absent| is_it(absent.silo.as_ref().map(|silo| silo.as_str()), absent.service.as_str()));
            if let Some(absent) = absent {
                let message = format!("`{name}` isn't in this plan: {}", absent.reason.replace('`', ""));
                return Err(Failure::new(Exit::Usage, message, "give the flags with which it runs".to_owned()));
            }
            let hint = match nearest(name, known()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("processes are {}", listed(known())),
            };
            Err(Failure::new(Exit::Usage, format!("no process of this plan is called `{name}`"), hint))
        }
        several => {
            let hint = format!("name one of {}", listed(several.iter().map(|process| process.name.as_str())));
            Err(Failure::new(Exit::Usage, format!("`{name}` means several processes"), hint))
        }
    }
}
