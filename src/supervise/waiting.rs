//! Requests that are answered later, when what they asked for has come true or can't any more.

use crate::model::{Phase, ProcessName, Reply, RequestId, Verdict};

use super::process::Process;
use super::reconcile::Obstacle;

/// A request that waits for its answer.
#[derive(Debug)]
pub(super) struct Waiting {
    request: RequestId,
    processes: Vec<ProcessName>,
    awaited: Awaited,
}

/// What a request waits for. Runs are told apart by number, so that a later change of mind doesn't leave
/// an older request waiting for ever.
#[derive(Debug)]
pub(super) enum Awaited {
    /// These runs (process, number) are over.
    Over(Vec<(usize, u32)>),
    /// A run of these after this one is ready.
    ReadyAfter(Vec<(usize, u32)>),
    /// The end of the session.
    End,
}

impl Waiting {
    pub(super) fn new(request: RequestId, processes: Vec<ProcessName>, awaited: Awaited) -> Self {
        Self { request, processes, awaited }
    }

    pub(super) fn request(&self) -> RequestId {
        self.request
    }

    /// The answer, once there is one.
    pub(super) fn answer(&self, processes: &[Process], obstacles: &[Option<Obstacle>], ending: bool) -> Option<Reply> {
        let failed = |at: usize, why: String| Some(Reply::Failed { process: processes[at].name().clone(), why });
        match &self.awaited {
            Awaited::Over(runs) => {
                for &(at, number) in runs {
                    let process = &processes[at];
                    if process.runs() != number || !process.has_run() {
                        continue;
                    }
                    return match &process.phase {
                        Phase::Failed { failure } => failed(at, failure.to_string()),
                        Phase::Starting | Phase::Running { .. } | Phase::Ready if process.wanted => {
                            failed(at, "it was asked to stay up meanwhile".into())
                        }
                        Phase::Idle
                        | Phase::Starting
                        | Phase::Running { .. }
                        | Phase::Ready
                        | Phase::Stopping { .. }
                        | Phase::Backoff { .. }
                        | Phase::Done { .. } => None,
                    };
                }
            }
            Awaited::ReadyAfter(runs) => {
                let mut pending = false;
                for &(at, number) in runs {
                    let process = &processes[at];
                    match &process.phase {
                        _ if ending => return failed(at, ENDING.into()),
                        Phase::Ready | Phase::Done { .. } if process.runs() > number => {}
                        Phase::Failed { failure } => return failed(at, failure.to_string()),
                        _ if !process.wanted => return failed(at, "it was stopped meanwhile".into()),
                        Phase::Idle => match &obstacles[at] {
                            Some(Obstacle::Failed(on, failure)) => {
                                return failed(at, format!("it waits for {}: {failure}", processes[*on].name()));
                            }
                            Some(Obstacle::Stopped) => {
                                return failed(at, "it waits for a process that was stopped".into());
                            }
                            None => pending = true,
                        },
                        Phase::Starting
                        | Phase::Running { .. }
                        | Phase::Ready
                        | Phase::Stopping { .. }
                        | Phase::Backoff { .. }
                        | Phase::Done { .. } => pending = true,
                    }
                }
                if pending {
                    return None;
                }
            }
            Awaited::End => return None,
        }
        Some(self.done())
    }

    fn done(&self) -> Reply {
        Reply::Done { processes: self.processes.clone() }
    }

    /// The answer when the session is over.
    pub(super) fn last_answer(&self, verdict: &Verdict) -> Reply {
        match (&self.awaited, verdict) {
            // What was to be down isn't.
            (Awaited::Over(_) | Awaited::End, Verdict::Unstoppable(those)) => match those.first() {
                Some(process) => Reply::Failed { process: process.clone(), why: "it survived SIGKILL".to_owned() },
                None => self.done(),
            },
            (Awaited::ReadyAfter(_), _) => match self.processes.first() {
                Some(process) => Reply::Failed { process: process.clone(), why: ENDING.to_owned() },
                None => self.done(),
            },
            (Awaited::Over(_) | Awaited::End, _) => self.done(),
        }
    }
}

/// Why nothing is started any more.
pub(super) const ENDING: &str = "everything is being stopped";
