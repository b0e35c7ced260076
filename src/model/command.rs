//! What may be asked of a running stack, and what it says of itself.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Health, Hold, Moment, Phase, Pid, ProbeFailure, ProcessName, RunId, ServiceName, Signal, SiloName};

/// Tells the answer to one request from the answer to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub u64);

/// Which processes a command is about: `region.server`, `server` (in every silo), `region.*`, `*`; several with
/// commas.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Selector(String);

impl Selector {
    /// A selector as people write it.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Just this process.
    pub fn exactly(process: &ProcessName) -> Self {
        Self(process.as_str().to_owned())
    }

    /// Several, as people write them one after the other.
    pub fn several<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let texts: Vec<String> = texts.into_iter().map(|text| text.as_ref().to_owned()).collect();
        Self(texts.join(","))
    }

    /// The selector as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts: what is between the commas.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split(',').map(str::trim)
    }

    /// Whether this process is meant by one of its parts: its whole name, its last part, or a pattern with `*`.
    pub fn matches(&self, process: &ProcessName) -> bool {
        self.parts().any(|part| is_meant(part, process.as_str()))
    }

    /// The first part by which none of these is meant.
    pub fn stranger<'p>(&self, processes: impl Iterator<Item = &'p ProcessName> + Clone) -> Option<&str> {
        self.parts().find(|part| !processes.clone().any(|process| is_meant(part, process.as_str())))
    }
}

fn is_meant(pattern: &str, name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    match pattern.split_once('.') {
        Some((silo, rest)) => {
            let (own_silo, own) = name.split_once('.').unwrap_or(("", name));
            (silo == "*" || silo == own_silo) && (rest == "*" || rest == own)
        }
        None => pattern == "*" || pattern == name || pattern == last,
    }
}

/// Who asks for something, as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// By which way.
    pub via: Via,
    /// Which process of the system it was, where somebody else's asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<Pid>,
}

/// The ways by which something is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// A command like `devserver restart`.
    Cli,
    /// A key in the terminal of the supervisor.
    Keys,
    /// The terminal interface.
    Tui,
    /// The page in the browser.
    Web,
    /// An agent.
    Mcp,
    /// Some other program that speaks the protocol.
    #[default]
    Client,
    /// The supervisor itself: nobody reads what it prints any more, a file changed.
    Itself,
}

impl Actor {
    /// The supervisor itself.
    pub const ITSELF: Self = Self { via: Via::Itself, pid: None };
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.via {
            Via::Cli => "a command",
            Via::Keys => "a key",
            Via::Tui => "the terminal interface",
            Via::Web => "the web page",
            Via::Mcp => "an agent",
            Via::Client => "a client",
            Via::Itself => "devserver itself",
        })?;
        match self.pid {
            Some(pid) => write!(f, " (pid {pid})"),
            None => Ok(()),
        }
    }
}

/// What may be asked of the supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Command {
    /// Want these up, and forget their failures.
    Start {
        /// Which.
        selector: Selector,
    },
    /// Want these down; answered when they are.
    Stop {
        /// Which.
        selector: Selector,
    },
    /// Stop these and start them again.
    Restart {
        /// Which.
        selector: Selector,
        /// Whether the answer waits until they are ready.
        wait: bool,
    },
    /// Send a signal to the main process of each.
    Signal {
        /// Which.
        selector: Selector,
        /// What.
        signal: Signal,
    },
    /// Stop everything, in order, and end.
    Down,
}

/// The supervisor's answer to a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// Done, for these.
    Done {
        /// Whom it concerned.
        processes: Vec<ProcessName>,
    },
    /// The selector, or a part of it, names nobody.
    Unknown {
        /// That part.
        name: String,
        /// Who could be meant.
        known: Vec<ProcessName>,
    },
    /// It can't become true any more.
    Failed {
        /// Whose fault.
        process: ProcessName,
        /// Why.
        why: String,
    },
}

/// A picture of one process at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessStatus {
    /// Its name.
    pub name: ProcessName,
    /// The silo it belongs to; none for what all silos of the run share.
    pub silo: Option<SiloName>,
    /// The service it was made from.
    pub service: ServiceName,
    /// Whether it ends by itself.
    pub oneshot: bool,
    /// Where it is.
    #[serde(flatten)]
    pub phase: Phase,
    /// How it does.
    pub health: Health,
    /// Its latest run.
    pub run: Option<RunId>,
    /// The main process of that run, while it lives.
    pub pid: Option<Pid>,
    /// When that run was spawned.
    pub started: Option<Moment>,
    /// How long that run took to become ready.
    #[serde(with = "super::seconds::option")]
    pub ready_after: Option<Duration>,
    /// What its probe said last, while it isn't well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<ProbeFailure>,
    /// How often it was started again.
    pub restarts: u32,
    /// Why it isn't running, when it isn't.
    pub hold: Option<Hold>,
    /// Where a person finds it.
    pub url: Option<String>,
    /// The port it listens on.
    pub port: Option<u16>,
    /// Who must be there before it starts, of those that are part of this run.
    pub depends_on: Vec<ProcessName>,
}

/// A picture of everything at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// When it was taken.
    pub at: Moment,
    /// Every process of the plan, in its order.
    pub processes: Vec<ProcessStatus>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_name_one_or_many() {
        let region = ProcessName::new("region.server").expect("a name");
        let plain = ProcessName::new("server").expect("a name");
        for (pattern, in_region, bare) in [
            ("server", true, true),
            ("region.server", true, false),
            ("region.*", true, false),
            ("*.server", true, true),
            ("*", true, true),
            ("control.*", false, false),
            ("serv", false, false),
        ] {
            let selector = Selector::new(pattern);
            assert_eq!((selector.matches(&region), selector.matches(&plain)), (in_region, bare), "{pattern}");
        }
        let several = Selector::several(["worker", "region.*"]);
        assert!(several.matches(&region) && !several.matches(&plain));
        assert_eq!(several.stranger([&region, &plain].into_iter()), Some("worker"));
        assert_eq!(Selector::new("*").stranger([&plain].into_iter()), None);
    }
}
