//! Why a process isn't running, isn't ready, was restarted or died: two sentences, from how it stands and what
//! happened. Values in, text out.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::journal::Happened;
use crate::logs::escaped;
use crate::model::{Command, Event, Failure, Health, Hold, Moment, Phase, ProcessName, ProcessStatus, Via, brief};

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Why {
    /// Whom it is about.
    pub process: ProcessName,
    /// How it stands.
    pub what: String,
    /// What came before, or what it hangs on.
    pub because: String,
    /// What it said last, before it ended.
    pub lines: Vec<String>,
}

/// What there is to know.
#[derive(Debug)]
pub struct Known<'a> {
    /// Everyone, while the stack is up; nobody after its end.
    pub processes: &'a [ProcessStatus],
    /// The moment of that picture, in the stack's time.
    pub now: Moment,
    /// The same by the wall clock.
    pub time: Timestamp,
    /// What happened, oldest first.
    pub events: &'a [Happened],
    /// What it said last.
    pub lines: &'a [String],
}

/// Why this process is as it is.
pub fn why(name: &ProcessName, known: &Known<'_>) -> Why {
    let own: Vec<&Happened> = known.events.iter().filter(|happened| happened.event.process() == Some(name)).collect();
    let status = known.processes.iter().find(|process| process.name == *name);
    let story = Story { name, known, own };
    let (what, because) = match status {
        Some(status) => (story.what(status), story.because(status)),
        None => (format!("{name} isn't running: nothing of its stack is."), story.end()),
    };
    let lines = match status.map(|status| &status.phase) {
        Some(Phase::Ready | Phase::Done { .. }) => Vec::new(),
        _ => story.gave_up_lines().unwrap_or_else(|| known.lines.to_vec()),
    };
    Why { process: name.clone(), what, because, lines }
}

struct Story<'a> {
    name: &'a ProcessName,
    known: &'a Known<'a>,
    own: Vec<&'a Happened>,
}

impl Story<'_> {
    fn ago(&self, at: Timestamp) -> String {
        let ago = Duration::try_from(self.known.time.duration_since(at)).unwrap_or_default();
        format!("{} ago", brief(ago))
    }

    /// The first sentence: how it stands.
    fn what(&self, process: &ProcessStatus) -> String {
        let name = self.name;
        let pid = process.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
        let up = process.started.map(|started| brief(self.known.now.since(started))).unwrap_or_default();
        match &process.phase {
            Phase::Idle | Phase::Failed { .. } => match &process.hold {
                Some(hold) => format!("{name} isn't running: {}.", escaped(&hold.to_string())),
                None => format!("{name} isn't running."),
            },
            Phase::Starting => format!("{name} is being started."),
            Phase::Running { ready_by } => {
                let left = ready_by.map(|by| format!("; it has {} left", brief(by.since(self.known.now))));
                format!("{name} has been running{pid} for {up} and isn't ready{}.", left.unwrap_or_default())
            }
            Phase::Ready => match process.health {
                Health::Ok => format!("{name} is ready{pid}, and has been up for {up}."),
                Health::Degraded => format!("{name} is up{pid}, but its probe fails."),
                Health::InDebugger => format!("{name} is held by a debugger{pid}; its probes and restarts wait."),
                Health::Stopped => format!("{name} was stopped by a signal{pid}; its probes wait until it goes on."),
            },
            Phase::Stopping { escalate_at, .. } => {
                let left = brief(escalate_at.since(self.known.now));
                format!("{name} is being stopped{pid}; it is told more firmly in {left}.")
            }
            Phase::Backoff { until } => {
                format!("{name} isn't running: it starts again in {}.", brief(until.since(self.known.now)))
            }
            Phase::Done { .. } if process.oneshot => format!("{name} has done what it had to do."),
            Phase::Done { .. } => format!("{name} isn't running: it ended by itself with 0, and isn't started again."),
        }
    }

    /// The second one: why that is.
    fn because(&self, process: &ProcessStatus) -> String {
        match (&process.phase, &process.hold) {
            (Phase::Idle, Some(Hold::Waiting { dependencies })) => self.dependency(dependencies.first()),
            (Phase::Idle, Some(Hold::Blocked { dependency, .. })) => self.dependency(Some(dependency)),
            (Phase::Idle, _) | (Phase::Stopping { .. }, _) => self.asked().unwrap_or_else(|| self.end()),
            (Phase::Running { .. }, _) => match &process.probe {
                Some(probe) => format!("Its probe says: {}.", escaped(&probe.to_string())),
                None => "Its probe hasn't said anything yet.".to_owned(),
            },
            (Phase::Ready, _) if process.health != Health::Ok => self.unwell(),
            (Phase::Ready | Phase::Starting, _) if process.restarts > 0 => self.restart(),
            (Phase::Ready, _) => match process.ready_after {
                Some(after) => format!("It became ready {} after it was started, and never ended since.", brief(after)),
                None => "It never ended since it was started.".to_owned(),
            },
            (Phase::Starting, _) => "Everything that it stands on is there.".to_owned(),
            (Phase::Backoff { .. } | Phase::Failed { .. } | Phase::Done { .. }, _) => self.end(),
        }
    }

    /// How what it waits for stands.
    fn dependency(&self, name: Option<&ProcessName>) -> String {
        let found = self.known.processes.iter().find(|process| Some(&process.name) == name);
        let Some(process) = found else { return "What it waits for is no part of this stack any more.".to_owned() };
        let inner = Known { events: self.known.events, lines: &[], ..*self.known };
        let own = inner.events.iter().filter(|happened| happened.event.process() == Some(&process.name)).collect();
        let story = Story { name: &process.name, known: &inner, own };
        match (&process.phase, &process.hold) {
            (Phase::Failed { .. }, _) => format!("{}: {}", process.name, lower(&story.end())),
            (_, Some(Hold::Waiting { dependencies })) => {
                let names: Vec<&str> = dependencies.iter().map(ProcessName::as_str).collect();
                format!("{} itself waits for {}.", process.name, names.join(", "))
            }
            (Phase::Running { .. }, _) => {
                format!("{} runs and isn't ready: {}", process.name, lower(&story.because(process)))
            }
            _ => story.what(process),
        }
    }

    /// Who asked for it to be stopped, if somebody did.
    fn asked(&self) -> Option<String> {
        self.known.events.iter().rev().find_map(|happened| match &happened.event {
            Event::Commanded { command, processes, by } if processes.contains(self.name) && by.via != Via::Itself => {
                let what = match command {
                    Command::Stop { .. } => "be stopped",
                    Command::Restart { .. } => "be restarted",
                    Command::Down => "be stopped with everything else",
                    Command::Start { .. } | Command::Signal { .. } => return None,
                };
                let (asked, ago) = (sentence(&by.to_string()), self.ago(happened.at));
                Some(format!("{asked} asked for it to {what}, {ago}."))
            }
            Event::Stopping { .. } => Some(format!("Everything is being stopped, since {}.", self.ago(happened.at))),
            _ => None,
        })
    }

    /// Why the run before this one ended.
    fn restart(&self) -> String {
        let end = self.own.iter().rev().find(|happened| matches!(happened.event, Event::Exited { .. }));
        match end.map(|happened| (happened.at, &happened.event)) {
            Some((at, Event::Exited { expected: true, run, .. })) => match self.asked() {
                Some(asked) => format!("Its run {} ended because of that: {}", run.number, lower(&asked)),
                None => format!("Its run {} was told to end, {}.", run.number, self.ago(at)),
            },
            Some(_) => format!("It was started again: {}", lower(&self.end())),
            None => "It was started again.".to_owned(),
        }
    }

    fn unwell(&self) -> String {
        let last = self.own.iter().rev().find_map(|happened| match &happened.event {
            Event::HealthChanged { last, .. } => Some((happened.at, last)),
            _ => None,
        });
        match last {
            Some((at, Some(probe))) => format!("Since {}: {}.", self.ago(at), escaped(&probe.to_string())),
            Some((at, None)) => format!("That is so since {}.", self.ago(at)),
            None => "Nothing is known of when that began.".to_owned(),
        }
    }

    /// How its last run ended.
    fn end(&self) -> String {
        let told = self.own.iter().rev().find_map(|happened| {
            let ago = || self.ago(happened.at);
            match &happened.event {
                Event::Exited { run, status, expected, out_of_memory } => {
                    let memory = if *out_of_memory { ", probably because memory ran out" } else { "" };
                    let told = if *expected { ", as it was told to" } else { "" };
                    Some(format!("Its run {} {status}{memory}{told}, {}.", run.number, ago()))
                }
                Event::SpawnFailed { run, failure } => {
                    let why = escaped(&failure.to_string()).into_owned();
                    Some(format!("Its run {} could not be started, {}: {why}.", run.number, ago()))
                }
                _ => None,
            }
        });
        let reason = self.own.iter().rev().find_map(|happened| match &happened.event {
            Event::PhaseChanged { to: Phase::Failed { failure: failure @ Failure::NotReady { .. } }, .. } => {
                Some(escaped(&failure.to_string()).into_owned())
            }
            _ => None,
        });
        match (told, reason) {
            (Some(told), Some(reason)) => format!("{} It was ended because {reason}.", told.trim_end()),
            (Some(told), None) => told,
            (None, _) => "It was never started.".to_owned(),
        }
    }

    fn gave_up_lines(&self) -> Option<Vec<String>> {
        let last = self.own.iter().rev().find_map(|happened| match &happened.event {
            Event::GaveUp { lines, .. } => Some(Some(lines.clone())),
            Event::Started { .. } => Some(None),
            _ => None,
        });
        last.flatten().filter(|lines| !lines.is_empty())
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
