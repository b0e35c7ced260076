//! Requests that wait until something is true of some processes: the loop around `judge`.
//!
//! It looks again with each event (and each line, where a line is waited for), and says so at once when it can't
//! come true any more.

use std::collections::HashMap;
use std::time::Duration;

use regex::bytes::Regex;
use tokio::time::{Instant, sleep_until};

use super::answer::{meant, picture};
use super::judge::{Judgement, Steady, judge};
use super::server::Premises;
use crate::bus::{Batch, Body, Ending, From, Kind, Record, Stream, Wants};
use crate::logs::Sanitiser;
use crate::model::{ProcessName, RunId, Selector, Status};
use crate::protocol::{Answer, Refusal, RefusalKind, Until, WaitOutcome, Waited};

/// No line that is put together for the pattern is longer.
const LONGEST: usize = 64 * 1024;

/// No wait is longer: a week.
const LONGEST_WAIT: f64 = 7.0 * 24.0 * 3600.0;

/// Waits. The request is answered in any case: what it came to is in the answer.
pub(super) async fn wait(
    premises: &Premises,
    processes: &Selector,
    until: &Until,
    timeout: Option<f64>,
) -> Result<Answer, Refusal> {
    let (pattern, steady) = check(until)?;
    let began = now();
    let deadline = timeout.map(|seconds| began + Duration::from_secs_f64(seconds.clamp(0.0, LONGEST_WAIT)));
    let wants = if pattern.is_some() { Wants::Everything } else { Wants::Events };
    // Before the first look, so that nothing is missed between the two.
    let mut records = premises.bus.subscribe_to(wants, From::Start, Kind::Lossy);
    let first = picture(premises).await?;
    let names = meant(processes, &first)?;
    let mut lines = pattern.map(|pattern| LineSearch::new(pattern, &first));
    let mut steadiness = Steadiness::new(steady);
    let (mut status, mut batch) = (first.clone(), Vec::new());
    loop {
        // What has gathered, before the picture is judged: a line that came before an end counts.
        while matches!(records.next_batch(&mut batch, Some(Duration::ZERO)), Batch::Records) {
            batch.drain(..).for_each(|record| lines.iter_mut().for_each(|lines| lines.record(&record)));
        }
        steadiness.observe(&status);
        let judgements: Vec<Judgement> = names
            .iter()
            .map(|name| {
                let found = lines.as_ref().map(|lines| lines.found.get(name).map(String::as_str));
                judge(until, name, &first, &status, &found, &steadiness.of(name))
            })
            .collect();
        let outcome = outcome(&judgements);
        if let Some(outcome) = outcome {
            return Ok(answer(outcome, began, &names, judgements));
        }
        let due = judgements.iter().filter_map(Judgement::due).min().map(|wait| now() + wait);
        let ended = tokio::select! {
            came = records.next(&mut batch) => matches!(came, Batch::Closed),
            () = at(due) => false,
            () = at(deadline) => return Ok(answer(WaitOutcome::TimedOut, began, &names, judgements)),
        };
        batch.drain(..).for_each(|record| lines.iter_mut().for_each(|lines| lines.record(&record)));
        match picture(premises).await {
            Ok(now) if !ended => status = now,
            // The stack has ended: nothing of it runs, and nothing will.
            Ok(_) | Err(_) => {
                let over: Vec<Judgement> =
                    judgements.into_iter().map(|judgement| judgement.at_the_end(until)).collect();
                let outcome = self::outcome(&over).unwrap_or(WaitOutcome::Never);
                return Ok(answer(outcome, began, &names, over));
            }
        }
    }
}

/// What there is to wait for; refused where it makes no sense.
fn check(until: &Until) -> Result<(Option<Regex>, Option<Duration>), Refusal> {
    let malformed = |error: String| Refusal::new(RefusalKind::Malformed, error);
    match until {
        Until::Ready | Until::Exited => Ok((None, None)),
        Until::Log(pattern) => {
            let regex = Regex::new(pattern).map_err(|error| {
                let error = error.to_string();
                let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                malformed(format!("`{pattern}` is no regular expression: {why}"))
            })?;
            Ok((Some(regex), None))
        }
        Until::Stable(seconds) if (0.0..=LONGEST_WAIT).contains(seconds) => {
            Ok((None, Some(Duration::from_secs_f64(*seconds))))
        }
        Until::Stable(seconds) => Err(malformed(format!("nobody waits for {seconds} s"))),
    }
}

fn outcome(judgements: &[Judgement]) -> Option<WaitOutcome> {
    // One that can't come true makes the rest pointless, whatever they come to.
    if judgements.iter().any(|judgement| matches!(judgement, Judgement::Never(_))) {
        return Some(WaitOutcome::Never);
    }
    judgements.iter().all(|judgement| matches!(judgement, Judgement::Met(_))).then_some(WaitOutcome::True)
}

fn answer(outcome: WaitOutcome, began: Instant, names: &[ProcessName], judgements: Vec<Judgement>) -> Answer {
    let waited = |(name, judgement): (&ProcessName, Judgement)| match judgement {
        Judgement::Met(why) => Waited { name: name.clone(), met: true, why },
        Judgement::Never(why) => Waited { name: name.clone(), met: false, why: Some(why) },
        Judgement::Pending { why, .. } => Waited { name: name.clone(), met: false, why: Some(why) },
    };
    let seconds = (now().duration_since(began).as_secs_f64() * 1000.0).round() / 1000.0;
    Answer::Waited { outcome, seconds, processes: names.iter().zip(judgements).map(waited).collect() }
}

/// Since when each process is ready and well, as far as we have seen.
struct Steadiness {
    wanted: Option<Duration>,
    broken: HashMap<ProcessName, crate::model::Moment>,
}

impl Steadiness {
    fn new(wanted: Option<Duration>) -> Self {
        Self { wanted, broken: HashMap::new() }
    }

    fn observe(&mut self, status: &Status) {
        for process in &status.processes {
            if process.health != crate::model::Health::Ok {
                self.broken.insert(process.name.clone(), status.at);
            }
        }
    }

    fn of(&self, name: &ProcessName) -> Steady {
        Steady { wanted: self.wanted.unwrap_or_default(), broken: self.broken.get(name).copied() }
    }
}

/// Looks through lines for a pattern: of the run that each process has at the beginning, and of later ones.
struct LineSearch {
    pattern: Regex,
    since: HashMap<ProcessName, u32>,
    found: HashMap<ProcessName, String>,
    begun: HashMap<Stream, Vec<u8>>,
}

impl LineSearch {
    fn new(pattern: Regex, first: &Status) -> Self {
        let since = first.processes.iter().filter_map(|process| {
            // A run that is on its way out belongs to what was before.
            let RunId { process: name, number } = process.run.clone()?;
            let leaves = matches!(process.phase, crate::model::Phase::Stopping { .. });
            Some((name, number + u32::from(leaves)))
        });
        Self { pattern, since: since.collect(), found: HashMap::new(), begun: HashMap::new() }
    }

    fn record(&mut self, record: &Record) {
        let Body::Block(block) = &record.body else { return };
        let run = &block.stream.run;
        let old = self.since.get(&run.process).is_some_and(|first| run.number < *first);
        if old || self.found.contains_key(&run.process) {
            return;
        }
        let mut text = Vec::new();
        for line in block.lines() {
            let mut whole = match line.continues {
                true => self.begun.remove(&block.stream).unwrap_or_default(),
                false => Vec::new(),
            };
            whole.extend_from_slice(line.bytes);
            text.clear();
            Sanitiser::plain().line(&whole, &mut text);
            if self.pattern.is_match(&text) {
                self.found.insert(run.process.clone(), String::from_utf8_lossy(&text).into_owned());
                self.begun.retain(|stream, _| stream.run.process != run.process);
                return;
            }
            if line.ending != Ending::Newline && whole.len() < LONGEST {
                self.begun.insert(block.stream.clone(), whole);
            }
        }
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a client waits is the client's business, not the machine's")]
fn now() -> Instant {
    Instant::now()
}
