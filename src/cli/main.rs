//! From argv to a command, and from its end to an exit code.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use crate::config::{json_schema, show, silo_list};

use super::args::{self, Colour, Early, Invocation, PlanView};
use super::commands::CONTROL_COMMANDS;
use super::discover::{self, Env, Found};
use super::environ::EnvView;
use super::exit_code::Exit;
use super::plan as plan_view;
use super::report::{Failure, tell};

/// Runs the command line.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<String> = args.into_iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let early = args::early(&args);
    let env = discover::environment();
    let colour = stderr_colour(early.colour, &env);
    match run(&args, &early, &env) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if early.json {
                say(&format!("{:#}\n", plan_view::json_of_errors(failure.report.json())));
            }
            let starts = !early.word.as_deref().is_some_and(|word| super::commands::COMMANDS.contains(&word));
            tell(&failure, colour, starts);
            failure.exit.into()
        }
    }
}

fn run(args: &[String], early: &Early, env: &Env) -> Result<Exit, Failure> {
    if early.version {
        say(concat!("devserver ", env!("CARGO_PKG_VERSION"), "\n"));
        return Ok(Exit::Fine);
    }
    if let Some(text) = &early.bad_set {
        return Err(Failure::new(
            Exit::Usage,
            format!("--set can't be `{text}`"),
            "write it as --set NAME=VALUE".to_owned(),
        ));
    }
    if early.help {
        return Ok(help(args, early, env));
    }
    if args.first().is_some_and(|word| matches!(word.as_str(), "init" | "import" | "config"))
        && let Some(invocation @ (Invocation::Init(_) | Invocation::Import(_) | Invocation::ConfigSchema)) =
            args::parse_fixed(args)?
    {
        return match invocation {
            Invocation::Init(preset) => super::init::init(preset.as_deref()),
            Invocation::Import(view) => super::import::import(&view),
            _ => {
                say(&format!("{:#}\n", json_schema()));
                Ok(Exit::Fine)
            }
        };
    }
    if args.first().is_some_and(|word| CONTROL_COMMANDS.contains(&word.as_str()))
        && let Some(Invocation::Control(control)) = args::parse_fixed(args)?
    {
        return super::control::run(&control, early, env);
    }
    let found = discover::discover(early, env).map_err(|failure| {
        // A mistyped command is more likely than a missing configuration.
        match args.first() {
            Some(word) if failure.exit == Exit::Config && is_mistyped(word) => super::usage::unknown_command(word),
            _ => failure,
        }
    })?;
    match args::parse(args, &found.config)? {
        Invocation::Up(_, look) if look.detach => super::detach::detach(&found, look.json, early.colour, args, env),
        Invocation::Up(choices, look) => super::up::up(&found, &choices, look, early.colour, args, env),
        Invocation::Plan(choices, view) => plan(&found, &choices, &view, env),
        Invocation::Env(choices, view) => super::environ::env(&found, &choices, &view, env),
        Invocation::Run(choices, words) => super::run::run(&found, &choices, &words, env),
        Invocation::Db(choices, view) => super::db::db(&found, &choices, &view, env),
        Invocation::Open(view) => super::open::open(&found, &view, env),
        Invocation::ConfigCheck => {
            let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
            say(&format!(
                "{}, {} ({}): nothing is wrong\n",
                count(found.config.services.len(), "service"),
                count(found.config.silos.len(), "silo"),
                silo_list(&found.config).replace('`', "")
            ));
            Ok(Exit::Fine)
        }
        Invocation::ConfigShow { origin } => {
            say(&show(&found.config, origin));
            Ok(Exit::Fine)
        }
        Invocation::ConfigSchema => Ok(Exit::Fine),
        Invocation::Init(preset) => super::init::init(preset.as_deref()),
        Invocation::Import(view) => super::import::import(&view),
        Invocation::Logs(view) => super::logs::logs(&found, view, early.colour, env),
        Invocation::Control(control) => super::control::run(&control, early, env),
    }
}

fn is_mistyped(word: &str) -> bool {
    !word.contains(':')
        && !super::commands::COMMANDS.contains(&word)
        && word.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// `--help`, with the flags of the configuration where there is a good one.
fn help(args: &[String], early: &Early, env: &Env) -> Exit {
    let found = discover::discover(&Early { sets: Vec::new(), ..early.clone() }, env);
    let mut command = args::command(found.as_ref().ok().map(|found| &found.config));
    let words: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let mut target = &mut command;
    for word in words {
        match target.find_subcommand(word) {
            Some(_) => target = target.find_subcommand_mut(word).expect("it was just found"),
            None => break,
        }
    }
    let width = console::Term::stdout().size_checked().map_or(100, |(_, columns)| usize::from(columns).min(100));
    let help = target.clone().term_width(width).render_help();
    say(&if stdout_colour(early.colour, env) { help.ansi().to_string() } else { help.to_string() });
    if let Err(failure) = found {
        let text = failure.report.text(false);
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        say(&format!("\nThe flags of the project are missing here: {first}\n"));
    }
    Exit::Fine
}

fn plan(found: &Found, choices: &crate::plan::Choices, view: &PlanView, env: &Env) -> Result<Exit, Failure> {
    let facts = discover::facts(found, env.clone());
    let mut plan = crate::plan::plan(&found.config, choices, &facts)?;
    super::oneshots::note_fresh(&mut plan);
    let mask = super::up::mask(found, &plan, env)?;
    let mut troubles = super::up::refused(&plan);
    let mut exit = if troubles.is_empty() { Exit::Fine } else { Exit::Preflight };
    if view.preflight
        && let Err(failure) = super::up::dry_run(&plan, found, env)
    {
        exit = failure.exit;
        troubles = failure.troubles();
    }
    let failure = Failure::all(exit, troubles);
    if let Some(name) = &view.env {
        let view = EnvView { name: name.clone(), json: view.json, reveal: view.reveal };
        super::environ::print(&plan, &view, &mask)?;
        return Ok(exit);
    }
    match view.json {
        true => {
            let mut json = plan_view::json(&plan, failure.report.json());
            mask.json(&mut json);
            say(&format!("{json:#}\n"));
        }
        false => {
            if let Some(recognised) = &found.recognised {
                say(&format!("{recognised}\n"));
            }
            say(&mask.text(&plan_view::text(&plan)));
        }
    }
    match exit {
        Exit::Fine => Ok(exit),
        _ if view.json => Ok(exit),
        _ => Err(failure),
    }
}

/// Writes to standard output. Whoever closed it doesn't want to read the rest.
pub(super) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn colour(choice: Colour, is_terminal: bool, env: &Env) -> bool {
    let refused = env.get("NO_COLOR").is_some_and(|value| !value.is_empty())
        || env.get("TERM").is_some_and(|term| term == "dumb");
    match choice {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => is_terminal && !refused,
    }
}

/// Whether standard output takes colours.
pub(super) fn stdout_colour(choice: Colour, env: &Env) -> bool {
    colour(choice, std::io::stdout().is_terminal(), env)
}

fn stderr_colour(choice: Colour, env: &Env) -> bool {
    colour(choice, std::io::stderr().is_terminal(), env)
}
