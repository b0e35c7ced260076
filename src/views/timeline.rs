//! The start-up of a stack: when each process was started and became ready, and the chain that took longest.
//! Values in, text out.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::journal::Session;
use crate::model::{Event, Phase, ProcessName, Status, brief};

/// How wide the bars are, in characters.
const WIDTH: f64 = 40.0;

/// The start-up of a stack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timeline {
    /// How it was started, as one types it.
    pub command: String,
    /// When.
    pub at: Timestamp,
    /// Its processes, by when they were started. Seconds count from the start of the stack.
    pub processes: Vec<Start>,
    /// The chain that took longest, first to last: each waited for the one before it.
    pub critical_path: Vec<ProcessName>,
    /// When the last of the chain was ready, in seconds.
    pub seconds: Option<f64>,
}

/// The first start of a process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Start {
    /// Which.
    pub name: ProcessName,
    /// When it was started.
    pub started: f64,
    /// When it was ready; a oneshot: when it had succeeded.
    pub ready: Option<f64>,
    /// How it ended instead.
    pub failed: Option<String>,
}

/// The start-up in this life of a stack.
pub fn timeline(session: &Session, status: Option<&Status>) -> Timeline {
    let mut starts: Vec<Start> = Vec::new();
    let mut settled = None;
    for happened in &session.events {
        let at = seconds(session.at, happened.at);
        match &happened.event {
            Event::PhaseChanged { process, to, .. } => {
                let known = starts.iter_mut().find(|start| start.name == *process);
                match (known, to) {
                    (None, Phase::Starting) => {
                        starts.push(Start { name: process.clone(), started: at, ready: None, failed: None });
                    }
                    (Some(start), Phase::Ready | Phase::Done { .. }) => {
                        start.ready.get_or_insert(at);
                    }
                    (Some(start), Phase::Failed { failure }) if start.ready.is_none() => {
                        start.failed.get_or_insert(failure.to_string());
                    }
                    _ => {}
                }
            }
            Event::Settled { status, .. } => {
                settled.get_or_insert(status);
            }
            _ => {}
        }
    }
    let status = settled.or(status);
    let edges: HashMap<&ProcessName, &[ProcessName]> = status
        .iter()
        .flat_map(|status| &status.processes)
        .map(|process| (&process.name, process.depends_on.as_slice()))
        .collect();
    let critical_path = critical(&starts, &edges);
    let last = critical_path.last().and_then(|name| starts.iter().find(|start| start.name == *name));
    let seconds = last.and_then(|start| start.ready);
    Timeline { command: session.command.clone(), at: session.at, processes: starts, critical_path, seconds }
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    let duration = Duration::try_from(to.duration_since(from)).unwrap_or_default();
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

/// From the one that was ready last back through those that each had waited for longest.
fn critical(starts: &[Start], edges: &HashMap<&ProcessName, &[ProcessName]>) -> Vec<ProcessName> {
    let ready = |start: &&Start| start.ready;
    let latest = |those: &mut dyn Iterator<Item = &Start>| {
        let timed = those.filter_map(|start| Some((ready(&start)?, start.name.clone())));
        timed.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, name)| name)
    };
    let mut path: Vec<ProcessName> = Vec::new();
    let mut next = latest(&mut starts.iter());
    while let Some(name) = next {
        let needs = edges.get(&name).copied().unwrap_or_default();
        next = latest(&mut starts.iter().filter(|start| needs.contains(&start.name) && !path.contains(&start.name)));
        path.push(name);
    }
    path.reverse();
    path
}

impl Timeline {
    /// As a table with bars, for people.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.command);
        let width = self.processes.iter().map(|start| start.name.as_str().len()).max().unwrap_or(0);
        let end = self.processes.iter().filter_map(|start| start.ready).fold(0.001, f64::max);
        for start in &self.processes {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 0 and the width of a bar"
            )]
            let cells = |seconds: f64| (seconds / end * WIDTH).round().clamp(0.0, WIDTH) as usize;
            let (from, to) = (cells(start.started), cells(start.ready.unwrap_or(end)));
            let mark = if start.ready.is_some() { '━' } else { '·' };
            let bar: String =
                std::iter::repeat_n(' ', from).chain(std::iter::repeat_n(mark, (to - from.min(to)).max(1))).collect();
            let said = match (start.ready, &start.failed) {
                (Some(ready), _) => format!("ready at {} (took {})", time(ready), time(ready - start.started)),
                (None, Some(why)) => format!("failed: {why}"),
                (None, None) => "not ready".to_owned(),
            };
            let critical = if self.critical_path.contains(&start.name) { '*' } else { ' ' };
            let _ = writeln!(text, "{critical} {:width$}  {bar:43}{said}", start.name.as_str());
        }
        if let Some(seconds) = self.seconds {
            let path: Vec<&str> = self.critical_path.iter().map(ProcessName::as_str).collect();
            let _ = writeln!(text, "* critical path: {}, ready after {}", path.join(" → "), time(seconds));
        }
        text
    }
}

fn time(seconds: f64) -> String {
    brief(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ExitStatus, Failure, Health, Moment, ProcessStatus, ServiceName};
    use crate::views::journal::Happened;

    fn name(text: &str) -> ProcessName {
        ProcessName::new(text).expect("a name")
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).expect("a time")
    }

    fn changed(process: &str, millis: i64, to: Phase) -> Happened {
        Happened {
            at: at(millis),
            event: Event::PhaseChanged { process: name(process), run: None, from: Phase::Idle, to },
        }
    }

    fn process(process: &str, depends_on: &[&str]) -> ProcessStatus {
        ProcessStatus {
            name: name(process),
            silo: None,
            service: ServiceName::new(process).expect("a name"),
            oneshot: false,
            phase: Phase::Ready,
            health: Health::Ok,
            run: None,
            pid: None,
            started: None,
            ready_after: None,
            probe: None,
            restarts: 0,
            hold: None,
            url: None,
            port: None,
            depends_on: depends_on.iter().map(|on| name(on)).collect(),
        }
    }

    #[test]
    fn the_critical_path_goes_back_from_the_last_one_through_what_each_waited_for() {
        let processes = vec![
            process("db", &[]),
            process("cache", &[]),
            process("web", &["db", "cache"]),
            process("tail", &[]),
            process("bad", &[]),
        ];
        let failed = Phase::Failed { failure: Failure::Exited { status: ExitStatus::Code(1) } };
        let events = vec![
            changed("db", 0, Phase::Starting),
            changed("cache", 0, Phase::Starting),
            changed("tail", 0, Phase::Starting),
            changed("bad", 0, Phase::Starting),
            changed("cache", 500, Phase::Ready),
            changed("bad", 600, failed),
            changed("db", 2000, Phase::Ready),
            changed("web", 2000, Phase::Starting),
            changed("tail", 2500, Phase::Ready),
            changed("web", 4000, Phase::Ready),
            // A later restart is no part of the start-up.
            changed("db", 9000, Phase::Starting),
            changed("db", 9900, Phase::Ready),
        ];
        let session = Session { at: at(0), pid: 1, command: "devserver".to_owned(), events };
        let timeline = timeline(&session, Some(&Status { at: Moment::START, processes }));
        assert_eq!(timeline.critical_path, [name("db"), name("web")]);
        insta::assert_snapshot!(timeline.text(), @r"
        devserver
        * db     ━━━━━━━━━━━━━━━━━━━━                       ready at 2s (took 2s)
          cache  ━━━━━                                      ready at 0.5s (took 0.5s)
          tail   ━━━━━━━━━━━━━━━━━━━━━━━━━                  ready at 2.5s (took 2.5s)
          bad    ········································   failed: it exited with 1
        * web                        ━━━━━━━━━━━━━━━━━━━━   ready at 4s (took 2s)
        * critical path: db → web, ready after 4s
        ");
    }
}
