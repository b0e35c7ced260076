//! Whether what is waited for is so, can still come true, or can't any more. Values in, values out.

use std::time::Duration;

use crate::model::{Hold, Moment, Phase, ProcessName, ProcessStatus, Status, brief};
use crate::protocol::Until;

/// What there is to say of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is so; with what shows it, where there is something.
    Met(Option<String>),
    /// It can't come true without somebody's help.
    Never(String),
    /// Not yet.
    Pending {
        /// What it is about.
        why: String,
        /// When to look again although nothing has happened.
        due: Option<Duration>,
    },
}

/// How long it has to be well, and when it was seen not to be.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Steady {
    pub(super) wanted: Duration,
    pub(super) broken: Option<Moment>,
}

impl Judgement {
    pub(super) fn due(&self) -> Option<Duration> {
        match self {
            Self::Pending { due, .. } => *due,
            Self::Met(_) | Self::Never(_) => None,
        }
    }

    /// The same when the stack has ended: what was to end has.
    pub(super) fn at_the_end(self, until: &Until) -> Self {
        match (self, until) {
            (Self::Pending { .. }, Until::Exited) => Self::Met(None),
            (Self::Pending { .. }, Until::Ready | Until::Log(_) | Until::Stable(_)) => {
                Self::Never("the stack has ended".to_owned())
            }
            (judgement @ (Self::Met(_) | Self::Never(_)), _) => judgement,
        }
    }
}

/// What there is to say of a process. `found` is the line that matched, where one is looked for.
pub(super) fn judge(
    until: &Until,
    name: &ProcessName,
    first: &Status,
    status: &Status,
    found: &Option<Option<&str>>,
    steady: &Steady,
) -> Judgement {
    let Some(process) = of(status, name) else {
        return Judgement::Never("it is no part of this stack any more".into());
    };
    match until {
        Until::Ready if is_ready(process) => Judgement::Met(None),
        Until::Exited => exited(of(first, name), process),
        Until::Log(pattern) => match found.flatten() {
            Some(line) => Judgement::Met(Some(line.to_owned())),
            None if is_up(process) => pending(format!("no line matched `{pattern}` yet")),
            None => hopeless(process, status).map_or_else(|| waits(process), Judgement::Never),
        },
        Until::Stable(_) if is_ready(process) && !matches!(process.phase, Phase::Done { .. }) => {
            stable(process, status.at, steady)
        }
        Until::Ready | Until::Stable(_) => hopeless(process, status).map_or_else(|| waits(process), Judgement::Never),
    }
}

fn of<'s>(status: &'s Status, name: &ProcessName) -> Option<&'s ProcessStatus> {
    status.processes.iter().find(|process| process.name == *name)
}

fn is_ready(process: &ProcessStatus) -> bool {
    process.phase == Phase::Ready || process.oneshot && matches!(process.phase, Phase::Done { .. })
}

fn is_up(process: &ProcessStatus) -> bool {
    matches!(process.phase, Phase::Starting | Phase::Running { .. } | Phase::Ready | Phase::Backoff { .. })
}

fn pending(why: String) -> Judgement {
    Judgement::Pending { why, due: None }
}

fn waits(process: &ProcessStatus) -> Judgement {
    pending(match &process.hold {
        Some(hold) => hold.to_string(),
        None => format!("it is {}", process.phase),
    })
}

/// Its run at the beginning has ended, or it had none.
fn exited(before: Option<&ProcessStatus>, now: &ProcessStatus) -> Judgement {
    let run = before.filter(|process| process.phase.is_live()).and_then(|process| process.run.as_ref());
    let over = run.is_none() || now.run.as_ref() != run || !now.phase.is_live();
    match (&now.phase, over) {
        (_, false) => pending(format!("it is {}", now.phase)),
        (Phase::Done { status }, true) => Judgement::Met(Some(status.to_string())),
        (Phase::Failed { failure }, true) => Judgement::Met(Some(failure.to_string())),
        (_, true) => Judgement::Met(None),
    }
}

/// It is ready; since when, and is that long enough?
fn stable(process: &ProcessStatus, now: Moment, steady: &Steady) -> Judgement {
    let ready = process.started.zip(process.ready_after).map(|(started, after)| started + after);
    let since = ready.unwrap_or(now).max(steady.broken.unwrap_or_default());
    let lasted = now.since(since);
    if lasted >= steady.wanted && steady.broken != Some(now) {
        return Judgement::Met(None);
    }
    // A little more than that, so that one look is enough.
    let due = steady.wanted.saturating_sub(lasted) + Duration::from_millis(2);
    Judgement::Pending { why: format!("it has been ready for {}", brief(lasted)), due: Some(due) }
}

/// Why it won't come up any more unasked, if that is so.
fn hopeless(process: &ProcessStatus, status: &Status) -> Option<String> {
    hopeless_within(status.processes.len(), process, status)
}

/// No chain of dependencies is longer than there are processes.
fn hopeless_within(depth: usize, process: &ProcessStatus, status: &Status) -> Option<String> {
    match (&process.phase, &process.hold) {
        (Phase::Failed { failure }, _) => Some(failure.to_string()),
        (Phase::Done { status }, _) if !process.oneshot => Some(format!("it {status}, and isn't started again")),
        (_, Some(Hold::NotWanted)) => Some("it was stopped".to_owned()),
        (_, Some(hold @ Hold::Blocked { .. })) => Some(hold.to_string()),
        (Phase::Idle, Some(Hold::Waiting { dependencies })) if depth > 0 => dependencies.iter().find_map(|name| {
            let dependency = of(status, name)?;
            let why = hopeless_within(depth - 1, dependency, status)?;
            Some(format!("it waits for {name}: {why}"))
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ExitStatus, Failure, Health, RunId, ServiceName};

    fn name(text: &str) -> ProcessName {
        ProcessName::new(text).expect("a name")
    }

    fn seconds(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    fn process(phase: Phase, hold: Option<Hold>) -> ProcessStatus {
        ProcessStatus {
            name: name("web"),
            silo: None,
            service: ServiceName::new("web").expect("a name"),
            oneshot: false,
            phase,
            health: Health::Ok,
            run: Some(RunId { process: name("web"), number: 1 }),
            pid: None,
            started: Some(seconds(1)),
            ready_after: Some(Duration::from_secs(2)),
            probe: None,
            restarts: 0,
            hold,
            url: None,
            port: None,
            depends_on: Vec::new(),
        }
    }

    fn status(at: u64, processes: Vec<ProcessStatus>) -> Status {
        Status { at: seconds(at), processes }
    }

    fn judged(until: &Until, now: ProcessStatus) -> Judgement {
        let first = status(1, vec![process(Phase::Running { ready_by: None }, None)]);
        let steady = Steady { wanted: Duration::from_secs(5), broken: None };
        judge(until, &name("web"), &first, &status(6, vec![now]), &Some(None), &steady)
    }

    #[test]
    fn ready_is_met_pending_or_hopeless() {
        let ended = ExitStatus::Code(1);
        let failed = Phase::Failed { failure: Failure::Exited { status: ended } };
        let waiting = Hold::Waiting { dependencies: vec![name("web")] };
        assert_eq!(judged(&Until::Ready, process(Phase::Ready, None)), Judgement::Met(None));
        assert_eq!(judged(&Until::Ready, process(Phase::Starting, None)), pending("it is starting".into()));
        assert_eq!(
            judged(&Until::Ready, process(Phase::Idle, Some(waiting))),
            pending("waiting for web to be ready".into())
        );
        for (phase, hold, why) in [
            (failed, None, "it exited with 1"),
            (Phase::Idle, Some(Hold::NotWanted), "it was stopped"),
            (
                Phase::Done { status: ExitStatus::Code(0) },
                Some(Hold::Done),
                "it exited with 0, and isn't started again",
            ),
        ] {
            assert_eq!(judged(&Until::Ready, process(phase, hold)), Judgement::Never(why.into()));
        }
    }

    #[test]
    fn what_waits_for_something_that_was_stopped_waits_in_vain() {
        let mut relay = process(Phase::Idle, Some(Hold::Waiting { dependencies: vec![name("web")] }));
        relay.name = name("relay");
        let web = process(Phase::Idle, Some(Hold::NotWanted));
        let now = status(6, vec![web, relay]);
        let found = judge(&Until::Ready, &name("relay"), &now, &now, &None, &Steady::default());
        assert_eq!(found, Judgement::Never("it waits for web: it was stopped".into()));
    }

    #[test]
    fn exited_means_the_run_that_there_was() {
        let live = || Phase::Running { ready_by: None };
        assert_eq!(judged(&Until::Exited, process(live(), None)), pending("it is running".into()));
        let mut next = process(live(), None);
        next.run = Some(RunId { process: name("web"), number: 2 });
        assert_eq!(judged(&Until::Exited, next), Judgement::Met(None));
        let done = process(Phase::Done { status: ExitStatus::Code(0) }, None);
        assert_eq!(judged(&Until::Exited, done), Judgement::Met(Some("exited with 0".into())));
    }

    #[test]
    fn stable_counts_from_when_it_was_ready_or_last_unwell() {
        let until = Until::Stable(5.0);
        let ready = || process(Phase::Ready, None);
        let due = |millis| Some(Duration::from_millis(millis));
        // Ready since 3 s after the start, and it is 6 s now.
        assert_eq!(
            judged(&until, ready()),
            Judgement::Pending { why: "it has been ready for 3s".into(), due: due(2002) }
        );
        let judge_at = |at: u64, broken: Option<u64>| {
            let now = status(at, vec![ready()]);
            let steady = Steady { wanted: Duration::from_secs(5), broken: broken.map(seconds) };
            judge(&until, &name("web"), &now, &now, &None, &steady)
        };
        assert_eq!(judge_at(8, None), Judgement::Met(None));
        assert_eq!(judge_at(8, Some(7)), Judgement::Pending { why: "it has been ready for 1s".into(), due: due(4002) });
        assert_eq!(judge_at(12, Some(7)), Judgement::Met(None));
    }

    #[test]
    fn a_line_counts_whatever_became_of_the_process() {
        let until = Until::Log("x".into());
        let failed = process(Phase::Failed { failure: Failure::Exited { status: ExitStatus::Code(1) } }, None);
        let now = status(6, vec![failed.clone()]);
        let found = judge(&until, &name("web"), &now, &now, &Some(Some("x y")), &Steady::default());
        assert_eq!(found, Judgement::Met(Some("x y".into())));
        assert_eq!(judged(&until, failed), Judgement::Never("it exited with 1".into()));
    }
}
