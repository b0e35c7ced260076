//! The command line of `devserver db`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::config::Config;
use crate::database::Strategy;
use crate::model::FlagName;

/// Arguments of our own: a flag of the project that is called so can't be given here.
const OWN: &[&str] =
    &["url", "yes", "database", "reset", "region", "legacy-region-name", "dry-run", "strategy", "pg-bin"];

/// What is to be done.
#[derive(Debug, Clone)]
pub enum What {
    /// Make the databases.
    Create,
    /// Drop them.
    Drop,
    /// Split the monolith's.
    Split(SplitView),
    /// Say whether they are as they should be.
    Check,
    /// Remove what splits have left.
    Clean,
}

/// The arguments of a split.
#[derive(Debug, Clone)]
pub struct SplitView {
    /// `--database`.
    pub source: Option<String>,
    /// `--reset`.
    pub reset: bool,
    /// `--region`.
    pub region: Option<String>,
    /// `--legacy-region-name`.
    pub legacy_region: Option<String>,
    /// `--dry-run`.
    pub dry_run: bool,
    /// `--strategy`.
    pub strategy: Strategy,
    /// `--pg-bin`.
    pub programs: Option<PathBuf>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct DbView {
    /// What is to be done.
    pub what: What,
    /// `--url`.
    pub url: Option<String>,
    /// `--yes`.
    pub yes: bool,
    /// `--verbose`.
    pub verbose: bool,
    /// `--json`.
    pub json: bool,
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn value(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

/// The configuration as this command sees it: without flags that are called as arguments of ours.
pub fn reduced(config: &Config) -> Config {
    let mut config = config.clone();
    config.flags.retain(|name: &FlagName, _| !OWN.contains(&name.as_str()));
    config
}

/// The command as clap has it; `with` adds what every start takes.
pub fn command(with: impl Fn(Command) -> Command) -> Command {
    let one = |name: &'static str, about: &'static str| {
        let command = with(Command::new(name).about(about));
        let command = command.mut_arg("silo", |arg| arg.hide(true)).mut_arg("exit-code-from", |arg| arg.hide(true));
        command.arg(value(
            "url",
            "URL",
            "Where the server is: postgres://USER@HOST:PORT; `url` under [database] if not given",
        ))
    };
    let yes = || switch("yes", "Don't ask").short('y');
    let split = one("split", "Split the monolith's database into those of the silos")
        .arg(value("database", "NAME", "The database to split; it is only ever read"))
        .arg(switch("reset", "Replace what is there; it is kept as NAME__before_TIME"))
        .arg(value("region", "NAME", "The region that gets the rows; the others get the tables"))
        .arg(
            value(
                "legacy-region-name",
                "NAME",
                "The region's name that the monolith writes; --monolith-- if not given",
            )
            .allow_hyphen_values(true),
        )
        .arg(switch("verbose", "Say more"))
        .arg(switch("dry-run", "Say what would be done, and do nothing"))
        .arg(
            value(
                "strategy",
                "HOW",
                "clone: the whole inside the server; copy: table by table; auto: what is possible",
            )
            .value_parser(PossibleValuesParser::new(["auto", "clone", "copy"])),
        )
        .arg(value("pg-bin", "DIR", "The folder of pg_dump"))
        .after_help("Examples:\n  devserver db split\n  devserver db split --reset --region=us --verbose");
    Command::new("db")
        .about("Make, split and check the silos' databases")
        .subcommand_required(true)
        .disable_help_subcommand(true)
        .subcommand(one("create", "Make the databases of the monolith and of every silo, where they aren't there"))
        .subcommand(one("drop", "Drop them, after a question").arg(yes()))
        .subcommand(split)
        .subcommand(one("check", "Say whether they are there, split and migrated alike").arg(switch("json", "As JSON")))
        .subcommand(one("clean", "Remove what splits have left behind or kept, after a question").arg(yes()))
        .after_help("Walk-through: docs/database.md")
}

/// Reads the arguments of one of its commands.
pub fn view(name: &str, matches: &ArgMatches) -> DbView {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let has = |name: &str| matches.try_get_one::<bool>(name).ok().flatten().copied().unwrap_or(false);
    let what = match name {
        "create" => What::Create,
        "drop" => What::Drop,
        "check" => What::Check,
        "clean" => What::Clean,
        _ => What::Split(SplitView {
            source: text("database"),
            reset: has("reset"),
            region: text("region"),
            legacy_region: text("legacy-region-name"),
            dry_run: has("dry-run"),
            strategy: match text("strategy").as_deref() {
                Some("clone") => Strategy::Clone,
                Some("copy") => Strategy::Copy,
                _ => Strategy::Auto,
            },
            programs: text("pg-bin").map(PathBuf::from),
        }),
    };
    DbView { what, url: text("url"), yes: has("yes"), verbose: has("verbose"), json: has("json") }
}
