//! `devserver logs`: what was said, while it runs and after the end.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::stack::{Stack, eventually};

const PROJECT: &str = r#"
[service.web]
pty = false
command = ["sh", "-c", "echo hello from web; printf 'bye'; echo a warning >&2; read line || true; exec sleep 100"]
stop = [{ signal = "TERM" }]

[service.worker]
pty = false
command = ["sh", "-c", "for i in 1 2 3 4 5; do echo task $i; done; printf '\\033[31mred\\033[0m\\n'; exec sleep 100"]
stop = [{ signal = "TERM" }]
"#;

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("devserver.toml"), PROJECT).expect("it can be written");
    folder
}

/// What `devserver logs` says with these arguments: its code, its output, its errors.
fn logs(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_devserver"));
    let output = command.arg("logs").args(arguments).current_dir(folder).output().expect("devserver runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it is text");
    (output.status.code(), text(output.stdout), text(output.stderr).replace(&folder.display().to_string(), "PROJECT"))
}

fn said(folder: &Path, arguments: &[&str]) -> String {
    let (code, out, errors) = logs(folder, arguments);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{arguments:?}");
    out
}

fn complaint(folder: &Path, arguments: &[&str]) -> String {
    let (code, out, errors) = logs(folder, arguments);
    assert!(code != Some(0) && out.is_empty(), "{arguments:?}: {code:?}\n{out}");
    errors
}

#[test]
fn what_was_said_is_there_while_it_runs_and_after_the_end() {
    let folder = project();
    let folder = folder.path();
    assert_eq!(
        complaint(folder, &[]),
        "error: nothing is stored in PROJECT/.devserver/logs\n  help: start something with `devserver`\n"
    );
    let mut stack = Stack::start(folder, &[], &[]);
    stack.wait_for("a warning");
    stack.wait_for("red");
    eventually("all of it is stored while it runs", || {
        let text = said(folder, &["--raw"]);
        (text.contains("bye") && text.contains("red")).then_some(())
    });
    let mut follower = Stack::start(folder, &["logs", "-f", "web"], &[]);
    follower.wait_for("hello from web");
    stack.stop();
    drop(follower);

    assert_eq!(said(folder, &["worker", "--raw", "--tail", "2"]), "task 5\n\x1b[31mred\x1b[0m\n");
    assert_eq!(said(folder, &["worker", "--raw", "--grep", "task [23]"]), "task 2\ntask 3\n");
    assert_eq!(said(folder, &["worker", "--raw", "--grep", "task", "--tail", "1"]), "task 5\n");
    assert!(said(folder, &["web"]).contains("web       │ hello from web\n"), "{}", said(folder, &["web"]));

    let json = said(folder, &["web", "--json"]);
    let objects: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect();
    let (last, lines) = objects.split_last().expect("there are some");
    let of = |stream: &str| {
        lines.iter().filter(|line| line["stream"] == stream).map(|line| line["text"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((of("stdout"), of("stderr")), (vec!["hello from web".into(), "bye".into()], vec!["a warning".into()]));
    assert!(lines.iter().all(|line| line["process"] == "web" && line["run"] == 1 && line["seq"].is_u64()));

    // A second run: all that came since the cursor, and nothing else.
    let cursor = last["cursor"].as_str().expect("the last one has a cursor").to_owned();
    assert_eq!(said(folder, &["web", "--raw", "--after", &cursor]), "");
    let mut stack = Stack::start(folder, &[], &[]);
    stack.wait_for("a warning");
    stack.wait_for("red");
    stack.stop();
    assert_eq!(said(folder, &["worker", "--raw"]).matches("task 1").count(), 2, "it outlives a restart of the tool");
    for newer in [&["--after", &cursor][..], &["--since-restart"]] {
        let text = said(folder, &[&["worker", "--raw"], newer].concat());
        assert_eq!(text.matches("task 1").count(), 1, "{newer:?}\n{text}");
    }
    let first = lines.iter().find(|line| line["text"] == "hello from web").expect("it said so");
    let first = first["cursor"].as_str().expect("each line has one");
    let rest = said(folder, &["web", "--raw", "--after", first, "--grep", "hello"]);
    assert_eq!(rest.matches("hello").count(), 1, "{rest}");
    assert_eq!(said(folder, &["--since", "1h", "--raw"]), said(folder, &["--raw"]));
}

#[test]
fn what_makes_no_sense_is_said_with_the_fix() {
    let folder = project();
    let folder = folder.path();
    let mut stack = Stack::start(folder, &[], &[]);
    stack.wait_for("a warning");
    stack.wait_for("red");
    stack.stop();
    for (arguments, said) in [
        (&["wroker"][..], "error: nothing is stored of `wroker`\n  help: did you mean `worker`?\n"),
        (&["mail"], "error: nothing is stored of `mail`\n  help: there is something of `web` and `worker`\n"),
        (
            &["--grep", "a("],
            "error: --grep can't be `a(`: unclosed group\n  help: put a backslash before a character that is meant as it stands: `\\(`\n",
        ),
        (
            &["--after", "yesterday"],
            "error: `yesterday` isn't a cursor\n  help: take it from the last line of `devserver logs --json`\n",
        ),
        (
            &["--after", "1-1"],
            "error: the cursor `1-1` is of a run of which nothing is stored here\n  help: leave --after out; the last line of `devserver logs --json` has a new cursor\n",
        ),
    ] {
        assert_eq!(complaint(folder, arguments), said);
    }
    assert!(complaint(folder, &["--since", "soon"]).starts_with("error: --since: `soon`"));
}

/// Runs the project until all was said, and returns the lines of its processes, bare and sorted.
fn shown(folder: &Path, arguments: &[&str]) -> Vec<String> {
    let mut stack = Stack::start(folder, arguments, &[]);
    stack.wait_for("everything is up");
    eventually("all of it is stored", || {
        let text = logs(folder, &["--raw", "--since-restart"]).1;
        (text.contains("bye") && text.contains("warning") && text.contains("red")).then_some(())
    });
    stack.stop();
    let output = stack.output();
    let lines =
        output.lines().filter_map(|line| line.split_once(" │ ")).filter(|(head, _)| !head.contains("devserver"));
    let mut lines: Vec<String> = lines.map(|(_, text)| text.to_owned()).collect();
    lines.sort();
    lines
}

#[test]
fn what_is_shown_can_be_chosen_and_everything_is_stored() {
    let tasks = ["red", "task 1", "task 2", "task 3", "task 4", "task 5"];
    let web = ["a warning", "bye", "hello from web"];
    for (arguments, lines) in [
        (&["--only", "worker"][..], &tasks[..]),
        (&["--hide=worker"], &web),
        (&["--only=web,worker", "--hide", "web"], &tasks),
        (&["--grep", "ask [12]|^red$|bye"], &["bye", "red", "task 1", "task 2"]),
    ] {
        assert_eq!(shown(project().path(), arguments), lines, "{arguments:?}");
    }
    let folder = project();
    let text = format!("{PROJECT}log = {{ show = false }}\n");
    fs::write(folder.path().join("devserver.toml"), text).expect("it can be written");
    assert_eq!(shown(folder.path(), &[]), web, "a quiet service");
    assert_eq!(shown(folder.path(), &["--only=worker"]), tasks, "unless it is named");
}

#[test]
fn a_choice_that_makes_no_sense_starts_nothing() {
    let folder = project();
    for (arguments, said) in [
        ("--only=wroker", "error: --only: no process of this run is called `wroker`\n  help: did you mean `worker`?\n"),
        (
            "--hide=mail",
            "error: --hide: no process of this run is called `mail`\n  help: processes of this run are `web` and `worker`\n",
        ),
        (
            "--grep=[",
            "error: --grep can't be `[`: unclosed character class\n  help: put a backslash before a character that is meant as it stands: `\\(`\n",
        ),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_devserver"));
        let output = command.arg(arguments).current_dir(folder.path()).output().expect("devserver runs");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), errors), (Some(2), format!("{said}\nNothing was started.\n")));
    }
}

/// Lines of several levels, a record of two lines, a traceback, and one service that is quiet.
const LEVELS: &str = r#"
[service.web]
pty = false
command = ["printf", "[INFO] fine\\n[WARNING] two lines:\\nthe second\\n[DEBUG] no\\nGET 503 / HTTP/1.1 0\\nTraceback (most recent call last):\\n  File x\\nKeyError: 1\\n"]
restart = "never"

[service.relay]
pty = false
command = ["printf", "noise\\n[ERROR] more noise\\nTraceback (most recent call last):\\n  File y\\nKeyError: 2\\n"]
log = { show = false }
restart = "never"
"#;

fn of_levels() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("devserver.toml"), LEVELS).expect("it can be written");
    folder
}

/// Runs a project to its end, and returns the lines of its processes, bare.
fn run_to_its_end(folder: &Path, arguments: &[&str]) -> (Vec<String>, String) {
    let mut stack = Stack::start(folder, arguments, &[]);
    stack.ended();
    let output = stack.output();
    let lines = output.lines().filter_map(|line| line.split_once(" │ ").or_else(|| line.split_once(" ┃ ")));
    let lines = lines.filter(|(head, _)| !head.contains("devserver")).map(|(_, text)| text.to_owned());
    (lines.collect(), output)
}

#[test]
fn lines_are_chosen_by_level_and_quiet_services_show_their_tracebacks() {
    let folder = of_levels();
    let folder = folder.path();
    let trace = ["Traceback (most recent call last):", "  File x", "KeyError: 1"];
    let relay = ["Traceback (most recent call last):", "  File y", "KeyError: 2"];
    let (mut lines, output) = run_to_its_end(folder, &["--level", "warn"]);
    lines.sort();
    let warned = ["[WARNING] two lines:", "the second", "GET 503 / HTTP/1.1 0"];
    let mut expected: Vec<&str> = [&warned[..], &trace, &relay].concat();
    expected.sort_unstable();
    assert_eq!(lines, expected, "{output}");
    for said in ["web ready after", "relay ready after", "relay exited with 0"] {
        assert!(output.contains(said), "its start and stop are shown: {said}\n{output}");
    }
    let (lines, _) = run_to_its_end(folder, &["--only=relay", "--level=error"]);
    assert_eq!(lines, [&["[ERROR] more noise"][..], &relay].concat(), "who is named isn't quiet");

    let bare = |arguments: &[&str]| {
        let text = said(folder, &[&["--since-restart"], arguments].concat());
        text.lines().filter_map(|line| Some(line.split_once(" │ ")?.1.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(bare(&["relay", "--level", "fatal"]), Vec::<String>::new());
    assert_eq!(bare(&["relay"]), [&["noise", "[ERROR] more noise"][..], &relay].concat(), "everything is stored");
    assert_eq!(bare(&["web", "--level", "error"]), [&["GET 503 / HTTP/1.1 0"][..], &trace].concat());
    assert_eq!(said(folder, &["web", "--raw", "--level", "fatal"]), "");
    let json = said(folder, &["web", "--json", "--since-restart"]);
    let levels: Vec<String> = json
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|line| Some(line["level"].as_str()?.to_owned()))
        .collect();
    assert_eq!(levels, ["info", "warn", "warn", "debug", "error", "error", "error", "error"]);
    let complaint = complaint(folder, &["--level", "warning"]);
    assert!(complaint.contains("warn"), "it says which there are: {complaint}");
}

#[test]
fn the_stream_is_printed_as_objects_with_cursors_that_logs_takes() {
    let folder = of_levels();
    let folder = folder.path();
    let mut stack = Stack::start(folder, &["--json", "--only=web", "--level=warn"], &[]);
    stack.ended();
    let output = stack.output();
    let objects: Vec<serde_json::Value> =
        output.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no object: {line}"))).collect();
    let lines: Vec<_> =
        objects.iter().filter(|object| object.get("text").is_some() && object.get("event").is_none()).collect();
    assert_eq!(lines.len(), 6, "{output}");
    let events =
        |kind: &str| objects.iter().filter(|object| object["event"] == kind && object["process"] == "web").count();
    assert_eq!((events("started"), events("exited"), events("gone")), (1, 1, 1), "{output}");
    let numbers: Vec<u64> = objects.iter().filter_map(|object| object["seq"].as_u64()).collect();
    assert!(numbers.is_sorted_by(|one, other| one < other), "each has its own number: {numbers:?}");
    let cursor = lines[3]["cursor"].as_str().expect("each line has one");
    assert_eq!(said(folder, &["web", "--raw", "--after", cursor]), "  File x\nKeyError: 1\n");
}
