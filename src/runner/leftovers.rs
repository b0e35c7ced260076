//! What a supervisor left behind that was killed together with all its shims: found, told, and stopped by the next one.
//!
//! Only what is provably its own is signalled. A number proves nothing; a number with its start time does, and the marker
//! that every run has in its environment, and so do a proven parent and a session in which a proven process is, since
//! no session reaches beyond the run that it was begun in.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::clock::Clock;
use super::ledger::{Certain, Ledger};
use crate::model::{Pid, Signal, Stray};
use crate::shim::{MARKER, Step, Target};
use crate::sys::pidfd::PidFd;
use crate::sys::{proc, session, signal};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// How long KILL may take.
const KILL_PATIENCE: Duration = Duration::from_secs(2);

/// How long the shims may take beyond their ladders, if they are still there.
const SHIM_PATIENCE: Duration = Duration::from_secs(5);

/// So many are named.
const NAMED: usize = 8;

/// What a process is, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    certain: Certain,
    parent: i32,
    session: i32,
    /// The marker of a run, if it has one.
    marker: Option<String>,
}

/// Those of `seen` that are provably of this ledger, each with its run, as far as that is known. `own` is what we are and
/// what is above us, `own_session` our session: a terminal may have been opened from a run.
fn proven<'l>(
    ledger: &'l Ledger,
    seen: &'l [Seen],
    own: &HashSet<i32>,
    own_session: i32,
) -> BTreeMap<Certain, Option<&'l str>> {
    let mut found: BTreeMap<Certain, Option<&str>> = BTreeMap::new();
    // What is older than the supervisor can't be its own, whatever it says.
    let young = |seen: &&Seen| seen.certain.started >= ledger.supervisor.started;
    let candidates: Vec<&Seen> = seen.iter().filter(|seen| !own.contains(&seen.certain.pid)).filter(young).collect();
    // Every run has sessions of its own. In these are shells, and other people's work.
    let foreign = |seen: &Seen| [ledger.home, own_session, 0].contains(&seen.session);
    let mut recorded: HashMap<Certain, &str> = HashMap::new();
    for entry in &ledger.runs {
        for certain in entry.members.iter().chain(&entry.main).chain([&entry.shim]) {
            recorded.insert(*certain, &entry.run);
        }
    }
    for seen in &candidates {
        let marked = seen.marker.as_deref().and_then(|marker| marker.strip_prefix(&ledger.session)?.strip_prefix('/'));
        let marked = marked.filter(|_| !foreign(seen));
        if let Some(run) = recorded.get(&seen.certain).copied().or(marked) {
            found.insert(seen.certain, Some(run));
        }
    }
    // Until nothing more follows from what is known.
    loop {
        let by_pid: HashMap<i32, (u64, Option<&str>)> =
            found.iter().map(|(certain, run)| (certain.pid, (certain.started, *run))).collect();
        let in_session: HashMap<i32, Option<&str>> = candidates
            .iter()
            .filter(|seen| !foreign(seen))
            .filter_map(|seen| Some((seen.session, *found.get(&seen.certain)?)))
            .collect();
        let before = found.len();
        for seen in candidates.iter().filter(|seen| !foreign(seen)) {
            let parent = by_pid.get(&seen.parent).filter(|(started, _)| *started <= seen.certain.started);
            let run = parent.map(|(_, run)| *run).or_else(|| in_session.get(&seen.session).copied());
            if let Some(run) = run {
                found.entry(seen.certain).or_insert(run);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

/// Everything that there is and lives, in this moment.
fn look() -> Vec<Seen> {
    let seen = |pid: Pid| {
        let stat = proc::stat(pid).filter(|stat| !matches!(stat.state, 'Z' | 'X'))?;
        let marker = proc::variable(pid, MARKER);
        let certain = Certain { pid: pid.0, started: stat.started };
        Some(Seen { certain, parent: stat.parent.0, session: stat.session.0, marker })
    };
    proc::all().into_iter().filter_map(seen).collect()
}

/// Ourselves and all that is above us.
fn own_line() -> HashSet<i32> {
    let (mut line, mut at) = (HashSet::new(), session::own_pid());
    while at.0 > 0 && line.insert(at.0) {
        at = proc::stat(at).map_or(Pid(0), |stat| stat.parent);
    }
    line
}

/// One certain process below a ledger, and how far it was told.
#[derive(Debug)]
struct Told {
    since: Duration,
    step: usize,
}

/// A dead supervisor's remains.
struct Remains {
    ledger: Ledger,
    own: HashSet<i32>,
    own_session: i32,
}

impl Remains {
    fn living(&self) -> BTreeMap<Certain, Option<String>> {
        let seen = look();
        let proven = proven(&self.ledger, &seen, &self.own, self.own_session);
        proven.into_iter().map(|(certain, run)| (certain, run.map(str::to_owned))).collect()
    }

    fn is_shim(&self, certain: &Certain) -> bool {
        self.ledger.runs.iter().any(|entry| entry.shim == *certain)
    }

    fn ladder(&self, run: Option<&str>) -> Vec<Step> {
        let entry = self.ledger.runs.iter().find(|entry| Some(entry.run.as_str()) == run);
        let usual = || vec![Step { signal: Signal::TERM.number(), target: Target::Group, millis: 10_000 }];
        entry.map_or_else(usual, |entry| entry.ladder.clone())
    }

    /// Whom, in words: `web: 311 node server.js, 319 node; worker: 412 celery`.
    fn words(&self, living: &BTreeMap<Certain, Option<String>>) -> String {
        let mut runs: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let those: Vec<_> = living.iter().filter(|(certain, _)| !self.is_shim(certain)).collect();
        for (certain, run) in those.iter().take(NAMED) {
            let process = run.as_deref().map_or("?", |run| run.split('#').next().unwrap_or(run));
            let pid = Pid(certain.pid);
            let stray = Stray { pid, command: proc::command_line(pid) };
            runs.entry(process).or_default().push(stray.to_string());
        }
        let mut words: Vec<String> = runs.iter().map(|(run, strays)| format!("{run}: {}", strays.join(", "))).collect();
        if those.len() > NAMED {
            words.push(format!("{} more", those.len() - NAMED));
        }
        words.join("; ")
    }

    fn count(&self, living: &BTreeMap<Certain, Option<String>>) -> String {
        match living.keys().filter(|certain| !self.is_shim(certain)).count() {
            1 => "1 process".to_owned(),
            number => format!("{number} processes"),
        }
    }

    /// Shims that are still there do it themselves; we only wait.
    async fn wait_for_shims(&self, clock: &Clock, say: &mut impl FnMut(String)) {
        let longest =
            self.ledger.runs.iter().map(|entry| entry.ladder.iter().map(|step| step.millis).sum::<u64>()).max();
        let patience = Duration::from_millis(longest.unwrap_or_default()) + KILL_PATIENCE + SHIM_PATIENCE;
        let until = clock.now() + patience;
        let mut said = false;
        loop {
            let living = self.living();
            if !living.keys().any(|certain| self.is_shim(certain)) || clock.now() >= until {
                return;
            }
            if !said && living.keys().any(|certain| !self.is_shim(certain)) {
                said = true;
                let (pid, count) = (self.ledger.supervisor.pid, self.count(&living));
                let whom = self.words(&living);
                say(format!(
                    "the devserver that was killed here (pid {pid}) is still being cleaned up by its shims; waiting for {count}: {whom}"
                ));
            }
            clock.sleep(LOOK).await;
        }
    }

    /// Stops what is left: what the run's ladder says, then KILL. Says what it is, and what became of it.
    async fn stop(&self, clock: &Clock, say: &mut impl FnMut(String)) {
        let living = self.living();
        if living.is_empty() {
            return;
        }
        let (pid, count, whom) = (self.ledger.supervisor.pid, self.count(&living), self.words(&living));
        say(format!("the devserver that was killed here (pid {pid}) left {count} behind; stopping {whom}"));
        let start = clock.now();
        let mut told: HashMap<Certain, Told> = HashMap::new();
        loop {
            let living = self.living();
            if living.is_empty() {
                return say("all of it has ended".to_owned());
            }
            let now = clock.now().since(start);
            let mut hopeless = true;
            for (certain, run) in &living {
                let ladder = self.ladder(run.as_deref());
                let length =
                    |step: usize| ladder.get(step).map_or(KILL_PATIENCE, |step| Duration::from_millis(step.millis));
                let first = !told.contains_key(certain);
                let at = told.entry(*certain).or_insert(Told { since: now, step: 0 });
                let next = !first && now.saturating_sub(at.since) >= length(at.step);
                if next && at.step < ladder.len() {
                    (at.since, at.step) = (now, at.step + 1);
                }
                let kills = at.step >= ladder.len();
                hopeless &= kills && now.saturating_sub(at.since) >= KILL_PATIENCE;
                if kills {
                    strike(*certain);
                } else if (first || next)
                    && let Some(step) = ladder.get(at.step)
                {
                    send(*certain, Signal::from_number(step.signal));
                }
            }
            if hopeless {
                return say(format!("{} survived SIGKILL: {}", self.count(&living), self.words(&living)));
            }
            clock.sleep(LOOK).await;
        }
    }
}

/// A descriptor of exactly this process, if it still is.
fn hold(certain: Certain) -> Option<PidFd> {
    let held = PidFd::open(Pid(certain.pid)).ok()?;
    // In this order: what is asked by number is true of `held` if that number still means it afterwards.
    let same = proc::start_time(Pid(certain.pid)) == Some(certain.started);
    (same && held.is_current()).then_some(held)
}

/// The signal, and CONT so that it is heard.
fn send(certain: Certain, signal: Signal) {
    if let Some(held) = hold(certain) {
        let _ = held.send(signal).and_then(|_| held.send(Signal::CONT));
    }
}

/// KILL, to its group too: a signal to a group is atomic against fork.
fn strike(certain: Certain) {
    let Some(held) = hold(certain) else { return };
    let group = session::group_of(Pid(certain.pid)).filter(|group| *group != session::own_group());
    if let Some(group) = group.filter(|_| held.is_current()) {
        let _ = signal::send_group(group, Signal::KILL);
    }
    let _ = held.send(Signal::KILL);
}

/// Looks into this folder for what supervisors left behind that were killed, and stops it. Says what it finds, and what
/// becomes of it. Returns when nothing of it is left, or KILL didn't help.
pub async fn stop_leftovers(folder: &Path, mut say: impl FnMut(String)) {
    let boot = proc::boot_id();
    for (path, ledger) in Ledger::all(folder) {
        if Some(&ledger.boot) == boot.as_ref() {
            if ledger.is_live() {
                continue;
            }
            let own_session = proc::stat(session::own_pid()).map_or(0, |stat| stat.session.0);
            let remains = Remains { ledger, own: own_line(), own_session };
            let clock = Clock::new();
            // Nobody listens.
            let (news, _) = tokio::sync::mpsc::channel(1);
            let mut beating = tokio::task::JoinSet::new();
            beating.spawn(clock.clone().run(news));
            remains.wait_for_shims(&clock, &mut say).await;
            remains.stop(&clock, &mut say).await;
        }
        // Of another start of the machine nothing can be left.
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::runner::ledger::Entry;

    const fn certain(pid: i32, started: u64) -> Certain {
        Certain { pid, started }
    }

    fn seen(pid: i32, started: u64, parent: i32, session: i32, marker: Option<&str>) -> Seen {
        Seen { certain: certain(pid, started), parent, session, marker: marker.map(str::to_owned) }
    }

    /// A supervisor 100 of the terminal 50, with a run whose shim was 110 and whose main process was 111.
    fn ledger() -> Ledger {
        let entry = Entry {
            run: "web#1".into(),
            shim: certain(110, 1_010),
            main: Some(certain(111, 1_011)),
            ladder: Vec::new(),
            members: vec![certain(113, 1_013)],
        };
        let session = "100.1000".into();
        Ledger { boot: "b".into(), supervisor: certain(100, 1_000), home: 50, session, runs: vec![entry] }
    }

    fn pids(seen: &[Seen], own: &[i32], own_session: i32) -> Vec<i32> {
        let ledger = ledger();
        let found = proven(&ledger, seen, &own.iter().copied().collect(), own_session);
        found.keys().map(|certain| certain.pid).collect()
    }

    #[test]
    fn what_is_proven_is_found_whatever_proves_it() {
        let found = pids(
            &[
                seen(110, 1_010, 1, 50, None),
                seen(111, 1_011, 110, 111, None),
                seen(112, 1_012, 111, 111, None),
                seen(113, 1_013, 1, 113, None),
                seen(114, 1_014, 1, 113, None),
                seen(115, 1_015, 1, 115, Some("100.1000/web#1")),
                seen(116, 1_016, 115, 116, None),
                seen(117, 1_017, 1, 117, Some("100.1000/worker#4")),
            ],
            &[],
            60,
        );
        assert_eq!(found, [110, 111, 112, 113, 114, 115, 116, 117]);
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        let strangers = [
            // Their numbers were given out again.
            seen(110, 2_000, 1, 50, None),
            seen(111, 2_001, 1, 111, None),
            seen(113, 2_002, 1, 111, None),
            // Older than the supervisor, and of others.
            seen(40, 900, 1, 40, Some("100.1000/web#1")),
            seen(41, 2_003, 1, 41, Some("100.10001/web#1")),
            seen(42, 2_004, 1, 42, Some("101.1000/web#1")),
            seen(43, 2_005, 1, 43, None),
        ];
        assert_eq!(pids(&strangers, &[], 60), Vec::<i32>::new());
    }

    #[test]
    fn the_terminal_of_the_dead_one_and_ours_are_left_alone() {
        let seen = [
            seen(110, 1_010, 1, 50, None),
            // Its shell, and what that started.
            seen(50, 1_100, 1, 50, None),
            seen(51, 1_200, 50, 50, Some("100.1000/web#1")),
            // A terminal that a run has opened, and in which we were started.
            seen(70, 1_300, 1, 60, Some("100.1000/web#1")),
            seen(71, 1_301, 70, 60, Some("100.1000/web#1")),
            seen(72, 1_302, 1, 72, Some("100.1000/web#1")),
        ];
        assert_eq!(pids(&seen, &[71, 70, 72], 60), [110]);
    }

    proptest! {
        /// However processes come and go: what has neither our numbers with their start times, nor a marker, nor a parent or a
        /// session-mate that is proven, is never among them.
        #[test]
        fn nobody_is_signalled_that_is_not_proven(
            table in prop::collection::vec((100i32..125, 900u64..1_100, 100i32..125, 100i32..125, 0u8..8), 0..40),
        ) {
            let marker = |kind| match kind {
                0 => Some("100.1000/web#1"),
                1 => Some("100.1000"),
                2 => Some("999.1000/web#1"),
                _ => None,
            };
            let mut table: Vec<Seen> = table
                .into_iter()
                .map(|(pid, started, parent, session, kind)| seen(pid, started, parent, session, marker(kind)))
                .collect();
            table.sort_by_key(|seen| seen.certain.pid);
            table.dedup_by_key(|seen| seen.certain.pid);
            let ledger = ledger();
            let found = proven(&ledger, &table, &HashSet::from([120]), 121);
            let recorded = [certain(110, 1_010), certain(111, 1_011), certain(113, 1_013)];
            for certain in found.keys() {
                let one = table.iter().find(|seen| seen.certain == *certain).expect("one of them");
                prop_assert!(certain.started >= 1_000 && certain.pid != 120);
                let by_itself = recorded.contains(certain) || one.marker.as_deref() == Some("100.1000/web#1");
                let by_parent = found.keys().any(|other| other.pid == one.parent && other.started <= certain.started);
                let by_session = table.iter().any(|other| {
                    other.session == one.session && other.certain != *certain && found.contains_key(&other.certain)
                });
                prop_assert!(by_itself || one.session != 121 && (by_parent || by_session));
            }
        }
    }
}
