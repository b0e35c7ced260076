//! Set-up steps as the log shows them: when each begins and ends, and, on a terminal, a line that says what
//! is being set up and for how long.

use std::time::Duration;

use jiff::Timestamp;

use super::event::Sentence;
use super::palette::Tone;
use crate::model::{Event, Phase, ProcessName, brief};

/// The set-up steps of a run.
#[derive(Debug, Default)]
pub(super) struct Setup {
    steps: Vec<ProcessName>,
    at_work: Vec<(ProcessName, Timestamp)>,
}

/// What an event means for a set-up step.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It isn't about one, or it is told like any other.
    Other,
    /// It is told like this.
    Told(Sentence),
    /// It isn't told: it was up to date, or its end is told once it is done.
    Silent,
}

impl Setup {
    pub(super) fn new(steps: Vec<ProcessName>) -> Self {
        Self { steps, at_work: Vec::new() }
    }

    /// Takes in an event.
    pub(super) fn take_in(&mut self, at: Timestamp, event: &Event) -> Step {
        let told = |process: &ProcessName, text: String| {
            Step::Told(Sentence { process: Some(process.clone()), text, tone: Tone::Dim, quotes: Vec::new() })
        };
        match event {
            Event::Started { run, .. } if self.steps.contains(&run.process) => {
                self.at_work.push((run.process.clone(), at));
                told(&run.process, "started".to_owned())
            }
            Event::Exited { run, status, expected, .. } if self.steps.contains(&run.process) => {
                if status.success() && !expected {
                    return Step::Silent;
                }
                self.at_work.retain(|(step, _)| *step != run.process);
                Step::Other
            }
            Event::PhaseChanged { process, to: Phase::Done { .. }, .. } if self.steps.contains(process) => {
                let index = self.at_work.iter().position(|(step, _)| step == process);
                match index.map(|index| self.at_work.remove(index)) {
                    Some((_, since)) => told(process, format!("done after {}", brief(elapsed(since, at)))),
                    None => Step::Silent,
                }
            }
            _ => Step::Other,
        }
    }

    /// Whether a step is at work.
    pub(super) fn is_busy(&self) -> bool {
        !self.at_work.is_empty()
    }

    /// `setting up pip 4s, npm 12s`, at most so many columns wide.
    pub(super) fn line(&self, now: Timestamp, columns: usize) -> String {
        let steps = self.at_work.iter().map(|(step, since)| format!("{step} {}s", elapsed(*since, now).as_secs()));
        let text = format!("setting up {}", steps.collect::<Vec<_>>().join(", "));
        text.chars().take(columns.saturating_sub(1)).collect()
    }
}

fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ExitStatus, Pid, RunId};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn a_step_is_told_when_it_begins_and_when_it_is_done() {
        let pip = ProcessName::new("pip").expect("a name");
        let run = RunId { process: pip.clone(), number: 1 };
        let mut setup = Setup::new(vec![pip.clone()]);
        let status = ExitStatus::Code(0);
        let done = |from| Event::PhaseChanged { process: pip.clone(), run: None, from, to: Phase::Done { status } };

        assert_eq!(setup.take_in(at(0), &done(Phase::Idle)), Step::Silent, "it was up to date");
        let Step::Told(started) = setup.take_in(at(1), &Event::Started { run: run.clone(), pid: Pid(1) }) else {
            panic!("it is told")
        };
        assert_eq!(started.text, "started");
        assert_eq!(setup.line(at(5), 80), "setting up pip 4s");
        assert_eq!(setup.line(at(5), 12), "setting up ");
        assert_eq!(
            setup.take_in(at(9), &Event::Exited { run, status, expected: false, out_of_memory: false }),
            Step::Silent
        );
        let Step::Told(ended) = setup.take_in(at(9), &done(Phase::Ready)) else { panic!("it is told") };
        assert_eq!(ended.text, "done after 8s");
        assert!(!setup.is_busy());
    }
}
