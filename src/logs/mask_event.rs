//! Secrets in what happened: the words in an event that come from outside.

use std::borrow::Cow;

use super::Mask;
use crate::model::{Event, Failure, Hold, Holder, Leftovers, Phase, ProbeFailure, SpawnFailure, Status, StopMeans};

/// The event without its secrets.
#[must_use]
pub fn mask_event(mask: &Mask, mut event: Event) -> Event {
    if mask.is_empty() {
        return event;
    }
    match &mut event {
        Event::Notice { text } => words(mask, text),
        Event::GaveUp { why, lines, .. } => {
            words(mask, why);
            lines.iter_mut().for_each(|line| words(mask, line));
        }
        Event::SpawnFailed { failure, .. } => spawn(mask, failure),
        Event::NotReady { last, .. } | Event::HealthChanged { last, .. } => {
            last.iter_mut().for_each(|last| probe(mask, last));
        }
        Event::NotAlive { last, .. } => probe(mask, last),
        Event::PhaseChanged { from, to, .. } => [from, to].into_iter().for_each(|one| phase(mask, one)),
        Event::Gone { leftovers: Leftovers::Swept(strays), .. } => {
            strays.iter_mut().for_each(|stray| words(mask, &mut stray.command));
        }
        Event::StillStopping { by, remaining, .. } => {
            remaining.iter_mut().for_each(|stray| words(mask, &mut stray.command));
            if let StopMeans::Command(command) = by {
                words(mask, command);
            }
        }
        Event::StopCommandFailed { command, why, .. } => [command, why].into_iter().for_each(|text| words(mask, text)),
        Event::Settled { status, .. } => stand(mask, status),
        Event::Gone { leftovers: Leftovers::None, .. }
        | Event::Started { .. }
        | Event::BecameReady { .. }
        | Event::Exited { .. }
        | Event::ShimLost { .. }
        | Event::RestartScheduled { .. }
        | Event::Blocked { .. }
        | Event::Escalated { .. }
        | Event::Resumed { .. }
        | Event::Commanded { .. }
        | Event::Stopping { .. } => {}
    }
    event
}

/// The picture without its secrets.
#[must_use]
pub fn mask_status(mask: &Mask, mut status: Status) -> Status {
    if !mask.is_empty() {
        stand(mask, &mut status);
    }
    status
}

fn words(mask: &Mask, text: &mut String) {
    if let Cow::Owned(masked) = mask.text(text) {
        *text = masked;
    }
}

fn stand(mask: &Mask, status: &mut Status) {
    for process in &mut status.processes {
        phase(mask, &mut process.phase);
        process.probe.iter_mut().for_each(|last| probe(mask, last));
        process.url.iter_mut().for_each(|url| words(mask, url));
        if let Some(Hold::Blocked { failure: why, .. } | Hold::Failed { failure: why }) = &mut process.hold {
            failure(mask, why);
        }
    }
}

fn phase(mask: &Mask, phase: &mut Phase) {
    if let Phase::Failed { failure: why } = phase {
        failure(mask, why);
    }
}

fn failure(mask: &Mask, failure: &mut Failure) {
    match failure {
        Failure::Spawn { failure } => spawn(mask, failure),
        Failure::NotReady { last, .. } => last.iter_mut().for_each(|last| probe(mask, last)),
        Failure::NotAlive { last, .. } => probe(mask, last),
        Failure::Exited { .. } | Failure::GaveUp { .. } | Failure::Unkillable { .. } => {}
    }
}

fn spawn(mask: &Mask, failure: &mut SpawnFailure) {
    match failure {
        SpawnFailure::ProgramNotFound { program } => words(mask, program),
        SpawnFailure::System { what, why, .. } => [what, why].into_iter().for_each(|text| words(mask, text)),
        SpawnFailure::PortTaken { holder, .. } => holder.iter_mut().for_each(|one| self::holder(mask, one)),
        SpawnFailure::Shim { why } => words(mask, why),
    }
}

fn probe(mask: &Mask, failure: &mut ProbeFailure) {
    match failure {
        ProbeFailure::Refused { target } => words(mask, target),
        ProbeFailure::Foreign { target, holder } => {
            words(mask, target);
            self::holder(mask, holder);
        }
        ProbeFailure::Answer { target: what, why } | ProbeFailure::Command { command: what, why } => {
            [what, why].into_iter().for_each(|text| words(mask, text));
        }
        ProbeFailure::NoLine { pattern } => words(mask, pattern),
        ProbeFailure::Unnotified { .. } => {}
    }
}

fn holder(mask: &Mask, holder: &mut Holder) {
    words(mask, &mut holder.command);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Pid;

    #[test]
    fn what_comes_from_outside_is_masked_in_events_too() {
        let mask = Mask::new(["hunter2hunter2"], []).expect("no patterns");
        let holder = Holder { pid: Pid(1), command: "psql hunter2hunter2".to_owned(), cwd: None };
        let failure = SpawnFailure::PortTaken { port: 1, holder: Some(holder) };
        let process = crate::model::ProcessName::new("web").expect("a name");
        let to = Phase::Failed { failure: Failure::Spawn { failure } };
        for event in [
            Event::Notice { text: "hunter2hunter2".to_owned() },
            Event::PhaseChanged { process, run: None, from: Phase::Idle, to },
        ] {
            let text = format!("{:?}", mask_event(&mask, event));
            assert!(text.contains("••••") && !text.contains("hunter2"), "{text}");
        }
    }
}
