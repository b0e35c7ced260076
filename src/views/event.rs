//! What is said of an event: a short sentence, or nothing.
//!
//! Most changes of phase are silent: what a person wants to know of them has an event of its own.

use crate::logs::escaped;
use crate::model::{
    Actor, Command, Event, ExitStatus, Failure, Health, Leftovers, Phase, ProcessName, Signal, Via, brief,
};

use super::palette::Tone;

/// A sentence about a process, or about everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sentence {
    /// Whom it is about; the text goes on after the name.
    pub(super) process: Option<ProcessName>,
    pub(super) text: String,
    pub(super) tone: Tone,
    /// Lines that follow it: what a process said.
    pub(super) quotes: Vec<String>,
}

/// What to do on an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Say {
    /// Nothing.
    Nothing,
    /// This.
    Now(Sentence),
    /// This, when it is known how it goes on: another event of the process follows at once.
    Soon(Sentence),
    /// This is how it goes on: `; starting again in 0.5s`. Said alone it is the other sentence.
    GoesOn(String, Sentence),
    /// This, and what waits for how it goes on is said with it.
    Instead(ProcessName, Sentence),
    /// It doesn't go on.
    Over(ProcessName),
}

/// The text of somebody else, on one line and harmless.
fn quoted(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| escaped(line.trim_end())).collect();
    lines.join(" / ")
}

fn on(process: &ProcessName, tone: Tone, text: impl Into<String>) -> Sentence {
    Sentence { process: Some(process.clone()), text: text.into(), tone, quotes: Vec::new() }
}

fn of_all(tone: Tone, text: impl Into<String>) -> Sentence {
    Sentence { process: None, text: text.into(), tone, quotes: Vec::new() }
}

fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// What is said of an event, in one line; none for what isn't worth one.
pub fn told(event: &Event) -> Option<String> {
    match say(event) {
        Say::Nothing | Say::Over(_) => None,
        Say::Now(said) | Say::Soon(said) | Say::GoesOn(_, said) | Say::Instead(_, said) => Some(match said.process {
            Some(process) => format!("{process} {}", said.text),
            None => said.text,
        }),
    }
}

/// What is said of this event.
pub(super) fn say(event: &Event) -> Say {
    match event {
        Event::Notice { text } => Say::Now(of_all(Tone::Warn, quoted(text))),
        Event::PhaseChanged { process, to, .. } => changed(process, to),
        // The summary has the rest of it.
        Event::Started { .. } | Event::Settled { .. } => Say::Nothing,
        Event::SpawnFailed { run, failure } => {
            let text = format!("can't start: {}", quoted(&failure.to_string()));
            Say::Soon(on(&run.process, Tone::Bad, text))
        }
        Event::BecameReady { run, after } => {
            Say::Now(on(&run.process, Tone::Good, format!("ready after {}", brief(*after))))
        }
        Event::NotReady { run, after, last } => {
            let last = last.as_ref().map(|last| format!(": {}", quoted(&last.to_string()))).unwrap_or_default();
            Say::Now(on(&run.process, Tone::Bad, format!("isn't ready after {}{last}", brief(*after))))
        }
        Event::HealthChanged { run, health, last } => {
            let why = last.as_ref().map(|last| format!(": {}", quoted(&last.to_string()))).unwrap_or_default();
            let (tone, text) = match health {
                Health::Ok => (Tone::Good, "is well again"),
                Health::Degraded => (Tone::Warn, "is up, but its probe fails"),
                Health::InDebugger => (Tone::Warn, "is held by a debugger; its probes wait"),
                Health::Stopped => (Tone::Warn, "was stopped by a signal; its probes wait until it goes on"),
            };
            Say::Now(on(&run.process, tone, format!("{text}{why}")))
        }
        Event::NotAlive { run, failures, last } => {
            let text =
                format!("failed its probe {failures} times in a row: {}; stopping it", quoted(&last.to_string()));
            Say::Now(on(&run.process, Tone::Bad, text))
        }
        Event::Exited { run, expected: true, .. } => Say::Now(on(&run.process, Tone::Dim, "stopped")),
        Event::Exited { run, status, expected: false, out_of_memory } => {
            let tone = if status.success() { Tone::Dim } else { Tone::Bad };
            let why = if *out_of_memory { ", probably because memory ran out" } else { "" };
            Say::Soon(on(&run.process, tone, format!("{status}{why}")))
        }
        Event::Gone { leftovers: Leftovers::None, .. } => Say::Nothing,
        Event::Gone { run, leftovers: Leftovers::Swept(strays) } => {
            let mut named: Vec<String> = strays.iter().take(3).map(|stray| quoted(&stray.to_string())).collect();
            if strays.len() > named.len() {
                named.push(format!("{} more", strays.len() - named.len()));
            }
            let count = count(strays.len(), "process", "processes");
            Say::Now(on(&run.process, Tone::Warn, format!("left {count} behind, now killed: {}", named.join(", "))))
        }
        Event::ShimLost { run } => {
            Say::Now(on(&run.process, Tone::Bad, "lost its shim; what it had started was killed"))
        }
        Event::RestartScheduled { process, delay } => {
            let goes_on = format!("; starting again in {}", brief(*delay));
            Say::GoesOn(goes_on, on(process, Tone::Warn, format!("starts again in {}", brief(*delay))))
        }
        Event::GaveUp { process, why, lines, .. } => {
            // The reason names the last end.
            let said = if lines.is_empty() { "" } else { "; it said last:" };
            let why = format!("is left alone: {}{said}", quoted(why));
            let quotes = lines.iter().map(|line| quoted(line)).collect();
            Say::Instead(process.clone(), Sentence { quotes, ..on(process, Tone::Bad, why) })
        }
        Event::Blocked { process, dependency } => {
            Say::Now(on(process, Tone::Bad, format!("can't start: it waits for {dependency}, which failed")))
        }
        Event::Escalated { run, ignored, after, signal } => {
            let text = format!("ignored {ignored} for {}; {}", brief(*after), then(*signal));
            Say::Now(on(&run.process, Tone::Warn, text))
        }
        Event::StopCommandFailed { run, command, why, signal } => {
            let text = format!("isn't stopped by `{}`, which {}; {}", quoted(command), quoted(why), then(*signal));
            Say::Now(on(&run.process, Tone::Warn, text))
        }
        Event::StillStopping { run, by, waited, of, remaining, count: number } => {
            let named: Vec<String> = remaining.iter().map(|stray| quoted(&stray.to_string())).collect();
            let more = number.saturating_sub(named.len());
            let more = if more > 0 { format!(", {more} more") } else { String::new() };
            let count = count(*number, "process", "processes");
            let time = format!("{} {} of {}", quoted(&by.to_string()), brief(*waited), brief(*of));
            let text = format!(": {time}, waiting for {count}: {}{more}", named.join(", "));
            Say::Now(on(&run.process, Tone::Dim, text))
        }
        Event::Resumed { after } => {
            Say::Now(of_all(Tone::Dim, format!("resumed after {}, which count for nothing", brief(*after))))
        }
        Event::Commanded { command, processes, by } => commanded(command, processes, by),
        Event::Stopping { processes: 0, .. } => Say::Nothing,
        Event::Stopping { processes, now: false } => {
            let processes = count(*processes, "process", "processes");
            let them = if processes.starts_with("1 ") { "it" } else { "them" };
            Say::Now(of_all(Tone::Strong, format!("stopping {processes}; Ctrl-C again kills {them}")))
        }
        Event::Stopping { processes, now: true } => {
            Say::Now(of_all(Tone::Strong, format!("killing {}", count(*processes, "process", "processes"))))
        }
    }
}

fn then(signal: Signal) -> String {
    match signal {
        Signal::KILL => "killing it".to_owned(),
        signal => format!("sending {signal}"),
    }
}

/// What was asked for from elsewhere; what follows from it is said by itself.
fn commanded(command: &Command, processes: &[ProcessName], by: &Actor) -> Say {
    let those = || match processes {
        [] => "nobody".to_owned(),
        [one] => one.to_string(),
        [one, two] => format!("{one} and {two}"),
        [first, rest @ ..] => format!("{first} and {} others", rest.len()),
    };
    let what = match command {
        Command::Start { .. } => format!("start {}", those()),
        Command::Stop { .. } => format!("stop {}", those()),
        Command::Restart { .. } => format!("restart {}", those()),
        Command::Signal { signal, .. } => format!("send {signal} to {}", those()),
        Command::Down => "stop everything".to_owned(),
    };
    match by.via {
        // What we do by ourselves says why elsewhere.
        Via::Itself => Say::Nothing,
        Via::Cli | Via::Keys | Via::Tui | Via::Web | Via::Mcp | Via::Client => {
            Say::Now(of_all(Tone::Dim, format!("{by} asked to {what}")))
        }
    }
}

fn changed(process: &ProcessName, to: &Phase) -> Say {
    match to {
        Phase::Failed { failure: failure @ Failure::Unkillable { .. } } => {
            let text = failure.to_string();
            let text = text.strip_prefix("it ").unwrap_or(&text);
            Say::Now(on(process, Tone::Bad, text))
        }
        Phase::Done { status: ExitStatus::Code(0) } => {
            Say::GoesOn("; that is all it had to do".into(), on(process, Tone::Dim, "is done"))
        }
        // Its tree is being stopped; how it goes on is said after that.
        Phase::Stopping { .. } => Say::Nothing,
        Phase::Idle
        | Phase::Starting
        | Phase::Running { .. }
        | Phase::Ready
        | Phase::Backoff { .. }
        | Phase::Done { .. }
        | Phase::Failed { .. } => Say::Over(process.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Holder, Pid, ProbeFailure, RunId, SpawnFailure, StopMeans, Stray};

    fn said(event: &Event) -> String {
        let sentence = |Sentence { process, text, quotes, .. }: Sentence| match process {
            Some(process) if text.starts_with(':') => format!("{process}{text}"),
            Some(process) => [format!("{process} {text}")].into_iter().chain(quotes).collect::<Vec<_>>().join("\n| "),
            None => text,
        };
        match say(event) {
            Say::Nothing | Say::Over(_) => String::new(),
            Say::Now(said) | Say::Instead(_, said) => sentence(said),
            Say::Soon(said) => sentence(said) + " …",
            Say::GoesOn(goes_on, said) => format!("{goes_on} | {}", sentence(said)),
        }
    }

    #[test]
    fn events_are_said_in_few_words() {
        let worker = ProcessName::new("region.worker").expect("a name");
        let server = ProcessName::new("region.server").expect("a name");
        let run = RunId { process: worker.clone(), number: 2 };
        let pid = Pid(8123);
        let stray = |command: &str| Stray { pid, command: command.into() };
        let s = Duration::from_secs;
        let holder = Holder { pid, command: "uwsgi\x1b[2J".into(), cwd: Some("/home/ana".into()) };
        let refused = ProbeFailure::Refused { target: "127.0.0.1:8010".into() };
        let killed = ExitStatus::Signal { signal: Signal::KILL, core: false };
        let events = [
            Event::Notice { text: "--ingest was given, so --workers is on".into() },
            Event::Started { run: run.clone(), pid },
            Event::BecameReady { run: run.clone(), after: Duration::from_millis(2140) },
            Event::SpawnFailed {
                run: run.clone(),
                failure: SpawnFailure::PortTaken { port: 8010, holder: Some(holder) },
            },
            Event::NotReady { run: run.clone(), after: s(60), last: Some(refused.clone()) },
            Event::HealthChanged { run: run.clone(), health: Health::Degraded, last: Some(refused.clone()) },
            Event::HealthChanged { run: run.clone(), health: Health::Ok, last: None },
            Event::HealthChanged { run: run.clone(), health: Health::Stopped, last: None },
            Event::NotAlive { run: run.clone(), failures: 3, last: refused.clone() },
            Event::Exited { run: run.clone(), status: ExitStatus::Code(1), expected: false, out_of_memory: false },
            Event::Exited { run: run.clone(), status: killed, expected: false, out_of_memory: false },
            Event::Exited { run: run.clone(), status: killed, expected: false, out_of_memory: true },
            Event::Exited { run: run.clone(), status: killed, expected: true, out_of_memory: false },
            Event::RestartScheduled { process: worker.clone(), delay: Duration::from_millis(500) },
            Event::GaveUp {
                process: worker.clone(),
                run: run.clone(),
                why: "5 runs in a row ended early".into(),
                lines: Vec::new(),
            },
            Event::GaveUp {
                process: worker.clone(),
                run: run.clone(),
                why: "5 runs in a row ended early".into(),
                lines: vec!["Traceback".into(), "\x1b[2Jno database".into()],
            },
            Event::Gone { run: run.clone(), leftovers: Leftovers::None },
            Event::Gone {
                run: run.clone(),
                leftovers: Leftovers::Swept(vec![stray("esbuild --service"), stray("node"), stray("a"), stray("b")]),
            },
            Event::Gone { run: run.clone(), leftovers: Leftovers::Swept(vec![stray("sh -c 'a\nb'")]) },
            Event::ShimLost { run: run.clone() },
            Event::Blocked { process: worker.clone(), dependency: server },
            Event::Escalated { run: run.clone(), ignored: Signal::TERM, after: s(10), signal: Signal::KILL },
            Event::Escalated { run: run.clone(), ignored: Signal::INT, after: s(5), signal: Signal::TERM },
            Event::StopCommandFailed {
                run: run.clone(),
                command: "pg_ctl stop".into(),
                why: "exited with 1: no server".into(),
                signal: Signal::TERM,
            },
            Event::StillStopping {
                run: run.clone(),
                by: StopMeans::Signal(Signal::TERM),
                waited: s(4),
                of: s(10),
                remaining: vec![stray("celery"), stray("celery")],
                count: 2,
            },
            Event::StillStopping {
                run: run.clone(),
                by: StopMeans::Command("pg_ctl stop".into()),
                waited: s(2),
                of: s(10),
                remaining: vec![stray("node")],
                count: 4,
            },
            Event::Resumed { after: s(130) },
            Event::Stopping { processes: 11, now: false },
            Event::Stopping { processes: 1, now: false },
            Event::Stopping { processes: 3, now: true },
            Event::PhaseChanged {
                process: worker.clone(),
                run: Some(run),
                from: Phase::Ready,
                to: Phase::Failed { failure: Failure::Unkillable { pids: vec![pid] } },
            },
            Event::PhaseChanged { process: worker, run: None, from: Phase::Idle, to: Phase::Starting },
        ];
        let said: Vec<String> = events.iter().map(said).filter(|said| !said.is_empty()).collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        --ingest was given, so --workers is on
        region.worker ready after 2.1s
        region.worker can't start: port 8010 is taken by pid 8123 (uwsgi\u{1b}[2J, in /home/ana) …
        region.worker isn't ready after 1m 00s: nothing answers at 127.0.0.1:8010
        region.worker is up, but its probe fails: nothing answers at 127.0.0.1:8010
        region.worker is well again
        region.worker was stopped by a signal; its probes wait until it goes on
        region.worker failed its probe 3 times in a row: nothing answers at 127.0.0.1:8010; stopping it
        region.worker exited with 1 …
        region.worker was ended by SIGKILL …
        region.worker was ended by SIGKILL, probably because memory ran out …
        region.worker stopped
        ; starting again in 0.5s | region.worker starts again in 0.5s
        region.worker is left alone: 5 runs in a row ended early
        region.worker is left alone: 5 runs in a row ended early; it said last:
        | Traceback
        | \u{1b}[2Jno database
        region.worker left 4 processes behind, now killed: 8123 esbuild --service, 8123 node, 8123 a, 1 more
        region.worker left 1 process behind, now killed: 8123 sh -c 'a / b'
        region.worker lost its shim; what it had started was killed
        region.worker can't start: it waits for region.server, which failed
        region.worker ignored TERM for 10s; killing it
        region.worker ignored INT for 5s; sending TERM
        region.worker isn't stopped by `pg_ctl stop`, which exited with 1: no server; sending TERM
        region.worker: TERM 4s of 10s, waiting for 2 processes: 8123 celery, 8123 celery
        region.worker: `pg_ctl stop` 2s of 10s, waiting for 4 processes: 8123 node, 3 more
        resumed after 2m 10s, which count for nothing
        stopping 11 processes; Ctrl-C again kills them
        stopping 1 process; Ctrl-C again kills it
        killing 3 processes
        region.worker survived SIGKILL (pid 8123)
        ");
    }
}
