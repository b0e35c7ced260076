//! The configuration file as data: every key, what it takes, and a sentence on what it is for.
//!
//! One description serves three: the check of a file, its JSON Schema, and the test that docs/config.md
//! has an entry for each key.

use crate::model::{Level, LogKind};

use super::database::DATABASE;

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Any string.
    Text,
    /// A string in which `{{ … }}` is filled in.
    Template,
    /// A string that is an expression.
    Expression,
    /// An expression, or a whole number.
    PortExpression,
    /// `true` or `false`.
    Truth,
    /// A whole number from the first to the second.
    Number(i64, i64),
    /// A duration: `500ms`, `10s`.
    Duration,
    /// A size: `10MB`.
    Size,
    /// A name of ours.
    Name,
    /// One letter or digit.
    Letter,
    /// A regular expression.
    Regex,
    /// A signal's name: `TERM`.
    Signal,
    /// One of these.
    Choice(&'static [&'static str]),
    /// A string or a whole number, as text with `{{ … }}` filled in.
    Value,
    /// A string, number, or `true` or `false`, as it stands.
    Scalar,
    /// Whatever it is.
    Anything,
    /// A list of these.
    List(&'static Shape),
    /// Tables, `[[like.this]]`, that add up over the layers.
    Blocks(&'static Record),
    /// A table whose keys are names that the user chooses.
    Map(&'static Map),
    /// A table with these keys.
    Table(&'static Record),
    /// One of these, told apart by the kind of value: a string, a list, a table.
    Either(&'static [Shape]),
}

/// A table whose keys are names that the user chooses.
#[derive(Debug)]
pub struct Map {
    /// What one entry is called: `service`.
    pub noun: &'static str,
    /// The alphabet of its keys.
    pub keys: Keys,
    /// What each value must be.
    pub of: Shape,
}

/// The alphabet of keys that the user chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// Lowercase letters, digits, `-` and `_`.
    Names,
    /// The same without `-`, since expressions use them.
    Identifiers,
    /// A service, or a silo's: `server`, `control.server`.
    Targets,
    /// The names of environment variables.
    Variables,
}

/// A table with fixed keys.
#[derive(Debug)]
pub struct Record {
    /// What it is called: `service`.
    pub noun: &'static str,
    /// Its keys.
    pub fields: &'static [Field],
}

/// One key of a table.
#[derive(Debug)]
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// What it takes.
    pub shape: Shape,
    /// Whether it must be there, once all layers are merged.
    pub required: bool,
    /// A sentence on what it is for.
    pub help: &'static str,
}

pub(super) const fn field(key: &'static str, shape: Shape, help: &'static str) -> Field {
    Field { key, shape, required: false, help }
}

pub(super) const fn required(key: &'static str, shape: Shape, help: &'static str) -> Field {
    Field { key, shape, required: true, help }
}

const WORDS: Shape = Shape::List(&Shape::Text);
const NAMES: Shape = Shape::List(&Shape::Name);
const TEMPLATES: Shape = Shape::List(&Shape::Template);
const SCALARS: Shape = Shape::Map(&Map { noun: "value", keys: Keys::Names, of: Shape::Scalar });
const VARS: Shape = Shape::Map(&Map { noun: "value", keys: Keys::Identifiers, of: Shape::Scalar });
const VARIABLES: Shape = Shape::Map(&Map { noun: "variable", keys: Keys::Variables, of: Shape::Value });

/// The whole file.
pub static ROOT: Record = Record {
    noun: "the file",
    fields: &[
        field("schema", Shape::Number(1, 1), "The version of this format: 1."),
        field("preset", Shape::Name, "A built-in configuration that lies below this one."),
        field("project", Shape::Table(&PROJECT), "The project itself."),
        field("bind", Shape::Table(&BIND), "Where the first port is; ADDRESS overrides it."),
        field(
            "setting",
            Shape::Map(&Map { noun: "setting", keys: Keys::Identifiers, of: SETTING }),
            "Facts about the application that no flag carries; `--set NAME=VALUE` changes one for a run.",
        ),
        field(
            "flag",
            Shape::Map(&Map { noun: "flag", keys: Keys::Names, of: Shape::Table(&FLAG) }),
            "Switches of the command line: each becomes `--NAME` and `--no-NAME`, or `--NAME=VALUE`.",
        ),
        field(
            "ports",
            Shape::Map(&Map { noun: "port", keys: Keys::Identifiers, of: Shape::PortExpression }),
            "Named ports, worked out for every silo, selected or not. One that is called as a silo is that silo's.",
        ),
        field(
            "silo",
            Shape::Map(&Map { noun: "silo", keys: Keys::Names, of: Shape::Table(&SILO) }),
            "Slices of a deployment, each with its own mode, port and database.",
        ),
        field("env", Shape::Blocks(&ENV), "Blocks of environment variables, applied in order; a later one wins."),
        field(
            "list",
            Shape::Map(&Map { noun: "list", keys: Keys::Identifiers, of: Shape::Blocks(&LIST) }),
            "Named lists made of conditional parts, over which a service can be repeated.",
        ),
        field("service-defaults", Shape::Table(&DEFAULTS), "What a service has that doesn't say otherwise."),
        field(
            "service",
            Shape::Map(&Map { noun: "service", keys: Keys::Names, of: Shape::Table(&SERVICE) }),
            "What may run. A service in a silo is a process.",
        ),
        field(
            "render",
            Shape::Map(&Map { noun: "render", keys: Keys::Identifiers, of: Shape::Table(&RENDER) }),
            "Files made from templates before the first spawn; `render.NAME` is the path of one.",
        ),
        field("check", Shape::Blocks(&CHECK), "What must be true before anything starts."),
        field("notice", Shape::Blocks(&NOTICE), "What is said once at the start."),
        field("database", Shape::Table(&DATABASE), "Where the silos' databases are, for `devserver db`."),
        field("log", Shape::Table(&LOG), "How the stream of logs looks."),
    ],
};

static PROJECT: Record = Record {
    noun: "the project",
    fields: &[
        field("name", Shape::Text, "What it is called; the folder's name if not given."),
        field("root", Shape::Text, "The working directory of every process, relative to this file."),
        field("silos", NAMES, "What runs when no `--silo` is given."),
        field("recognised-by", WORDS, "Files that tell a checkout of this project where it has no devserver.toml."),
    ],
};

static BIND: Record = Record {
    noun: "the bind address",
    fields: &[
        field("host", Shape::Text, "The host: 127.0.0.1 if not given."),
        field("port", Shape::Number(1, 65535), "The port: 8000 if not given."),
        field("variables", WORDS, "Environment variables that give ADDRESS, after DEVSERVER_BIND."),
    ],
};

const SETTING: Shape = Shape::Either(&[Shape::Scalar, Shape::List(&Shape::Scalar), Shape::Table(&SETTING_TABLE)]);

static SETTING_TABLE: Record = Record {
    noun: "setting",
    fields: &[
        required(
            "default",
            Shape::Either(&[Shape::Scalar, Shape::List(&Shape::Scalar)]),
            "Its value where nobody sets it; its kind is the setting's kind.",
        ),
        field("choices", Shape::List(&Shape::Scalar), "The only values that it can have."),
        field("help", Shape::Text, "What it is."),
    ],
};

static FLAG: Record = Record {
    noun: "flag",
    fields: &[
        field("help", Shape::Text, "What `--help` says."),
        field("group", Shape::Text, "The heading under which `--help` has it."),
        field("default", Shape::Either(&[Shape::Truth, Shape::Text]), "What it is where nobody gives it."),
        field("value", Shape::Text, "It takes a value, and this is what `--help` calls it."),
        field("short", Shape::Letter, "One letter: `-l`."),
        field("choices", WORDS, "The only values that it takes, in any case of letters."),
        field("pattern", Shape::Regex, "What its value must match."),
        field("example", Shape::Text, "A good value, for the message about a bad one."),
        field("variables", WORDS, "Environment variables that give its value."),
        field("implies", NAMES, "Switches that it turns on too."),
        field("requires", NAMES, "Flags that must be given with it."),
    ],
};

static SILO: Record = Record {
    noun: "silo",
    fields: &[
        field("help", Shape::Text, "What it is."),
        field("extends", Shape::Name, "A silo that it is another one of: what isn't said here is as there."),
        field("prefix", Shape::Text, "Put before its processes' names; its own name if not given, `\"\"` for none."),
        field("port", Shape::PortExpression, "Its port; the same as an entry of its name under `[ports]`."),
        field("exclusive", Shape::Truth, "It runs instead of the others, not beside them; `--silo=all` leaves it out."),
        field("autostart", Shape::Truth, "Whether `--silo=KIND` means it too; true if not given."),
        field("defaults", SCALARS, "Flags that have another default here."),
        field("force", SCALARS, "Flags that are always so here, whatever is given."),
        field("vars", VARS, "Values of its own: `silo.NAME` in expressions."),
        field("env", VARIABLES, "Its environment variables, applied after the blocks."),
    ],
};

static ENV: Record = Record {
    noun: "environment block",
    fields: &[
        field("when", Shape::Expression, "It applies where this holds."),
        field("silos", NAMES, "It applies in these silos only, and in those that extend them."),
        field("services", NAMES, "It applies to these services only."),
        field("except", NAMES, "It doesn't apply to these services."),
        field("set", VARIABLES, "Variables that are set, whatever they were."),
        field("default", VARIABLES, "Variables that are set unless the inherited environment has them."),
        field("unset", WORDS, "Variables of the inherited environment that are taken away."),
        field("path", TEMPLATES, "Folders that come first on PATH, relative to the project."),
    ],
};

static LIST: Record = Record {
    noun: "part of a list",
    fields: &[
        field("when", Shape::Expression, "It counts where this holds."),
        field("silos", NAMES, "It counts in these silos only, and in those that extend them."),
        field("items", Shape::List(&ITEM), "Names, or tables with a `name`."),
        field("from", Shape::Expression, "An expression that gives more items: a setting that is a list."),
    ],
};

const ITEM: Shape = Shape::Either(&[Shape::Text, Shape::Anything]);

const COMMAND: Shape = Shape::Either(&[Shape::Template, TEMPLATES]);
const STOP: Shape = Shape::Either(&[Shape::Table(&RUNG), Shape::List(&Shape::Table(&RUNG))]);
const RESTART: Shape = Shape::Choice(&["never", "on-failure", "always"]);

static DEFAULTS: Record = Record {
    noun: "the service defaults",
    fields: &[
        field("pty", Shape::Truth, "Whether a service gets a terminal (colours, pdb) rather than pipes."),
        field("restart", RESTART, "After which ends a service is started again."),
        field("backoff", Shape::Table(&BACKOFF), "How long to wait before starting again."),
        field("stop", STOP, "How a service is stopped."),
        field("timeout", Shape::Duration, "How long a service with probes may take to be ready."),
    ],
};

static SERVICE: Record = Record {
    noun: "service",
    fields: &[
        field("help", Shape::Text, "What it is."),
        required("command", COMMAND, "What to run: a list as it stands, or a shell line."),
        field("silos", NAMES, "It runs in these silos only, and in those that extend them; in all if not given."),
        field("when", Shape::Expression, "It runs where this holds."),
        field("shared", Shape::Truth, "One process for all silos of a run, named without a silo."),
        field(
            "each",
            Shape::Either(&[Shape::Text, Shape::List(&ITEM)]),
            "One process an item, named after it: a list's name, or the items.",
        ),
        field("cwd", Shape::Template, "Its working directory, relative to the project."),
        field("env", VARIABLES, "Its environment variables, applied last."),
        field("port", Shape::PortExpression, "The port on which it listens."),
        field("url", Shape::Template, "Where a person finds it."),
        field("depends_on", Shape::Either(&[WORDS, Shape::Map(&DEPENDS)]), "Who must be ready before it starts."),
        field("ready", Shape::Table(&READY), "How it is known to be ready; everything given must pass."),
        field("stop", STOP, "How it is stopped: one rung, or a list of them; KILL always follows."),
        field("restart", RESTART, "After which ends it is started again."),
        field("backoff", Shape::Table(&BACKOFF), "How long to wait before starting it again."),
        field("pty", Shape::Truth, "Whether it gets a terminal (colours, pdb) rather than pipes."),
        field("oneshot", Shape::Truth, "It sets something up and ends; dependents wait for its success."),
        field("creates", TEMPLATES, "What a oneshot leaves behind; it runs when one of these is missing."),
        field("inputs", TEMPLATES, "Files (patterns) that a oneshot is made from; it runs again when they change."),
        field("input_variables", WORDS, "Environment variables that a oneshot's result depends on, as its inputs."),
        field("exit_on_end", Shape::Truth, "Its end is the end of the run, with its exit code."),
        field(
            "database",
            Shape::Truth,
            "It uses its silo's database: a start says when that isn't there or not split.",
        ),
        field("log", Shape::Table(&SERVICE_LOG), "How its lines are shown."),
    ],
};

static SERVICE_LOG: Record = Record {
    noun: "a service's log",
    fields: &[
        field(
            "show",
            Shape::Truth,
            "Whether its lines are shown; they are stored all the same, and `--only` shows them.",
        ),
        field("pattern", PATTERNS, "Patterns of its lines, before those of all; one of the same name takes its place."),
    ],
};

const PATTERNS: Shape =
    Shape::Map(&Map { noun: "pattern", keys: Keys::Names, of: Shape::Either(&[Shape::Truth, Shape::Table(&PATTERN)]) });

static PATTERN: Record = Record {
    noun: "pattern",
    fields: &[
        required("kind", Shape::Choice(&LogKind::NAMES), "What a line is that matches."),
        required(
            "match",
            Shape::Regex,
            "Matches the line without its escape sequences. Groups: `level`, or `method` and `status`.",
        ),
        field("level", LEVEL, "How much such a line matters, where it has no group for that."),
        field(
            "within",
            Shape::Regex,
            "In a traceback: lines that belong to it; those that begin with a blank, if not given.",
        ),
        field("last", Shape::Regex, "In a traceback: a line that is its last one, and doesn't match `within`."),
        field("joins", Shape::Regex, "In a traceback: lines between its last one and another that came of it."),
        field("dim", Shape::Regex, "In a traceback: lines about the code of others, shown dim."),
    ],
};

const LEVEL: Shape = Shape::Choice(&Level::NAMES);

static DEPENDS: Map =
    Map { noun: "dependency", keys: Keys::Targets, of: Shape::Choice(&["started", "ready", "succeeded", "bound"]) };

static READY: Record = Record {
    noun: "readiness",
    fields: &[
        field("tcp", Shape::Template, "`HOST:PORT` on which it listens."),
        field("http", Shape::Template, "A URL that answers with 2xx or 3xx."),
        field("status", Shape::Number(100, 599), "The one status that the URL must answer with."),
        field("exec", COMMAND, "A command that ends with 0."),
        field("log", Shape::Regex, "A pattern that a line of its output matches."),
        field("delay", Shape::Duration, "Time that must have passed since it was started."),
        field("timeout", Shape::Duration, "How long it may take; 1m if not given."),
        field("interval", Shape::Duration, "Time between two tries; 200ms if not given."),
        field("owner", Shape::Choice(&["own", "any"]), "Whose the listener must be: its `own`, or `any`body's."),
        field("notify", Shape::Truth, "It says `READY=1` at `$NOTIFY_SOCKET`, as systemd has it."),
        field("liveness", Shape::Truth, "Start it again when its probes fail after it was ready; else that is shown."),
        field("failures", Shape::Number(1, 1000), "After so many failures in a row, with `liveness`; 3 if not given."),
        field("health_interval", Shape::Duration, "Time between two looks once it is ready; 10s if not given."),
    ],
};

static RUNG: Record = Record {
    noun: "rung of a stop ladder",
    fields: &[
        field(
            "command",
            COMMAND,
            "Instead of a signal, as the first rung: a command that ends it; `$MAINPID` is its pid.",
        ),
        field("signal", Shape::Signal, "What is sent; TERM if not given."),
        field("to", Shape::Choice(&["group", "main"]), "Its whole process group, or its main process alone."),
        field("timeout", Shape::Duration, "How long to wait before the next rung; 10s if not given."),
    ],
};

static BACKOFF: Record = Record {
    noun: "backoff",
    fields: &[
        field("min", Shape::Duration, "The first delay; it doubles each time."),
        field("max", Shape::Duration, "The longest delay."),
        field("reset_after", Shape::Duration, "Ready for this long, the count starts anew."),
        field(
            "give_up_after",
            Shape::Number(1, 1000),
            "After so many runs in a row that ended early it is left alone.",
        ),
    ],
};

static RENDER: Record = Record {
    noun: "render",
    fields: &[
        required("template", Shape::Text, "The template's file, relative to the project."),
        field("path", Shape::Template, "Where the result goes; `.devserver/render/FILE` if not given."),
        field("when", Shape::Expression, "It is made where this holds."),
    ],
};

static CHECK: Record = Record {
    noun: "check",
    fields: &[
        field(
            "when",
            Shape::Expression,
            "It is made where this holds; with nothing to try, this is the trouble itself.",
        ),
        field("silos", NAMES, "It is made for these silos only, and those that extend them."),
        field("tcp", Shape::Template, "`HOST:PORT` at which somebody must listen."),
        field("command", COMMAND, "A command that must end with 0 within ten seconds."),
        field("exists", Shape::Template, "A file or folder that must be there."),
        required("message", Shape::Template, "What is said when it fails."),
        field("hint", Shape::Template, "What to do then."),
    ],
};

static NOTICE: Record = Record {
    noun: "notice",
    fields: &[
        field("when", Shape::Expression, "It is said where this holds."),
        field("silos", NAMES, "It is said for these silos only, and those that extend them."),
        required("text", Shape::Template, "What is said."),
    ],
};

static LOG: Record = Record {
    noun: "the log",
    fields: &[
        field("prefix", Shape::Truth, "Whether lines begin with a name; `--no-prefix` turns it off."),
        field("timestamps", Shape::Truth, "Whether lines begin with the time."),
        field(
            "pretty",
            Shape::Truth,
            "Whether lines are made easy to read: levels, requests, tracebacks, repeated lines.",
        ),
        field("pattern", PATTERNS, "Lines that mean something, by name; `false` takes a built-in one away."),
        field(
            "level",
            Shape::Map(&Map { noun: "word for a level", keys: Keys::Names, of: LEVEL }),
            "What the words for levels mean that patterns find, beside those that are built in.",
        ),
        field("store", Shape::Truth, "Whether lines are stored, in `.devserver/logs`; they are if not given."),
        field("max_size", Shape::Size, "How big a stored file may be before the next one is begun; 10MB if not given."),
        field("max_total", Shape::Size, "How big all stored files may be together; 200MB if not given."),
        field(
            "mask",
            Shape::List(&Shape::Regex),
            "What is shown and stored as `••••`, beside the values of variables whose names have a segment SECRET, \
             TOKEN, PASSWORD, KEY, DSN or CREDENTIAL.",
        ),
    ],
};
