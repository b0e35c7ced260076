//! Whether the kernel had to kill something for want of memory.

use std::fs;

/// How many processes of our control group were killed because memory ran out. Whoever we start is in it too.
///
/// None where the system doesn't say: without control groups of version 2, or in the root group.
pub fn kills() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = own_group(&groups)?;
    // The second is where both versions are mounted side by side.
    let events = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .iter()
        .find_map(|root| fs::read_to_string(format!("{root}{group}/memory.events")).ok())?;
    killed(&events)
}

fn own_group(groups: &str) -> Option<&str> {
    groups.lines().find_map(|line| line.strip_prefix("0::")).map(|group| group.trim_end_matches('/'))
}

fn killed(events: &str) -> Option<u64> {
    events.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_count_is_read() {
        let events = "low 0\nhigh 7\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n";
        assert_eq!(killed(events), Some(2));
        assert_eq!(killed("low 0\n"), None);
        assert_eq!(own_group("12:pids:/a\n0::/user.slice/b.scope\n"), Some("/user.slice/b.scope"));
        assert_eq!(own_group("0::/\n"), Some(""));
        assert_eq!(own_group("4:memory:/a\n"), None);
    }
}
