//! The command line: fixed arguments, and one for each flag that the configuration declares.
//!
//! In two steps: `early` finds by hand what is needed to find the configuration, so that `--version` and
//! `--help` work beside a broken one; `parse` reads everything once the flags are known.

use std::path::PathBuf;

use clap::builder::Styles;
use clap::{Arg, ArgAction, ArgMatches, Command};
use indexmap::IndexMap;

use crate::config::{Config, Flag, FlagValue};
use crate::model::{FlagName, Level};
use crate::plan::Choices;

use super::control::{self, Control};
use super::db::{self, DbView};
use super::environ::{self, EnvView};
use super::exit_code::Exit;
use super::import::{self, ImportView};
use super::init;
use super::logs::{self, LogsView};
use super::open::{self, OpenView};
use super::report::Failure;
use super::run;
use super::usage::{address, usage};

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// On a terminal.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// What is needed before the configuration is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Early {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--set NAME=VALUE`.
    pub sets: Vec<(String, String)>,
    /// A `--set` that isn't `NAME=VALUE`.
    pub bad_set: Option<String>,
    /// `--color`.
    pub colour: Colour,
    /// `--help` or `-h`.
    pub help: bool,
    /// `--version` or `-V`.
    pub version: bool,
    /// `--json`.
    pub json: bool,
    /// `--project`.
    pub project: Option<PathBuf>,
    /// The first word that isn't a flag: perhaps a command.
    pub word: Option<String>,
}

/// Finds what is needed before the configuration is read.
pub fn early(args: &[String]) -> Early {
    let mut early = Early::default();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        if arg == "--" {
            break;
        }
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (arg.as_str(), None),
        };
        match name {
            "--project" => early.project = value.or_else(|| rest.next().cloned()).map(PathBuf::from),
            "--config" => early.config = value.or_else(|| rest.next().cloned()).map(PathBuf::from),
            "--set" => {
                if let Some(text) = value.or_else(|| rest.next().cloned()) {
                    match text.split_once('=') {
                        Some((name, value)) if !name.trim().is_empty() => {
                            early.sets.push((name.trim().to_owned(), value.to_owned()));
                        }
                        _ => early.bad_set = Some(text),
                    }
                }
            }
            "--color" | "--colour" => {
                early.colour = match value.or_else(|| rest.next().cloned()).as_deref() {
                    Some("always") => Colour::Always,
                    Some("never") => Colour::Never,
                    _ => Colour::Auto,
                };
            }
            "--help" | "-h" => early.help = true,
            "--version" | "-V" => early.version = true,
            "--json" => early.json = true,
            word if !word.starts_with('-') && early.word.is_none() => early.word = Some(arg.clone()),
            _ => {}
        }
    }
    early
}

/// What is asked for.
#[derive(Debug)]
pub enum Invocation {
    /// Start everything.
    Up(Choices, Look),
    /// Print what would be started.
    Plan(Choices, PlanView),
    /// Print the environment of a process.
    Env(Choices, EnvView),
    /// Run a command in the environment of a silo.
    Run(Choices, Vec<String>),
    /// Open a URL of what is up.
    Open(OpenView),
    /// Validate the configuration.
    ConfigCheck,
    /// Print the merged configuration; with the layer of each value.
    ConfigShow {
        /// Whether each value says where it comes from.
        origin: bool,
    },
    /// Print the JSON Schema.
    ConfigSchema,
    /// Make, split or check the silos' databases.
    Db(Choices, DbView),
    /// Print what was said.
    Logs(LogsView),
    /// Write a first devserver.toml; from this preset.
    Init(Option<String>),
    /// Turn another tool's file into a devserver.toml.
    Import(ImportView),
    /// Talk to what runs.
    Control(Control),
}

/// How the stream looks, as asked for.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// `--detach`: in the background.
    pub detach: bool,
    /// We are the one in the background.
    pub detached: bool,
    /// `--plain`: no colours, nothing pretty.
    pub plain: bool,
    /// `--pretty` or `--no-pretty`; else what the configuration says, else on a terminal.
    pub pretty: Option<bool>,
    /// `--level`: how much a line must matter to be shown.
    pub level: Option<Level>,
    /// `--json`: one object for each line and each event.
    pub json: bool,
    /// `--prefix` or `--no-prefix`; the configuration's where neither is given.
    pub prefix: Option<bool>,
    /// `--only`: whose lines are shown.
    pub only: Vec<String>,
    /// `--hide`: whose aren't.
    pub hide: Vec<String>,
    /// `--grep`: what they must match.
    pub grep: Option<String>,
}

/// How a plan is printed.
#[derive(Debug, Clone, Default)]
pub struct PlanView {
    /// `--json`.
    pub json: bool,
    /// `--env NAME`.
    pub env: Option<String>,
    /// `--reveal`.
    pub reveal: bool,
    /// `--preflight`.
    pub preflight: bool,
}

const HEAD: &str = "Built in";
const EXAMPLES: &str = "Examples:
  devserver --silo=control --celery-beat --workers
  devserver --silo=region --celery-beat --workers --ingest
  devserver --silo=control,region --workers 127.0.0.1:9000
  devserver plan --silo=region --workers";

/// The command line as clap has it. Without a configuration: the fixed arguments alone.
pub fn command(config: Option<&Config>) -> Command {
    let about = "Runs every process of a multi-silo app: one supervisor, one stream of logs, one Ctrl-C";
    let mut command = Command::new("devserver")
        .about(about)
        .version(env!("CARGO_PKG_VERSION"))
        .override_usage("devserver [FLAGS] [ADDRESS]\n       devserver COMMAND …")
        .after_help(format!("{EXAMPLES}\n\n{}", Exit::TABLE))
        .styles(Styles::styled())
        .disable_help_subcommand(true)
        .subcommand_help_heading("Commands")
        .subcommand_value_name("COMMAND")
        .args_conflicts_with_subcommands(true);
    command = with_run_args(command, config);
    command = command
        .arg(
            switch("detach", "Start in the background, and return when all is up or has failed")
                .short('d')
                .help_heading(HEAD),
        )
        .arg(switch("detached", "The one in the background").hide(true));
    for arg in look_args() {
        command = command.arg(arg);
    }
    let plan = with_run_args(Command::new("plan").about("Print what would run, and why the rest doesn't"), config)
        .override_usage("devserver plan [--json] [--env NAME [--reveal]] [--preflight] [FLAGS] [ADDRESS]")
        .arg(switch("json", "Print everything as one JSON object"))
        .arg(
            Arg::new("env")
                .long("env")
                .value_name("NAME")
                .help("Print the environment of one process, with who set each variable"),
        )
        .arg(switch("reveal", "With --env: print secrets as they are").requires("env"))
        .arg(switch("preflight", "Also look for programs, ports and checks, as a start would"))
        .after_help("Example:\n  devserver plan --silo=region --workers --env region.server");
    let config_command = Command::new("config")
        .about("Check the configuration, print it merged, print its schema")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(with_config_args(Command::new("check").about("Validate it without running anything")))
        .subcommand(
            with_config_args(Command::new("show").about("Print it with all layers merged"))
                .arg(switch("origin", "Say for each value where it comes from")),
        )
        .subcommand(Command::new("schema").about("Print its JSON Schema, for editors"));
    command
        .subcommand(plan)
        .subcommand(environ::command(with_run_args(Command::new("env"), config)))
        .subcommand(run::command(with_run_args(Command::new("run"), config)))
        .subcommand(with_config_args(open::command()))
        .subcommand(config_command)
        .subcommand(with_config_args(logs::command()))
        .subcommands(control::commands())
        .subcommand(db::command(|command| with_run_args(command, config.map(db::reduced).as_ref())))
        .subcommand(init::command())
        .subcommand(import::command())
}

pub(super) fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn with_config_args(command: Command) -> Command {
    command
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .help_heading(HEAD)
                .help("Use this devserver.toml, or the one in this folder"),
        )
        .arg(
            Arg::new("set")
                .long("set")
                .value_name("NAME=VALUE")
                .action(ArgAction::Append)
                .help_heading(HEAD)
                .help("Set a setting of the configuration for this run"),
        )
        .arg(
            Arg::new("color")
                .long("color")
                .alias("colour")
                .value_name("WHEN")
                .value_parser(["auto", "always", "never"])
                .help_heading(HEAD)
                .help("Use colours: on a terminal, always or never"),
        )
}

fn look_args() -> Vec<Arg> {
    let names = |name: &'static str, help: &'static str| {
        let arg = Arg::new(name).long(name).value_name("NAME").action(ArgAction::Append).value_delimiter(',');
        arg.help(help).help_heading(HEAD)
    };
    let only = names("only", "Show the lines of these processes only; several with commas");
    let hide = names("hide", "Don't show the lines of these processes");
    let grep = Arg::new("grep").long("grep").value_name("REGEX").help("Show only lines that match").help_heading(HEAD);
    let prefix = switch("prefix", "Begin each line with its process").overrides_with("no-prefix").hide(true);
    let no_prefix =
        switch("no-prefix", "Print lines bare: no time, no name").overrides_with("prefix").help_heading(HEAD);
    let pretty = switch("pretty", "Make lines easy to read, as on a terminal").overrides_with("no-pretty");
    let no_pretty = switch("no-pretty", "Print lines as they are").overrides_with("pretty");
    let json =
        switch("json", "Print one JSON object for each line and each event").conflicts_with_all(["plain", "pretty"]);
    let plain = switch("plain", "No colours, nothing pretty").overrides_with("pretty");
    let look = [plain, pretty, no_pretty, json].map(|arg| arg.help_heading(HEAD));
    [only, hide, logs::level_arg().help_heading(HEAD), grep]
        .into_iter()
        .chain(look)
        .chain([prefix, no_prefix])
        .collect()
}

/// What a start and a plan have in common.
fn with_run_args(command: Command, config: Option<&Config>) -> Command {
    let address = Arg::new("ADDRESS").value_name("ADDRESS").help(match config {
        Some(config) => format!(
            "HOST:PORT of the first port; {}:{} if not given, or what DEVSERVER_BIND says",
            config.bind.host, config.bind.port
        ),
        None => "HOST:PORT of the first port".to_owned(),
    });
    let silos = config
        .map(|config| format!(" ({})", config.silos.keys().map(|silo| silo.as_str()).collect::<Vec<_>>().join(", ")));
    let silo = Arg::new("silo")
        .long("silo")
        .value_name("SILO")
        .action(ArgAction::Append)
        .value_delimiter(',')
        .help(format!("Start this silo{}; several with commas, or `all`", silos.unwrap_or_default()));
    let from = Arg::new("exit-code-from")
        .long("exit-code-from")
        .value_name("PROCESS")
        .overrides_with("exit-code-from")
        .help_heading(HEAD)
        .help("End when this process ends, and exit with its code");
    let mut command = command.arg(address).arg(silo).arg(from);
    for (name, flag) in config.into_iter().flat_map(|config| &config.flags) {
        for arg in declared(name, flag) {
            command = command.arg(arg);
        }
    }
    with_config_args(command)
}

/// The arguments of one declared flag: two for a switch, of which the last one on the line wins.
fn declared(name: &FlagName, flag: &Flag) -> Vec<Arg> {
    let (name, off) = (name.to_string(), format!("no-{name}"));
    let heading = flag.group.clone();
    let dress = |arg: Arg, help: &str| match &heading {
        Some(heading) => arg.help(help.to_owned()).help_heading(heading.clone()),
        None => arg.help(help.to_owned()),
    };
    let help = flag.help.clone().unwrap_or_default();
    if let Some(placeholder) = &flag.placeholder {
        let mut text = help;
        if !flag.choices.is_empty() {
            text = format!("{text} ({})", flag.choices.join(", "));
        }
        if let FlagValue::Text(default) = &flag.default
            && !default.is_empty()
        {
            text = format!("{text}; {default} if not given");
        }
        let arg = Arg::new(name.clone()).long(name).value_name(placeholder.clone());
        let arg = if let Some(short) = flag.short { arg.short(short) } else { arg };
        return vec![dress(arg.action(ArgAction::Append), &text)];
    }
    let on_by_default = flag.default == FlagValue::Switch(true);
    let on = Arg::new(name.clone()).long(name.clone()).action(ArgAction::SetTrue).overrides_with(off.clone());
    let on = if let Some(short) = flag.short { on.short(short) } else { on };
    let off = Arg::new(off.clone()).long(off).action(ArgAction::SetTrue).overrides_with(name);
    let off_help = format!("Don't {}", lower_first(&help));
    vec![dress(on, &help).hide(on_by_default), dress(off, &off_help).hide(!on_by_default)]
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Reads the whole command line.
///
/// # Errors
/// When something on it is wrong; the message says the fix.
pub fn parse(args: &[String], config: &Config) -> Result<Invocation, Failure> {
    if let Some(failure) = run::no_dashes(args) {
        return Err(failure);
    }
    let matches = matches(args, Some(config))?;
    match matches.subcommand() {
        None => {
            let either = |on: &str, off: &str| match (matches.get_flag(on), matches.get_flag(off)) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                _ => None,
            };
            let names = |flag: &str| matches.get_many::<String>(flag).into_iter().flatten().cloned().collect();
            let grep = matches.get_one::<String>("grep").cloned();
            let look = Look {
                detach: matches.get_flag("detach"),
                detached: matches.get_flag("detached"),
                plain: matches.get_flag("plain"),
                pretty: either("pretty", "no-pretty"),
                level: logs::level(&matches),
                json: matches.get_flag("json"),
                prefix: either("prefix", "no-prefix"),
                only: names("only"),
                hide: names("hide"),
                grep,
            };
            Ok(Invocation::Up(choices(&matches, config, args)?, look))
        }
        Some(("plan", plan)) => {
            let view = PlanView {
                json: plan.get_flag("json"),
                env: plan.get_one::<String>("env").cloned(),
                reveal: plan.get_flag("reveal"),
                preflight: plan.get_flag("preflight"),
            };
            Ok(Invocation::Plan(choices(plan, config, args)?, view))
        }
        Some(("env", env)) => {
            let name = env.get_one::<String>("NAME").cloned().unwrap_or_default();
            let view = EnvView { name, json: env.get_flag("json"), reveal: env.get_flag("reveal") };
            Ok(Invocation::Env(choices(env, config, args)?, view))
        }
        Some(("db", db)) => {
            let (name, db) = db.subcommand().unwrap_or(("", db));
            Ok(Invocation::Db(choices(db, &db::reduced(config), args)?, db::view(name, db)))
        }
        Some(("run", run)) => Ok(Invocation::Run(choices(run, config, args)?, run::words(run))),
        Some((name, rest)) => Ok(without_config(name, rest)),
    }
}

/// The commands that need no configuration to be understood.
fn without_config(name: &str, matches: &ArgMatches) -> Invocation {
    match (name, matches.subcommand()) {
        ("config", Some(("show", show))) => Invocation::ConfigShow { origin: show.get_flag("origin") },
        ("config", Some(("schema", _))) => Invocation::ConfigSchema,
        ("config", _) => Invocation::ConfigCheck,
        ("open", _) => {
            let name = matches.get_one::<String>("NAME").cloned();
            Invocation::Open(OpenView { name, json: matches.get_flag("json"), print: matches.get_flag("print") })
        }
        ("logs", _) => Invocation::Logs(logs::view(matches)),
        ("import", _) => Invocation::Import(import::view(matches)),
        ("init", _) => Invocation::Init(init::preset(matches)),
        _ => control::view(name, matches).map_or(Invocation::Init(None), Invocation::Control),
    }
}

/// Reads a command line that doesn't need a configuration; none if it does.
///
/// # Errors
/// When something on it is wrong.
pub fn parse_fixed(args: &[String]) -> Result<Option<Invocation>, Failure> {
    let matches = matches(args, None)?;
    Ok(matches.subcommand().map(|(name, rest)| without_config(name, rest)))
}

fn matches(args: &[String], config: Option<&Config>) -> Result<ArgMatches, Failure> {
    let line = std::iter::once("devserver".to_owned()).chain(args.iter().cloned());
    command(config).try_get_matches_from(line).map_err(|error| usage(&error, args, config))
}

fn choices(matches: &ArgMatches, config: &Config, args: &[String]) -> Result<Choices, Failure> {
    let mut flags = IndexMap::new();
    for (name, flag) in &config.flags {
        let value = match flag.placeholder {
            Some(_) => {
                let given = matches.get_many::<String>(name.as_str()).into_iter().flatten().next_back();
                given.map(|text| FlagValue::Text(text.clone()))
            }
            None if matches.get_flag(name.as_str()) => Some(FlagValue::Switch(true)),
            None if matches.get_flag(&format!("no-{name}")) => Some(FlagValue::Switch(false)),
            None => None,
        };
        flags.extend(value.map(|value| (name.clone(), value)));
    }
    let given: Vec<&String> = matches.get_many::<String>("silo").into_iter().flatten().collect();
    let silos = given.iter().map(|silo| silo.trim().to_owned()).filter(|silo| !silo.is_empty());
    let silos: Vec<String> = silos.collect();
    if silos.is_empty() && !given.is_empty() {
        return Err(Failure::new(Exit::Usage, "--silo needs a value", "write it as --silo=SILO".to_owned()));
    }
    let address = matches.get_one::<String>("ADDRESS").map(|text| address(text, args)).transpose()?;
    let exit_code_from = matches.get_one::<String>("exit-code-from").cloned();
    Ok(Choices { silos, flags, exit_code_from, address })
}
