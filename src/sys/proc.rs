//! What /proc says of processes. Every answer may be out of date when it is given: nobody here signals
//! anything.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::model::{Pid, Signal};

/// The longest command line that is given out, in characters: it is for messages.
const COMMAND_LENGTH: usize = 120;

/// Some of `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// `R`, `S`, `D`, `T`, `Z` …
    pub state: char,
    /// Its parent.
    pub parent: Pid,
    /// Its process group.
    pub group: Pid,
    /// Its session.
    pub session: Pid,
    /// When it was started, in clock ticks since the machine was. Number and start time together are one
    /// certain process.
    pub started: u64,
}

/// What the kernel says of a process; none when there is no such process.
pub fn stat(pid: Pid) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The second field is the name in parentheses, and may hold blanks and parentheses itself.
    let mut fields = text.get(text.rfind(')')? + 2..)?.split(' ');
    Some(Stat {
        state: fields.next()?.chars().next()?,
        parent: Pid(fields.next()?.parse().ok()?),
        group: Pid(fields.next()?.parse().ok()?),
        session: Pid(fields.next()?.parse().ok()?),
        started: fields.nth(15)?.parse().ok()?,
    })
}

/// When a process was started, in clock ticks since the machine was.
pub fn start_time(pid: Pid) -> Option<u64> {
    stat(pid).map(|stat| stat.started)
}

/// Changes when the machine is started again: pids and start times of another boot mean nothing.
pub fn boot_id() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned())
}

/// The children of a process, zombies included.
pub fn children(pid: Pid) -> Vec<Pid> {
    // By thread: a child belongs to the thread that made it, while that lives.
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let mut found = Vec::new();
    for thread in threads.flatten() {
        match fs::read_to_string(thread.path().join("children")) {
            Ok(text) => found.extend(text.split_ascii_whitespace().filter_map(|word| word.parse().ok()).map(Pid)),
            Err(_) if !Path::new("/proc/thread-self/children").exists() => return children_by_parent(pid),
            // The thread ended; its children went to another, or to another process.
            Err(_) => {}
        }
    }
    found
}

/// The slow way, for kernels that are built without `task/*/children`.
fn children_by_parent(parent: Pid) -> Vec<Pid> {
    all().into_iter().filter(|pid| stat(*pid).is_some_and(|stat| stat.parent == parent)).collect()
}

/// Everything below a process, itself not included. It may miss what forks meanwhile.
pub fn descendants(root: Pid) -> Vec<Pid> {
    let mut found = Vec::new();
    let mut seen = HashSet::from([root]);
    let mut next = vec![root];
    while let Some(pid) = next.pop() {
        for child in children(pid) {
            if seen.insert(child) {
                found.push(child);
                next.push(child);
            }
        }
    }
    found
}

/// Whether `pid` is below `root`, through its parents.
pub fn is_below(pid: Pid, root: Pid) -> bool {
    let mut at = pid;
    // A chain longer than this is a chain that changed under our eyes.
    for _ in 0..1000 {
        match stat(at) {
            Some(stat) if stat.parent == root => return true,
            Some(stat) if stat.parent.0 > 1 => at = stat.parent,
            Some(_) | None => return false,
        }
    }
    false
}

/// The command line of a process, cut; its name where it has none (zombies, kernel threads).
pub fn command_line(pid: Pid) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let words: Vec<_> = text.split('\0').filter(|word| !word.is_empty()).collect();
    let mut line = words.join(" ").replace(char::is_control, " ");
    if line.is_empty() {
        line = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned();
    }
    match line.char_indices().nth(COMMAND_LENGTH) {
        Some((cut, _)) => format!("{}…", line.get(..cut).unwrap_or_default()),
        None => line,
    }
}

/// The short name of a process, zombies included: of its file, cut to 15 bytes, unless it gave itself another.
pub fn name(pid: Pid) -> Option<String> {
    Some(fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end().to_owned())
}

/// Whether a process catches or ignores a signal, so that it isn't ended by it.
pub fn heeds(pid: Pid, signal: Signal) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let sets = status.lines().filter_map(|line| line.strip_prefix("SigCgt:").or_else(|| line.strip_prefix("SigIgn:")));
    let bit = u32::try_from(signal.number() - 1).ok().and_then(|shift| 1_u64.checked_shl(shift)).unwrap_or(0);
    sets.filter_map(|set| u64::from_str_radix(set.trim(), 16).ok()).any(|set| set & bit != 0)
}

/// The working directory of a process, where we may see it.
pub fn cwd(pid: Pid) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

/// Every process that there is.
pub fn all() -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).map(Pid).collect()
}

/// Whether the environment that a process was started with has `name=value`. False where we may not see it.
pub fn has_variable(pid: Pid, name: &str, value: &str) -> bool {
    let wanted = format!("{name}={value}");
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
}

/// The value of a variable of the environment that a process was started with; none where we may not see it.
pub fn variable(pid: Pid, name: &str) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let value = |variable: &[u8]| Some(variable.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?.to_vec());
    let found = environment.split(|byte| *byte == 0).find_map(value)?;
    Some(String::from_utf8_lossy(&found).into_owned())
}

/// The inodes of the sockets that a process has open; none where we may not see them.
pub fn sockets(pid: Pid) -> Option<Vec<u64>> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let inode = |link: PathBuf| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    Some(entries.flatten().filter_map(|entry| inode(fs::read_link(entry.path()).ok()?)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_parentheses_is_read_over() {
        let text = "42 (a) b (c) S 7 42 41 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 9 9";
        let stat = Stat { state: 'S', parent: Pid(7), group: Pid(42), session: Pid(41), started: 123_456 };
        assert_eq!(parse_stat(text), Some(stat));
    }

    #[test]
    fn we_are_below_our_parent() {
        let own = crate::sys::session::own_pid();
        let stat = stat(own).expect("we exist");
        assert_eq!(stat.parent, crate::sys::session::parent_pid());
        assert!(is_below(own, stat.parent));
        assert!(!is_below(stat.parent, own));
        assert_eq!(start_time(own), Some(stat.started));
        let mut seen = children(stat.parent);
        seen.retain(|pid| *pid == own);
        assert_eq!(seen, [own]);
        assert!(children_by_parent(stat.parent).contains(&own));
        assert!(cwd(own).is_some() && boot_id().is_some() && !command_line(own).is_empty());
    }
}
