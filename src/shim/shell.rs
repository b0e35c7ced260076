//! Shells between us and the program: a shell that ends before its program isn't the end of the run.
//!
//! `sh -c 'a | b'` stays as the parent of what it runs, in one group with it. A signal to the group ends the shell at
//! once, while the program may still be about to end well: on a terminal the end of the shell would then hang up on it,
//! and its last lines would come after the end of its run. So the shell gets its signal last.

use crate::model::Pid;
use crate::sys::{proc, session};

const NAMES: [&str; 7] = ["sh", "dash", "bash", "zsh", "ksh", "mksh", "ash"];

/// Whether a process is a shell, by its name. It may have ended, but not been reaped.
pub(super) fn is_one(pid: Pid) -> bool {
    proc::name(pid).is_some_and(|name| NAMES.contains(&name.as_str()))
}

/// What else lives in this group below us.
pub(super) fn mates(leader: Pid, group: Pid) -> Vec<Pid> {
    let mut below = proc::descendants(session::own_pid());
    below.retain(|pid| *pid != leader && lives_in(*pid, group));
    below
}

/// Our own children in this group: what a shell that has ended leaves to us. Those that live first, then those that have
/// ended and weren't reaped.
pub(super) fn heirs(group: Pid, except: Pid) -> Vec<Pid> {
    let mut own = proc::children(session::own_pid());
    own.retain(|pid| *pid != except && proc::stat(*pid).is_some_and(|stat| stat.group == group));
    own.sort_by_key(|pid| !lives_in(*pid, group));
    own
}

fn lives_in(pid: Pid, group: Pid) -> bool {
    proc::stat(pid).is_some_and(|stat| stat.group == group && !matches!(stat.state, 'Z' | 'X'))
}
