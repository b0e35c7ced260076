//! What the supervisor takes in: things that happened. Past tense, all of it.

use std::time::Duration;

use crate::model::{
    Actor, Command, ExitStatus, Health, Leftovers, PeerAnswer, Pid, ProbeFailure, RequestId, RunId, Signal,
    SpawnFailure, Stray,
};

/// One thing that happened.
///
/// For each `Effect::Spawn` the runner reports exactly one end: `SpawnFailed`, `UpToDate`, `Gone` or
/// `ShimLost`. News of a run that is over, or that never was, changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Somebody asked for something.
    Commanded(RequestId, Command, Actor),
    /// The program of a run is executing.
    Spawned(RunId, Pid),
    /// The main process of a run was a shell that ended; this one goes on in its place.
    Inherited(RunId, Pid),
    /// A run could not be started; nothing of it is left.
    SpawnFailed(RunId, SpawnFailure),
    /// A oneshot needn't run any more: another supervisor did its work while we waited for the lock.
    UpToDate(RunId),
    /// All probes of a run passed.
    ProbePassed(RunId),
    /// One try of a probe failed.
    ProbeFailed(RunId, ProbeFailure),
    /// The main process of a ready run was found held by a debugger, or stopped by a signal.
    Paused(RunId, Health),
    /// Something worth saying came up while an effect was performed.
    Noted(String),
    /// KILL ended the main process of a run, and the system had killed for want of memory. Its exit follows.
    OutOfMemory(RunId),
    /// The main process of a run ended, and its output with it.
    Exited(RunId, ExitStatus),
    /// The stop command of a run ended: well, or with what there is to say of that. Before `Gone`, if at all.
    StopCommandEnded(RunId, Result<(), String>),
    /// Nothing of a run's tree is left.
    Gone(RunId, Leftovers),
    /// These of a run's tree survived KILL.
    Unkillable(RunId, Vec<Pid>),
    /// The shim of a run was lost, and what it left has been swept.
    ShimLost(RunId),
    /// A run that was told to stop is still there: these of its tree (the first of so many).
    Remaining(RunId, Vec<Stray>, usize),
    /// INT, TERM, QUIT, HUP or TSTP reached us.
    Interrupted(Signal),
    /// We were suspended, and go on after so long.
    Resumed(Duration),
    /// The silos that `Effect::AskPeers` named were asked for.
    PeersAnswered(Vec<PeerAnswer>),
    /// Time passed.
    Tick,
}
