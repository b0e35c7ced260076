//! What the planner must know of the machine: gathered by `cli/discover.rs`, handed in, never asked for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use indexmap::IndexMap;

use crate::model::Pid;

/// The machine as the planner sees it.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The inherited environment.
    pub env: BTreeMap<String, String>,
    /// The folder of the configuration, absolute.
    pub folder: PathBuf,
    /// The user; 0 is root.
    pub uid: u32,
    /// The user's group.
    pub gid: u32,
    /// The texts of the templates that `[render]` names, where the project has such a file.
    pub templates: BTreeMap<String, String>,
    /// Stacks of this checkout that are up now.
    pub live: Vec<LiveStack>,
}

/// A stack of this checkout that is up now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveStack {
    /// Its supervisor.
    pub pid: Pid,
    /// Where its first port is: `127.0.0.1:8000`.
    pub address: String,
    /// The flags it was given that move ports, as one writes them: `--no-watchers`.
    pub port_flags: Vec<String>,
    /// Its silos with their ports.
    pub silos: IndexMap<String, u16>,
}
