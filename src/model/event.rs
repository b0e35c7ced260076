//! What happened: the facts that the supervisor puts in order, for everyone who watches.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Actor, Command, ExitStatus, Health, Leftovers, Phase, Pid, ProbeFailure, ProcessName, RunId, Signal, SiloName,
    SpawnFailure, Status, StopMeans, Stray,
};

/// The place of a record in the one order of everything that was said and happened. Counts from 1.
pub type Seq = u64;

/// Whether another silo that this run talks to answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerAnswer {
    /// Which silo.
    pub silo: SiloName,
    /// Where it was asked for: `127.0.0.1:8001`.
    pub address: String,
    /// Whether somebody listens there.
    pub answers: bool,
    /// The command that starts it there, as one types it.
    pub start: String,
}

/// Something that happened, in the order in which the supervisor took it in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Something worth saying once; stops nothing.
    Notice {
        /// A sentence.
        text: String,
    },
    /// A process went from one phase to another.
    PhaseChanged {
        /// Which.
        process: ProcessName,
        /// Its latest run, if it had any.
        run: Option<RunId>,
        /// Where it was.
        from: Phase,
        /// Where it is.
        to: Phase,
    },
    /// The program of a run is executing.
    Started {
        /// Which run.
        run: RunId,
        /// Its main process.
        pid: Pid,
    },
    /// A run could not be started.
    SpawnFailed {
        /// Which run.
        run: RunId,
        /// Why.
        failure: SpawnFailure,
    },
    /// A run is ready.
    BecameReady {
        /// Which run.
        run: RunId,
        /// How long after it was started.
        #[serde(with = "super::seconds")]
        after: Duration,
    },
    /// A run was alive and not ready when its time was up.
    NotReady {
        /// Which run.
        run: RunId,
        /// How long it had.
        #[serde(with = "super::seconds")]
        after: Duration,
        /// What its probe said last.
        last: Option<ProbeFailure>,
    },
    /// A ready run does worse, or well again. Nothing follows from it.
    HealthChanged {
        /// Which run.
        run: RunId,
        /// How it does.
        health: Health,
        /// What its probe said, where that is why.
        last: Option<ProbeFailure>,
    },
    /// A ready run failed its probe so often that it is ended.
    NotAlive {
        /// Which run.
        run: RunId,
        /// How often in a row.
        failures: u32,
        /// What its probe said last.
        last: ProbeFailure,
    },
    /// The main process of a run ended, and its output with it. All its lines come before this.
    Exited {
        /// Which run.
        run: RunId,
        /// How.
        status: ExitStatus,
        /// Whether it had been told to.
        expected: bool,
        /// Whether the system killed something of ours for want of memory while it ran, and KILL ended it.
        out_of_memory: bool,
    },
    /// Nothing of a run's tree is left.
    Gone {
        /// Which run.
        run: RunId,
        /// What had to be swept.
        leftovers: Leftovers,
    },
    /// The shim of a run was lost; its tree was swept by the supervisor itself.
    ShimLost {
        /// Which run.
        run: RunId,
    },
    /// A process will be started again.
    RestartScheduled {
        /// Which.
        process: ProcessName,
        /// How long from now.
        #[serde(with = "super::seconds")]
        delay: Duration,
    },
    /// A process failed too often and is left alone.
    GaveUp {
        /// Which.
        process: ProcessName,
        /// Its last run.
        run: RunId,
        /// Why, in words.
        why: String,
        /// What that run said last.
        lines: Vec<String>,
    },
    /// A process will wait for ever unless somebody helps, because a dependency failed.
    Blocked {
        /// Which.
        process: ProcessName,
        /// Because of whom.
        dependency: ProcessName,
    },
    /// A run didn't stop when told to, and is told more firmly.
    Escalated {
        /// Which run.
        run: RunId,
        /// What it ignored.
        ignored: Signal,
        /// For how long.
        #[serde(with = "super::seconds")]
        after: Duration,
        /// What it gets now.
        signal: Signal,
    },
    /// The stop command of a run didn't end it, and it is told more firmly.
    StopCommandFailed {
        /// Which run.
        run: RunId,
        /// The command.
        command: String,
        /// What became of it: `exited with 1: no server`.
        why: String,
        /// What it gets now.
        signal: Signal,
    },
    /// A run that was told to stop hasn't yet; said every few seconds.
    StillStopping {
        /// Which run.
        run: RunId,
        /// With what.
        by: StopMeans,
        /// How long ago.
        #[serde(with = "super::seconds")]
        waited: Duration,
        /// How long it may take before it is told more firmly.
        #[serde(with = "super::seconds")]
        of: Duration,
        /// Who of its tree is still there; not all, if there are many.
        remaining: Vec<Stray>,
        /// How many they are.
        count: usize,
    },
    /// We were suspended, by a Ctrl-Z or with the whole machine, and go on. Nothing timed out meanwhile.
    Resumed {
        /// How long it took.
        #[serde(with = "super::seconds")]
        after: Duration,
    },
    /// Somebody asked for something, and it is going to be done.
    Commanded {
        /// What.
        command: Command,
        /// Whom it is about.
        processes: Vec<ProcessName>,
        /// Who asked.
        by: Actor,
    },
    /// Everything is being stopped.
    Stopping {
        /// How many processes are up.
        processes: usize,
        /// Whether they are killed rather than asked.
        now: bool,
    },
    /// Every process that is wanted has either come up, done its work, or failed: the end of starting up.
    Settled {
        /// How everything stands.
        status: Status,
        /// Whether the silos that this run talks to answer.
        peers: Vec<PeerAnswer>,
    },
}

impl Event {
    /// The process that it is about, if it is about one.
    pub const fn process(&self) -> Option<&ProcessName> {
        match self {
            Self::PhaseChanged { process, .. }
            | Self::RestartScheduled { process, .. }
            | Self::GaveUp { process, .. }
            | Self::Blocked { process, .. } => Some(process),
            Self::Started { run, .. }
            | Self::SpawnFailed { run, .. }
            | Self::BecameReady { run, .. }
            | Self::NotReady { run, .. }
            | Self::HealthChanged { run, .. }
            | Self::NotAlive { run, .. }
            | Self::Exited { run, .. }
            | Self::Gone { run, .. }
            | Self::ShimLost { run }
            | Self::Escalated { run, .. }
            | Self::StopCommandFailed { run, .. }
            | Self::StillStopping { run, .. } => Some(&run.process),
            Self::Notice { .. }
            | Self::Commanded { .. }
            | Self::Resumed { .. }
            | Self::Stopping { .. }
            | Self::Settled { .. } => None,
        }
    }
}
