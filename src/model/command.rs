//! What may be asked of a running stack, and what it says of itself.

use std::time::Duration;

use serde::Serialize;

use super::{Health, Hold, Moment, Phase, Pid, ProcessName, RunId, ServiceName, Signal, SiloName};

/// Tells the answer to one request from the answer to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RequestId(pub u64);

/// Which processes a command is about: `region.server`, `server` (in every silo), `region.*`, `*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
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

    /// Whether this process is meant: its whole name, its last part, or a pattern with `*`.
    pub fn matches(&self, process: &ProcessName) -> bool {
        let (name, pattern) = (process.as_str(), self.0.as_str());
        let last = name.rsplit('.').next().unwrap_or(name);
        match pattern.split_once('.') {
            Some((silo, rest)) => {
                let (own_silo, own) = name.split_once('.').unwrap_or(("", name));
                (silo == "*" || silo == own_silo) && (rest == "*" || rest == own)
            }
            None => pattern == "*" || pattern == name || pattern == last,
        }
    }
}

/// What may be asked of the supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// Done, for these.
    Done {
        /// Whom it concerned.
        processes: Vec<ProcessName>,
    },
    /// The selector names nobody.
    Unknown {
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    pub ready_after: Option<Duration>,
    /// How often it was started again.
    pub restarts: u32,
    /// Why it isn't running, when it isn't.
    pub hold: Option<Hold>,
    /// Where a person finds it.
    pub url: Option<String>,
    /// The port it listens on.
    pub port: Option<u16>,
}

/// A picture of everything at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    }
}
