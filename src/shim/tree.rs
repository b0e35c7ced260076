//! Finding and signalling what is below us. It never waits and never reaps.

use std::collections::HashSet;

use crate::model::{Pid, Signal};
use crate::sys::pidfd::PidFd;
use crate::sys::{proc, session, signal};

/// A process that is about to get a KILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Struck {
    /// Which.
    pub pid: Pid,
    /// Its process group.
    pub group: Pid,
}

/// Sends KILL to each of `roots`, which are our children, and to everything below them, and to each
/// process group that they are in. Says beforehand whom it will hit.
///
/// To be repeated until no child is left. The groups matter: a signal to a group is atomic against fork, and
/// one pid after the other never catches up with processes that fork faster than we look. On sight, parents
/// first: what is left of a killed parent's children comes to us and is found in the next round.
pub fn strike(roots: &[Pid], spare: &HashSet<Pid>, mut hit: impl FnMut(Struck)) {
    let own = session::own_pid();
    let mut groups = HashSet::from([session::own_group(), Pid(0), Pid(1)]);
    groups.extend(spare);
    let mut seen = HashSet::new();
    let mut next: Vec<Pid> = roots.to_vec();
    while let Some(pid) = next.pop() {
        if !seen.insert(pid) {
            continue;
        }
        let below = proc::children(pid);
        if let Some((held, group)) = hold(pid, own) {
            hit(Struck { pid, group });
            if groups.insert(group) {
                // Held: `held` is a member, so the group can't have become another's meanwhile.
                let _ = signal::send_group(group, Signal::KILL);
            }
            // EPERM: a setuid program; it is reported as a survivor.
            let _ = held.send(Signal::KILL);
        }
        next.extend(below);
    }
}

/// Sends a signal, and then CONT so that stopped ones can act on it, to each process group below us that
/// isn't in `except`. Says beforehand who is in them.
pub(super) fn tell(except: &HashSet<Pid>, signal: Signal, mut hit: impl FnMut(Pid)) {
    let own = session::own_pid();
    let mut done = HashSet::from([session::own_group(), Pid(0), Pid(1)]);
    done.extend(except);
    let grouped = |pid: Pid| session::group_of(pid).map(|group| (pid, group));
    let mut meant: Vec<(Pid, Pid)> = proc::descendants(own).into_iter().filter_map(grouped).collect();
    meant.retain(|(_, group)| !done.contains(group));
    // Before the first signal: of what has ended only the name is left.
    meant.iter().for_each(|(pid, _)| hit(*pid));
    for (pid, _) in meant {
        if let Some((_held, group)) = hold(pid, own)
            && done.insert(group)
        {
            let _ = signal::send_group(group, signal).and_then(|_| signal::send_group(group, Signal::CONT));
        }
    }
}

/// What stands still below us, stopped by a signal or a debugger: each with its start time, which makes it certain.
pub(super) fn standing() -> HashSet<(Pid, u64)> {
    let stat = |pid: Pid| proc::stat(pid).map(|stat| (pid, stat));
    let stands = |stat: &proc::Stat| matches!(stat.state, 'T' | 't');
    let below = proc::descendants(session::own_pid()).into_iter().filter_map(stat);
    below.filter(|(_, stat)| stands(stat)).map(|(pid, stat)| (pid, stat.started)).collect()
}

/// One round of stopping everything below us. `true` when all of it stands still.
///
/// Parents first, so that none acts on its child's stop; and groups, since a signal to a group is atomic against fork.
pub(super) fn freeze() -> bool {
    let own = session::own_pid();
    let mut groups = HashSet::from([session::own_group(), Pid(0), Pid(1)]);
    let mut still = true;
    for pid in proc::descendants(own) {
        let goes = proc::stat(pid).is_some_and(|stat| !matches!(stat.state, 'T' | 't' | 'Z' | 'X'));
        if let Some((held, group)) = goes.then(|| hold(pid, own)).flatten() {
            still = false;
            if groups.insert(group) {
                let _ = signal::send_group(group, Signal::STOP);
            }
            let _ = held.send(Signal::STOP);
        }
    }
    still
}

/// Lets everything below us go on that isn't in `except`. Children first: a shell that goes on before its job would
/// take that for stopped.
pub(super) fn thaw(except: &HashSet<(Pid, u64)>) {
    let own = session::own_pid();
    for pid in proc::descendants(own).into_iter().rev() {
        // Whatever its state: it may not have acted on the stop yet, and CONT takes that back too.
        let stat = proc::stat(pid).filter(|stat| !except.contains(&(pid, stat.started)));
        if let Some((held, _)) = stat.and_then(|_| hold(pid, own)) {
            let _ = held.send(Signal::CONT);
        }
    }
}

/// Sends a signal to one process below us, and CONT so that it is heard.
pub(super) fn tell_one(pid: Pid, signal: Signal) {
    if let Some((held, _)) = hold(pid, session::own_pid()) {
        let _ = held.send(signal).and_then(|_| held.send(Signal::CONT));
    }
}

/// Everything below us that isn't a zombie.
pub(super) fn alive() -> Vec<Pid> {
    let own = session::own_pid();
    proc::descendants(own).into_iter().filter(|pid| proc::stat(*pid).is_some_and(|stat| stat.state != 'Z')).collect()
}

/// A descriptor of this process and its group, if it is below us: a number alone may by now be somebody else's.
fn hold(pid: Pid, own: Pid) -> Option<(PidFd, Pid)> {
    let held = PidFd::open(pid).ok()?;
    // In this order: what is asked by number is true of `held` if that number still means it afterwards.
    let below = proc::is_below(pid, own);
    let group = session::group_of(pid)?;
    (below && held.is_current()).then_some((held, group))
}
