//! Which set-up steps run at a start: each once, and again when what it is made from has changed.

use std::fs;
use std::path::Path;

use crate::support::stack::Stack;

/// Packages, and what is made with them; each notes that it ran.
const PROJECT: &str = r#"
[service.packages]
oneshot = true
command = "echo packages >> ran; cp list installed"
inputs = ["list"]
creates = ["installed"]

[service.migrate]
oneshot = true
depends_on = ["packages"]
command = "echo migrate >> ran; touch database"
inputs = ["models"]
creates = ["database"]
"#;

/// A server that notes which packages it found when it started.
const SERVER: &str = r#"
[service.server]
depends_on = ["migrate"]
command = "echo server with $(cat installed) >> ran"
exit_on_end = true
"#;

fn project(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("devserver.toml"), text).expect("it can be written");
    write(folder.path(), "list", "django 5");
    write(folder.path(), "models", "users");
    folder
}

fn write(folder: &Path, file: &str, text: &str) {
    fs::write(folder.join(file), text).expect("it can be written");
}

/// Starts it, waits for its end, and returns what ran.
#[track_caller]
fn run(folder: &Path, code: i32) -> Vec<String> {
    let _ = fs::remove_file(folder.join("ran"));
    let mut stack = Stack::start(folder, &[], &[("XDG_RUNTIME_DIR", &folder.display().to_string())]);
    assert_eq!(stack.ended().code(), Some(code), "{}", stack.output());
    assert_eq!(stack.leftovers(), Vec::<String>::new());
    let ran = fs::read_to_string(folder.join("ran")).unwrap_or_default();
    ran.lines().map(str::to_owned).collect()
}

#[test]
fn a_step_runs_once_and_again_when_what_it_is_made_from_changes() {
    let folder = project(PROJECT);
    assert_eq!(run(folder.path(), 0), ["packages", "migrate"]);
    assert_eq!(run(folder.path(), 0), Vec::<String>::new());
    write(folder.path(), "models", "users, projects");
    assert_eq!(run(folder.path(), 0), ["migrate"]);
    write(folder.path(), "list", "django 6");
    assert_eq!(run(folder.path(), 0), ["packages", "migrate"], "a step below it changed");
    fs::remove_file(folder.path().join("database")).expect("it was made");
    assert_eq!(run(folder.path(), 0), ["migrate"]);
    // The same packages again: there is nothing new to migrate with.
    fs::remove_file(folder.path().join("installed")).expect("it was made");
    assert_eq!(run(folder.path(), 0), ["packages"]);
}

#[test]
fn nothing_starts_before_the_steps_below_it_are_done_however_far_below() {
    let folder = project(&[PROJECT, SERVER].concat());
    assert_eq!(run(folder.path(), 0), ["packages", "migrate", "server with django 5"]);
    assert_eq!(run(folder.path(), 0), ["server with django 5"]);
    fs::remove_file(folder.path().join("installed")).expect("it was made");
    assert_eq!(run(folder.path(), 0), ["packages", "server with django 5"]);
}

#[test]
fn when_a_step_fails_nothing_above_it_starts_and_it_runs_again_the_next_time() {
    let folder = project(&[PROJECT, SERVER].concat());
    assert_eq!(run(folder.path(), 0), ["packages", "migrate", "server with django 5"]);
    let list = folder.path().join("list");
    let away = folder.path().join("away");
    fs::rename(&list, &away).expect("it is there");
    assert_eq!(run(folder.path(), 5), ["packages"], "there is nothing to copy");
    fs::rename(&away, &list).expect("it is there");
    write(folder.path(), "list", "django 6");
    assert_eq!(run(folder.path(), 0), ["packages", "migrate", "server with django 6"]);
}
