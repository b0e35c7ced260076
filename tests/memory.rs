//! A kill for want of memory, by a real kernel: in a control group of our own, where we may make one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::stack::Stack;

/// A control group with little memory, of either version. Removed when it is dropped.
struct Small(PathBuf);

impl Small {
    fn new() -> Option<Self> {
        let name = format!("devserver-test-{}", std::process::id());
        let limits = [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        limits.into_iter().find_map(|(root, limit)| {
            let group = Path::new(root).join(&name);
            fs::create_dir(&group).ok()?;
            let small = Self(group);
            fs::write(small.0.join(limit), "100000000").ok()?;
            Some(small)
        })
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_process_that_ran_out_of_memory_is_said_to_have_probably_done_so() {
    let Some(small) = Small::new() else {
        println!("not tried: no control group with a limit can be made here");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    // It keeps what it reads until there is a newline, and there is none.
    let text = "[service.hungry]\ncommand = [\"tail\", \"/dev/zero\"]\nrestart = \"never\"\n";
    fs::write(folder.path().join("devserver.toml"), text).expect("it is written");
    let enter = format!("echo $$ > {}/cgroup.procs && exec {}", small.0.display(), env!("CARGO_BIN_EXE_devserver"));
    let mut command = Command::new("sh");
    command.args(["-c", &enter]);
    let mut stack = Stack::run(command, folder.path(), &[("XDG_RUNTIME_DIR", &folder.path().display().to_string())]);
    assert_eq!(stack.ended().code(), Some(5), "{}", stack.output());
    let said = "hungry was ended by SIGKILL, probably because memory ran out";
    assert!(stack.output().contains(said), "{}", stack.output());
}
