//! The Makefile and `.ci/run`, as far as they can be shown without running a build inside a test.

use std::path::Path;
use std::process::{Command, Output};

/// Runs make in the package's folder, with this PATH if one is given.
fn make(target: &[&str], path: Option<&Path>) -> Output {
    let make = which::which("make").expect("make runs these tests, or could");
    let mut command = Command::new(make);
    command.args(target).current_dir(env!("CARGO_MANIFEST_DIR"));
    // When `make test` runs us, its own flags aren't for this one.
    for inherited in ["MAKEFLAGS", "MAKELEVEL", "MFLAGS"] {
        command.env_remove(inherited);
    }
    if let Some(path) = path {
        command.env("PATH", path);
    }
    command.output().expect("make was found and is a program")
}

/// A folder with links to these programs and nothing else.
fn path_with(programs: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    for program in programs {
        let from = which::which(program).expect("these are on every machine that builds us");
        std::os::unix::fs::symlink(from, folder.path().join(program)).expect("the folder is new and ours");
    }
    folder
}

#[test]
fn make_alone_lists_the_targets() {
    let output = make(&[], None);
    let listed: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.trim().strip_prefix("make "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    let expected = "help run test check create-db drop-db split-silo-database fmt bench soak fuzz install clean";
    assert_eq!(listed.join(" "), expected);
}

#[test]
fn make_names_every_missing_tool_and_the_package_that_has_it() {
    // Found by name only, never run: any program does for apt-get, python3 must fail to import.
    let path = path_with(&["uname"]);
    let link = |name: &str, to: &str| {
        let to = which::which(to).expect("these are on every machine");
        std::os::unix::fs::symlink(to, path.path().join(name)).expect("the folder is new and ours");
    };
    link("apt-get", "true");
    link("cargo", "true");
    link("python3", "false");
    let output = make(&["tools"], Some(path.path()));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let said: Vec<&str> = said.lines().filter(|line| !line.starts_with("make: ")).collect();
    let install = match cfg!(target_os = "macos") {
        true => "  help: brew install python node",
        false => "  help: sudo apt-get install python3-venv nodejs npm",
    };
    let expected = [
        "error: not on this machine:",
        "  python3's venv module: the example's virtual environment",
        "  node: the example's webpack",
        "  npm: the example's webpack",
        install,
    ];
    assert_eq!(said, expected);
    assert!(!output.status.success());
}

#[test]
fn ci_runs_the_tests_and_then_the_checks() {
    let script = include_str!("../.ci/run");
    let steps: Vec<&str> = script.lines().filter_map(|line| line.strip_prefix("step ")).collect();
    assert_eq!(steps, ["test", "check"]);
}
