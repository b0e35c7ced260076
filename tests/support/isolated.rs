//! Tests that kill: in a process namespace of their own where the system allows it, so that nothing outside is hit,
//! nothing of it outlives the test, and what is left can be counted by looking at all there is.

use std::io::Write as _;
use std::process::{Command, Stdio};

const INSIDE: &str = "DEVSERVER_TEST_ISOLATED";

/// Whether we are alone in a namespace, but for what this test started.
pub(crate) fn is_isolated() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Ways to get one: as root, or as a user who may be root in a namespace.
const WAYS: [&[&str]; 2] = [&[], &["--user", "--map-root-user"]];

fn unshare(way: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(way).args(["--pid", "--fork", "--mount-proc", "--kill-child"]).stdin(Stdio::null());
    command
}

/// Runs the rest of a test in a process namespace of its own, where that is allowed; elsewhere right here.
///
/// `name` is the whole name of the test, since it is run again by that. What it says on standard error is passed on.
#[track_caller]
pub(crate) fn isolated(name: &str, test: impl FnOnce()) {
    let allowed = |way: &&&[&str]| {
        let tried = unshare(way).arg("true").stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    let way = match is_isolated() {
        true => None,
        false => WAYS.iter().find(allowed),
    };
    let Some(way) = way else { return test() };
    let own = std::env::current_exe().expect("we are a file");
    let mut inside = unshare(way);
    inside.arg(own).args(["--exact", name, "--nocapture"]).env(INSIDE, "1");
    let output = inside.output().expect("unshare runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
    // Past libtest, which keeps what tests print to itself: figures are for everybody.
    let _ = std::io::stderr().write_all(err.as_bytes());
}
