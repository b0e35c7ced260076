//! Why a run doesn't start, in words that name what to mend.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use devserver::model::{Pid, SpawnFailure};
use devserver::plan::EnvValue;
use devserver::sys::socket::send_descriptors;
use devserver::sys::{proc, signal};

use super::harness::{SHIM, eventually, fake, try_start, words};

async fn why(command: Vec<String>, change: impl FnOnce(&mut devserver::plan::ProcessSpec)) -> SpawnFailure {
    match try_start(command, change).await {
        Ok(_) => panic!("it started"),
        Err(failure) => failure,
    }
}

fn script(folder: &Path, name: &str, text: &str, mode: u32) -> String {
    let path = folder.join(name);
    fs::write(&path, text).expect("it can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is ours");
    path.to_str().expect("UTF-8").to_owned()
}

#[tokio::test]
async fn each_way_not_to_start_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let here = at.display();
    let plain = script(at, "plain", "echo hello\n", 0o755);
    let cases: Vec<(Vec<String>, String)> = vec![
        (words("no-such-program"), "`no-such-program` is not on its PATH".to_owned()),
        (words("./no-such"), "can't execute `./no-such`: there is no such file".to_owned()),
        (
            vec![plain],
            format!(
                "can't execute `{here}/plain`: it is neither a program for this machine nor a script with a `#!` line"
            ),
        ),
        (vec![script(at, "empty", "", 0o755)], format!("can't execute `{here}/empty`: it is empty")),
        (
            vec![script(at, "closed", "#!/bin/sh\n", 0o644)],
            format!("can't execute `{here}/closed`: it isn't executable"),
        ),
        (
            vec![script(at, "lost", "#! /no/such/python -u\n", 0o755)],
            format!("can't execute `{here}/lost`: its interpreter `/no/such/python` isn't there"),
        ),
        (
            vec![script(at, "dos", "#!/bin/sh\r\necho\r\n", 0o755)],
            format!("can't execute `{here}/dos`: its first line ends in a Windows line break"),
        ),
        (vec![format!("{here}")], format!("can't execute `{here}`: it is a folder")),
    ];
    for (command, expected) in cases {
        let failure = why(command, |_| {}).await;
        assert_eq!(failure.to_string(), expected);
        assert!(!failure.is_transient(), "{failure}");
    }
}

#[tokio::test]
async fn a_program_that_may_not_be_executed_hides_none_further_down_the_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    fs::create_dir(&first).expect("it is ours");
    fs::create_dir(&second).expect("it is ours");
    script(&first, "tool", "#!/bin/sh\nexit 1\n", 0o644);
    let path = format!("{}:{}", first.display(), second.display());
    let with_path = |spec: &mut devserver::plan::ProcessSpec| {
        spec.env.insert("PATH".to_owned(), EnvValue { value: path.clone(), origin: String::new() });
    };
    let failure = why(words("tool"), with_path).await;
    assert_eq!(failure.to_string(), format!("can't execute `{}/tool`: it isn't executable", first.display()));
    script(&second, "tool", "#!/bin/sh\nexit 0\n", 0o755);
    let mut run = try_start(words("tool"), with_path).await.expect("the second one starts");
    run.rest().await;
}

#[tokio::test]
async fn a_working_directory_is_named_when_it_is_that() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("it is ours");
    let missing = folder.path().join("missing");
    let failure = why(words("true"), |spec| spec.cwd = missing.clone()).await;
    assert_eq!(failure.to_string(), format!("can't enter the folder `{}`: there is no such folder", missing.display()));
    let failure = why(words("true"), |spec| spec.cwd = file.clone()).await;
    assert_eq!(failure.to_string(), format!("can't enter the folder `{}`: it isn't a folder", file.display()));
}

#[tokio::test]
async fn a_variable_that_is_too_large_is_named() {
    let failure = why(words("true"), |spec| {
        let value = "x".repeat(3 << 20);
        spec.env.insert("HUGE".to_owned(), EnvValue { value, origin: String::new() });
    })
    .await;
    let text = failure.to_string();
    let expected = "true`: its arguments and environment are too large (the variable `HUGE` alone has 3072 KiB)";
    assert!(text.ends_with(expected), "{text}");
}

#[tokio::test]
async fn a_shim_that_cannot_be_started_is_a_failure_too() {
    let spec = super::harness::spec(fake(&[]));
    let run = devserver::model::RunId { process: spec.name.clone(), number: 1 };
    for (exe, why) in
        [("/no/such", "No such file or directory"), ("/bin/true", "it ended before the service was started")]
    {
        let spawner = devserver::runner::Spawner::new(exe.into(), "/".into());
        let failure = spawner.spawn(&spec, &[], &run).await.expect_err("that is no shim");
        assert!(matches!(&failure, SpawnFailure::Shim { why: text } if text.starts_with(why)), "{failure:?}");
    }
}

/// A shim by hand: our end of its socket, and itself.
fn bare_shim() -> (UnixStream, std::process::Child) {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let child = Command::new(SHIM)
        .arg0("dv-shim")
        .arg("by-hand")
        .process_group(0)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    send_descriptors(&ours, b'>', &[]).expect("it takes it");
    (ours, child)
}

#[test]
fn a_shim_leaves_when_it_hears_garbage_or_nothing() {
    for garbage in [&b"\xff\xff\xff\xff"[..], b"\x05\0\0\0hello", b""] {
        let (mut ours, mut child) = bare_shim();
        ours.write_all(garbage).expect("it takes it");
        ours.shutdown(std::net::Shutdown::Write).expect("it is open");
        let mut answer = Vec::new();
        ours.read_to_end(&mut answer).expect("it closes");
        assert_eq!(answer, b"", "{garbage:?}");
        assert_eq!(child.wait().expect("it is ours").success(), garbage.is_empty());
    }
}

#[test]
fn a_shim_has_its_own_name_and_ignores_what_would_end_it() {
    let (ours, mut child) = bare_shim();
    let pid = Pid(i32::try_from(child.id()).expect("a pid"));
    let name = || fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    eventually("it calls itself dv-shim", || name() == "dv-shim\n");
    assert_eq!(proc::command_line(pid), "dv-shim by-hand");
    for number in (1..32).filter(|number| ![9, 19].contains(number)) {
        signal::send(pid, devserver::model::Signal::from_number(number)).expect("it is ours");
    }
    assert_eq!(child.try_wait().expect("it is ours"), None);
    drop(ours);
    assert!(child.wait().expect("it is ours").success());
}
