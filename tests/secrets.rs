//! A canary: a secret that a service has and prints in every awkward way is found in nothing that we show or keep.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::stack::Stack;

const CANARY: &str = "canary-5f1d-4711";
const CONFIGURED: &str = "tok_0123456789";

/// `leaky` prints the canary whole, in two writes with time between them, and at its end without a newline.
const PROJECT: &str = r#"
[log]
mask = ["tok_[0-9]+"]

[service.leaky]
pty = PTY
command = ["sh", "-c", """
echo "whole=$API_TOKEN; pattern=tok_0123456789."
printf 'split=canary-5'; sleep 0.4; printf 'f1d-4711!\n'
printf 'prompt: '; sleep 0.4; printf 'tok_01'; sleep 0.4; printf '23456789.\n'
printf "last=$API_TOKEN"
""", "leaky", "canary-5f1d-4711"]
env = { API_TOKEN = "canary-5f1d-4711" }
restart = "never"
exit_on_end = true
"#;

fn contains(bytes: &[u8], what: &str) -> bool {
    bytes.windows(what.len()).any(|window| window == what.as_bytes())
}

/// Every file below a folder that has the canary in it.
fn found_below(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("it is readable").path());
    let found = |path: std::path::PathBuf| match path.is_dir() {
        true => found_below(&path),
        false => {
            let bytes = fs::read(&path).expect("it is readable");
            let leaks = [CANARY, CONFIGURED].iter().any(|secret| contains(&bytes, secret));
            leaks.then(|| path.display().to_string()).into_iter().collect()
        }
    };
    entries.flat_map(found).collect()
}

fn project(pty: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let text = PROJECT.replace("PTY", if pty { "true" } else { "false" });
    fs::write(folder.path().join("devserver.toml"), text).expect("it can be written");
    folder
}

fn no_secret_in_what_is_shown_or_kept(pty: bool) {
    let folder = project(pty);
    let mut stack = Stack::start(folder.path(), &[], &[]);
    stack.ended();
    let output = stack.output();
    for shown in ["whole=••••; pattern=••••.", "split=••••!", "••••.", "last=••••"]
    {
        assert!(output.contains(shown), "{shown:?} is missing in:\n{output}");
    }
    assert!(!output.contains(CANARY) && !output.contains(CONFIGURED), "{output}");
    assert_eq!(found_below(&folder.path().join(".devserver")), Vec::<String>::new());
}

#[test]
fn a_canary_gets_into_nothing_that_is_shown_or_kept_from_pipes() {
    no_secret_in_what_is_shown_or_kept(false);
}

#[test]
fn a_canary_gets_into_nothing_that_is_shown_or_kept_from_a_terminal() {
    no_secret_in_what_is_shown_or_kept(true);
}

#[test]
fn a_plan_shows_a_secret_only_when_told_to() {
    let folder = project(false);
    let said = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_devserver")).args(arguments).current_dir(folder.path()).output();
        let output = output.expect("devserver runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it is text")
    };
    for arguments in
        [&["plan"][..], &["plan", "--json"], &["plan", "--env", "leaky"], &["plan", "--env", "leaky", "--json"]]
    {
        let text = said(arguments);
        assert!(text.contains("••••") && !text.contains(CANARY), "{arguments:?}:\n{text}");
    }
    assert!(said(&["plan", "--env", "leaky", "--reveal"]).contains("API_TOKEN=canary-5f1d-4711"));
}
