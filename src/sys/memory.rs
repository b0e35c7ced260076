//! Whether the kernel had to kill something for want of memory.

use std::fs;

/// How many processes of our control group were killed because memory ran out. Whoever we start is in it too.
///
/// Of both versions of control groups; in a container that sees only its own group that is the root. None where the
/// system doesn't say.
pub fn kills() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let count = |file: String| counted(&fs::read_to_string(file).ok()?);
    files(&groups).into_iter().find_map(count)
}

/// Where the count may stand, the likeliest first.
fn files(groups: &str) -> Vec<String> {
    let mut files = Vec::new();
    // A machine may have both versions mounted side by side; memory is accounted for in one of them.
    if let Some(group) = group_of(groups, |controllers| controllers.split(',').any(|name| name == "memory")) {
        files.extend([group, ""].map(|group| format!("/sys/fs/cgroup/memory{group}/memory.oom_control")));
    }
    if let Some(group) = group_of(groups, str::is_empty) {
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
        files.extend([group, ""].iter().flat_map(|group| roots.map(|root| format!("{root}{group}/memory.events"))));
    }
    files
}

/// Our group in the hierarchy with these controllers: `4:memory:/a` (version 1) or `0::/a` (version 2).
fn group_of(groups: &str, wanted: impl Fn(&str) -> bool) -> Option<&str> {
    let mut lines = groups.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
    lines.find(|(controllers, _)| wanted(controllers)).map(|(_, group)| group.trim_end_matches('/'))
}

/// Both versions count in the same words.
fn counted(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_count_is_read() {
        let events = "low 0\nhigh 7\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n";
        assert_eq!(counted(events), Some(2));
        assert_eq!(counted("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"), Some(5));
        assert_eq!(counted("low 0\n"), None);
    }

    #[test]
    fn it_stands_where_memory_is_accounted_for() {
        assert_eq!(
            files("0::/user.slice/b.scope\n"),
            [
                "/sys/fs/cgroup/user.slice/b.scope/memory.events",
                "/sys/fs/cgroup/unified/user.slice/b.scope/memory.events",
                "/sys/fs/cgroup/memory.events",
                "/sys/fs/cgroup/unified/memory.events",
            ]
        );
        let both = files("12:pids:/a\n4:cpu,memory:/b\n0::/\n");
        assert_eq!(
            both[..2],
            ["/sys/fs/cgroup/memory/b/memory.oom_control", "/sys/fs/cgroup/memory/memory.oom_control"]
        );
        assert_eq!(files("4:pids:/a\n"), Vec::<String>::new());
    }
}
