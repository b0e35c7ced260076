//! The file one to one, as types: what was written, with every expression still an expression.

use std::time::Duration;

use indexmap::IndexMap;

use crate::model::{Condition, FlagName, Level, LogRule, Owner, RestartWhen, Rung, ServiceName, SiloName};

use super::database::Database;
use super::expr::{Expr, Template};
use super::source::{Origin, Sources};
use super::value::Table;

/// A whole configuration, all layers merged.
#[derive(Debug, Clone)]
pub struct Config {
    /// The texts it was read from.
    pub sources: Sources,
    /// The merged tree, for `config show`.
    pub merged: Table,
    /// The preset below it, if any.
    pub preset: Option<String>,
    /// The project itself.
    pub project: Project,
    /// Where the first port is.
    pub bind: BindDefault,
    /// Facts about the application.
    pub settings: IndexMap<String, Setting>,
    /// Switches of the command line.
    pub flags: IndexMap<FlagName, Flag>,
    /// Named ports.
    pub ports: IndexMap<String, Expr>,
    /// Slices of the deployment.
    pub silos: IndexMap<SiloName, Silo>,
    /// Blocks of environment variables.
    pub env: Vec<EnvBlock>,
    /// Named lists.
    pub lists: IndexMap<String, Vec<ListPart>>,
    /// What may run.
    pub services: IndexMap<ServiceName, Service>,
    /// Files made from templates.
    pub renders: IndexMap<String, Render>,
    /// What must be true.
    pub checks: Vec<Check>,
    /// What is said once.
    pub notices: Vec<Notice>,
    /// Where the silos' databases are.
    pub database: Option<Database>,
    /// How the stream looks.
    pub log: Log,
}

/// A name that refers to something declared elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference<N> {
    /// The name.
    pub name: N,
    /// Where it stands.
    pub origin: Origin,
}

/// `[project]`.
#[derive(Debug, Clone, Default)]
pub struct Project {
    /// What it is called.
    pub name: Option<String>,
    /// The working directory of every process, relative to the file.
    pub root: String,
    /// What runs when no `--silo` is given.
    pub silos: Vec<Reference<SiloName>>,
    /// Files that tell a checkout of it.
    pub recognised_by: Vec<String>,
}

/// `[bind]`.
#[derive(Debug, Clone)]
pub struct BindDefault {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Environment variables that give ADDRESS.
    pub variables: Vec<String>,
}

/// `[setting]`: one of them.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Its value, as data.
    pub value: serde_json::Value,
    /// Where that is set.
    pub origin: Origin,
    /// The only values that it can have; all if empty.
    pub choices: Vec<serde_json::Value>,
    /// What it is.
    pub help: Option<String>,
}

/// `[flag.NAME]`.
#[derive(Debug, Clone)]
pub struct Flag {
    /// What `--help` says.
    pub help: Option<String>,
    /// The heading under which `--help` has it.
    pub group: Option<String>,
    /// What it is where nobody gives it.
    pub default: FlagValue,
    /// What `--help` calls its value; none for a switch.
    pub placeholder: Option<String>,
    /// One letter.
    pub short: Option<char>,
    /// The only values that it takes; all if empty.
    pub choices: Vec<String>,
    /// What its value must match.
    pub pattern: Option<String>,
    /// A good value.
    pub example: Option<String>,
    /// Environment variables that give its value.
    pub variables: Vec<String>,
    /// Switches that it turns on too.
    pub implies: Vec<Reference<FlagName>>,
    /// Flags that must be given with it.
    pub requires: Vec<Reference<FlagName>>,
    /// Where it is declared.
    pub origin: Origin,
}

/// What a flag is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlagValue {
    /// On or off.
    Switch(bool),
    /// Its value; empty where it isn't given.
    Text(String),
}

impl FlagValue {
    /// The value as data for expressions.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Switch(on) => (*on).into(),
            Self::Text(text) => text.clone().into(),
        }
    }
}

/// `[silo.NAME]`, with what it extends already taken in.
#[derive(Debug, Clone)]
pub struct Silo {
    /// What it is.
    pub help: Option<String>,
    /// The silo at the root of what it extends; itself if it extends none.
    pub kind: SiloName,
    /// It and every silo that it extends, by way of others too.
    pub is_a: Vec<SiloName>,
    /// Put before its processes' names; empty for none.
    pub prefix: String,
    /// It runs instead of the others.
    pub exclusive: bool,
    /// Whether `--silo=KIND` means it too.
    pub autostart: bool,
    /// Flags that have another default here.
    pub defaults: IndexMap<String, (serde_json::Value, Origin)>,
    /// Flags that are always so here.
    pub force: IndexMap<String, (serde_json::Value, Origin)>,
    /// Values of its own.
    pub vars: IndexMap<String, serde_json::Value>,
    /// Its environment variables.
    pub env: IndexMap<String, Template>,
}

/// Which silos something is for: all, or these and those that extend them.
pub type InSilos = Option<Vec<Reference<SiloName>>>;

impl Silo {
    /// Whether something for these silos is for this one.
    pub fn is_among(&self, silos: &InSilos) -> bool {
        silos.as_ref().is_none_or(|silos| silos.iter().any(|silo| self.is_a.contains(&silo.name)))
    }
}

/// `[[env]]`.
#[derive(Debug, Clone)]
pub struct EnvBlock {
    /// Where it applies.
    pub when: Option<Expr>,
    /// In which silos.
    pub silos: InSilos,
    /// To which services; all if none are named.
    pub services: Vec<Reference<ServiceName>>,
    /// To which it doesn't.
    pub except: Vec<Reference<ServiceName>>,
    /// Variables that are set.
    pub set: IndexMap<String, Template>,
    /// Variables that are set unless inherited.
    pub default: IndexMap<String, Template>,
    /// Variables that are taken away.
    pub unset: Vec<String>,
    /// Folders that come first on PATH.
    pub path: Vec<Template>,
}

/// `[[list.NAME]]`: a part of a list.
#[derive(Debug, Clone)]
pub struct ListPart {
    /// Where it counts.
    pub when: Option<Expr>,
    /// In which silos.
    pub silos: InSilos,
    /// Names, or tables with a `name`.
    pub items: Vec<serde_json::Value>,
    /// An expression that gives more.
    pub from: Option<Expr>,
}

/// `[service.NAME]`.
#[derive(Debug, Clone)]
pub struct Service {
    /// What it is.
    pub help: Option<String>,
    /// What to run.
    pub command: Command,
    /// In which silos.
    pub silos: InSilos,
    /// Where.
    pub when: Option<Expr>,
    /// One process for all silos of a run.
    pub shared: bool,
    /// One process an item.
    pub each: Option<Each>,
    /// Its working directory.
    pub cwd: Option<Template>,
    /// Its environment variables.
    pub env: IndexMap<String, Template>,
    /// The port on which it listens.
    pub port: Option<Expr>,
    /// Where a person finds it.
    pub url: Option<Template>,
    /// Who must be there first: `server`, `control.server`.
    pub depends_on: Vec<(Reference<String>, Condition)>,
    /// How it is known to be ready.
    pub ready: Ready,
    /// How it is stopped.
    pub stop: Stop,
    /// After which ends it is started again.
    pub restart: RestartWhen,
    /// How long to wait before that.
    pub backoff: Backoff,
    /// Whether it gets a terminal.
    pub pty: bool,
    /// It sets something up and ends.
    pub oneshot: bool,
    /// What a oneshot leaves behind.
    pub creates: Vec<Template>,
    /// What it is made from.
    pub inputs: Vec<Template>,
    /// Variables that its result depends on.
    pub input_variables: Vec<String>,
    /// Its end is the end of the run.
    pub exit_on_end: bool,
    /// Whether it uses its silo's database.
    pub database: bool,
    /// Whether its lines are shown.
    pub show: bool,
    /// Its own patterns of lines, beside those of all; none takes one of those away.
    pub patterns: IndexMap<String, Option<LogRule>>,
    /// Where it is declared.
    pub origin: Origin,
}

/// A command as written.
#[derive(Debug, Clone)]
pub enum Command {
    /// The program and its arguments, as they stand.
    Words(Vec<Template>),
    /// A shell line.
    Line(Template),
}

/// Over what a service is repeated.
#[derive(Debug, Clone)]
pub enum Each {
    /// A named list.
    List(Reference<String>),
    /// These items.
    Items(Vec<serde_json::Value>),
}

/// `ready`.
#[derive(Debug, Clone, Default)]
pub struct Ready {
    /// `HOST:PORT`.
    pub tcp: Option<Template>,
    /// A URL.
    pub http: Option<Template>,
    /// The one status that counts.
    pub status: Option<u16>,
    /// A command.
    pub exec: Option<Command>,
    /// A pattern.
    pub log: Option<String>,
    /// Time that must have passed.
    pub delay: Option<Duration>,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// Time between two tries.
    pub interval: Option<Duration>,
    /// Whose the listener must be.
    pub owner: Owner,
    /// Whether it says itself that it is ready, at `NOTIFY_SOCKET`.
    pub notify: bool,
    /// Whether it is started again when its probes fail after it was ready.
    pub liveness: bool,
    /// After how many failed rounds in a row.
    pub failures: Option<u32>,
    /// Time between two rounds once it is ready.
    pub health_interval: Option<Duration>,
}

/// `stop`.
#[derive(Debug, Clone)]
pub struct Stop {
    /// The command that comes first, and how long it may take.
    pub command: Option<(Command, Duration)>,
    /// The signals, at least one.
    pub rungs: Vec<Rung>,
}

/// `backoff`.
#[derive(Debug, Clone)]
pub struct Backoff {
    /// The first delay.
    pub min: Duration,
    /// The longest.
    pub max: Duration,
    /// Ready for this long, the count starts anew.
    pub reset_after: Duration,
    /// After so many early ends in a row it is left alone.
    pub give_up_after: u32,
}

/// `[render.NAME]`.
#[derive(Debug, Clone)]
pub struct Render {
    /// The template's file.
    pub template: Reference<String>,
    /// Where the result goes.
    pub path: Option<Template>,
    /// Where it is made.
    pub when: Option<Expr>,
}

/// `[[check]]`.
#[derive(Debug, Clone)]
pub struct Check {
    /// Where it is made.
    pub when: Option<Expr>,
    /// For which silos.
    pub silos: InSilos,
    /// `HOST:PORT` at which somebody must listen.
    pub tcp: Option<Template>,
    /// A command that must end with 0.
    pub command: Option<Command>,
    /// A file that must be there.
    pub exists: Option<Template>,
    /// What is said when it fails.
    pub message: Template,
    /// What to do then.
    pub hint: Option<Template>,
}

/// `[[notice]]`.
#[derive(Debug, Clone)]
pub struct Notice {
    /// Where it is said.
    pub when: Option<Expr>,
    /// For which silos.
    pub silos: InSilos,
    /// What is said.
    pub text: Template,
}

/// `[log]`.
#[derive(Debug, Clone)]
pub struct Log {
    /// Whether lines begin with a name.
    pub prefix: bool,
    /// Whether lines begin with the time.
    pub timestamps: bool,
    /// Whether lines are stored.
    pub store: bool,
    /// How big a stored file may be.
    pub max_size: u64,
    /// How big all stored files may be together.
    pub max_total: u64,
    /// What of a line nobody may see, beside the values of variables whose names say so.
    pub mask: Vec<String>,
    /// Whether lines are shown so that they are easy to read; none: on a terminal.
    pub pretty: Option<bool>,
    /// The patterns of all services, in the order in which they are tried.
    pub patterns: IndexMap<String, LogRule>,
    /// What words for levels mean, in lowercase.
    pub levels: IndexMap<String, Level>,
}
