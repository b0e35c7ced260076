//! What processes take: time of the CPU, and memory. Read when somebody asks, never in between.

use std::fs;

use super::proc;
use crate::model::Pid;

/// What a process has taken so far, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Clock ticks of all its threads, in the kernel and out of it; there are `ticks_per_second` of them.
    pub ticks: u64,
    /// Bytes of memory.
    pub memory: u64,
}

/// How many clock ticks the kernel counts a second.
pub fn ticks_per_second() -> u64 {
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten();
    ticks.and_then(|ticks| u64::try_from(ticks).ok()).filter(|ticks| *ticks > 0).unwrap_or(100)
}

/// The time that a process has taken, in clock ticks; none when it is gone.
pub fn ticks(pid: Pid) -> Option<u64> {
    parse_ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse_ticks(text: &str) -> Option<u64> {
    // As in `proc`: the name may have blanks and parentheses in it.
    let mut fields = text.get(text.rfind(')')? + 2..)?.split(' ');
    let user: u64 = fields.nth(11)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// The memory of a process in bytes, where a page that n processes share counts as an n-th (PSS). Where the system
/// doesn't tell that, all of it (RSS).
pub fn memory(pid: Pid) -> Option<u64> {
    let parts = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok();
    let parts = parts.and_then(|text| kib_after(&text, "Pss:"));
    parts.or_else(|| kib_after(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmRSS:"))
}

fn kib_after(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Everything that belongs to a run whose main process this is: below its shim, where that can be seen, so that
/// what has left the main process (a daemon) counts too.
pub fn tree(main: Pid) -> Vec<Pid> {
    let shim = proc::stat(main).map(|stat| stat.parent).filter(|parent| proc::name(*parent).is_some_and(is_shim));
    match shim {
        Some(shim) => proc::descendants(shim),
        None => std::iter::once(main).chain(proc::descendants(main)).collect(),
    }
}

fn is_shim(name: String) -> bool {
    name == "dv-shim"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_time_and_memory_are_more_than_none() {
        let own = super::super::session::own_pid();
        assert!(memory(own).is_some_and(|bytes| bytes > 100_000), "{:?}", memory(own));
        assert!(ticks(own).is_some() && ticks_per_second() > 0);
        assert!(tree(own).contains(&own));
        assert_eq!((memory(Pid(i32::MAX)), ticks(Pid(i32::MAX))), (None, None));
    }

    #[test]
    fn time_is_the_sum_of_both_kinds() {
        let text = "42 (a) b (c) S 7 42 41 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 9 9";
        assert_eq!(parse_ticks(text), Some(11));
        assert_eq!(kib_after("Rss:  10 kB\nPss:   3 kB\n", "Pss:"), Some(3072));
    }
}
