//! What a plan is made of: everything needed to run, resolved. Nothing in here is a template any more.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde::Serialize;

use crate::model::{Condition, Owner, ProcessName, RestartPolicy, ServiceName, SiloName, StopLadder};

/// What shall run.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The project's name.
    pub project: String,
    /// The project's folder; every relative path starts here.
    pub root: PathBuf,
    /// Where its first port is: `127.0.0.1:8000`.
    pub address: String,
    /// The flags it was given that move ports, as one writes them.
    pub port_flags: Vec<String>,
    /// The processes, each after what it depends on.
    pub processes: Vec<Arc<ProcessSpec>>,
    /// Why the other services don't run.
    pub absent: Vec<Absent>,
    /// Every declared silo, selected or not.
    pub silos: Vec<PlannedSilo>,
    /// Every port under `[ports]`, by name.
    pub ports: IndexMap<String, u16>,
    /// Files to write before the first spawn.
    pub files: Vec<RenderedFile>,
    /// What must be true before anything starts.
    pub checks: Vec<Check>,
    /// What is said once.
    pub notices: Vec<String>,
    /// Where the silos are that this run talks to but doesn't start.
    pub peers: Vec<Peer>,
}

/// A silo of the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedSilo {
    /// Its name.
    pub name: SiloName,
    /// The silo it extends, or itself: all regions are of the kind `region`.
    pub kind: SiloName,
    /// Its port, if it has one.
    pub port: Option<u16>,
    /// Where a person finds it.
    pub url: Option<String>,
    /// Whether this run starts it.
    pub selected: bool,
}

/// A silo that this run talks to but doesn't start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// Its name.
    pub silo: SiloName,
    /// Where it should answer: a host.
    pub host: String,
    /// And a port.
    pub port: u16,
    /// The command that starts it where this run looks for it, as one types it.
    pub start: String,
}

/// A service that doesn't run in a silo, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Absent {
    /// The silo; none for a service that all silos share.
    pub silo: Option<SiloName>,
    /// The service.
    pub service: ServiceName,
    /// A fragment: `--workers is off`.
    pub reason: String,
}

/// A file that is written before the first spawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RenderedFile {
    /// Its name under `[render]`.
    pub name: String,
    /// Where it goes.
    pub path: PathBuf,
    /// What is in it.
    pub text: String,
}

/// Something that must be true before anything starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The silo for which it is made, if it isn't made for the whole run.
    pub silo: Option<SiloName>,
    /// What is tried.
    pub test: CheckTest,
    /// What is said when it fails.
    pub message: String,
    /// What to do then.
    pub hint: Option<String>,
}

/// What a check tries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckTest {
    /// Its condition holds, and that is the trouble.
    Refused,
    /// Somebody listens at `host:port`.
    Tcp(String),
    /// The command ends with 0, in the project's folder, within ten seconds.
    Command(Vec<String>),
    /// The file or folder is there.
    Exists(PathBuf),
}

/// A service in a silo, resolved: everything about it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProcessSpec {
    /// Its name: `region.server`.
    pub name: ProcessName,
    /// Its silo; none for what all silos of the run share.
    pub silo: Option<SiloName>,
    /// The service it is made from.
    pub service: ServiceName,
    /// The item, where the service is repeated over a list.
    pub item: Option<String>,
    /// What it does when it is run once, to set something up.
    pub oneshot: Option<Oneshot>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Its working directory.
    pub cwd: PathBuf,
    /// What is added to or changed in the inherited environment, in order.
    pub env: IndexMap<String, EnvValue>,
    /// Variables of the inherited environment that it must not see.
    pub env_removed: Vec<String>,
    /// The port on which it listens.
    pub port: Option<u16>,
    /// Where a person finds it.
    pub url: Option<String>,
    /// Who must be there before it starts.
    pub depends_on: Vec<Dependency>,
    /// How it is known to be ready.
    pub ready: Readiness,
    /// How it is stopped.
    pub stop: StopLadder,
    /// What happens when it ends by itself.
    pub restart: RestartPolicy,
    /// Whether it gets a terminal rather than pipes.
    pub pty: bool,
    /// Whether its end is the end of the session.
    pub exit_on_end: bool,
}

/// A variable that a process gets, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvValue {
    /// What it is set to.
    pub value: String,
    /// Where that is written: `devserver.toml:41`.
    pub origin: String,
}

/// In `plan --json` a variable is its value; `plan --env` shows the origins.
impl Serialize for EnvValue {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.value)
    }
}

/// Work that is done once, and again only when what it was made from changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Oneshot {
    /// Whether it has to run: something it creates is missing, its inputs changed, or what it depends on has
    /// to run first.
    pub stale: bool,
    /// What it leaves behind; when one of these is missing it is stale.
    pub creates: Vec<PathBuf>,
    /// The files (patterns) that it is made from.
    pub inputs: Vec<String>,
    /// Variables that its result depends on too.
    pub variables: Vec<String>,
    /// What its inputs, its command and the oneshots below it hash to now, noted when it succeeds. None where it has no inputs.
    pub digest: Option<String>,
}

/// An edge: the process that has it waits for `process`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dependency {
    /// Who must be there first.
    pub process: ProcessName,
    /// In what state.
    pub condition: Condition,
}

/// How a process is known to be ready. Without probes it is ready once it was spawned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// All of these must pass.
    pub probes: Vec<Probe>,
    /// How long it may take; none for as long as it likes.
    pub timeout: Option<Duration>,
    /// Between two tries of a probe.
    pub interval: Duration,
    /// Whether the listener must belong to the run.
    pub owner: Owner,
    /// Between two rounds of the probes once it is ready.
    pub health_interval: Duration,
    /// After so many failed rounds in a row a ready run is ended; none to leave it alone.
    pub liveness: Option<u32>,
}

/// One way to ask whether a run is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// Something listens at `host:port`.
    Tcp {
        /// A name, an IPv4 or an IPv6 address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A GET of this URL answers with this status; 2xx and 3xx where none is given.
    Http {
        /// `http://…`.
        url: String,
        /// The host in it.
        host: String,
        /// The port in it.
        port: u16,
        /// The path and query in it.
        path: String,
        /// The one status that counts.
        status: Option<u16>,
    },
    /// The command ends with 0, in the process's folder and environment.
    Exec {
        /// The program and its arguments.
        command: Vec<String>,
    },
    /// A line of its output matches the pattern.
    Log {
        /// A regular expression, checked when the plan was made.
        pattern: String,
    },
    /// It says `READY=1` at `$NOTIFY_SOCKET`, as systemd has it.
    Notify,
    /// This much time has passed since the spawn.
    Delay {
        /// How much.
        delay: Duration,
    },
}

impl Probe {
    /// Whether it can be asked again and again: not what happens once.
    pub const fn repeats(&self) -> bool {
        match self {
            Self::Tcp { .. } | Self::Http { .. } | Self::Exec { .. } => true,
            Self::Log { .. } | Self::Notify | Self::Delay { .. } => false,
        }
    }
}

impl Plan {
    /// Whether some service runs once for all silos.
    pub fn has_shared(&self) -> bool {
        self.processes.iter().any(|process| process.silo.is_none())
            || self.absent.iter().any(|absent| absent.silo.is_none())
    }

    /// Every service, running or not, once.
    pub fn service_names(&self) -> Vec<&str> {
        let running = self.processes.iter().map(|process| process.service.as_str());
        let mut names: Vec<&str> = Vec::new();
        for name in running.chain(self.absent.iter().map(|absent| absent.service.as_str())) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}
