//! The socket: who may use it, what becomes of a stale one, and what it bears.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use devserver::bus::{Bus, Limits as BusLimits};
use devserver::control::{Limits, Premises, Server};
use devserver::model::Signal;
use devserver::protocol::{Hello, PROGRAM, VERSION};
use jiff::Timestamp;

use super::site::{ByHand, Site};
use crate::support::stack::eventually;

const WEB: &str = "[service.web]\ncommand = [\"FAKE\", \"--print\", \"here I am\"]\n";

/// A server without a stack behind it, with these limits.
fn server(socket: &std::path::Path, limits: Limits) -> Server {
    let hello = Hello {
        version: VERSION,
        program: PROGRAM.to_owned(),
        pid: 1,
        project: "acme".to_owned(),
        folder: "/".into(),
        silos: Vec::new(),
        command: "devserver".to_owned(),
        since: Timestamp::UNIX_EPOCH,
    };
    let (asked, mut questions) = tokio::sync::mpsc::channel(8);
    // Nobody answers: a request stays open until its client leaves.
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Some(question) = questions.recv().await {
            open.push(question);
        }
    });
    let listener = devserver::control::listen(socket).expect("the name is free");
    let premises = Premises { hello, bus: Bus::new(BusLimits::default()), asked, limits };
    Server::start(listener, premises).expect("it starts")
}

#[test]
fn the_socket_and_its_folder_are_for_the_owner_whatever_the_umask() {
    let site = Site::new(WEB);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "umask 000; exec \"$0\"", env!("CARGO_BIN_EXE_devserver")]);
    let runtime = site.path().join("run").display().to_string();
    let mut stack = crate::support::stack::Stack::run(shell, site.path(), &[("XDG_RUNTIME_DIR", &runtime)]);
    stack.wait_for("here I am");
    let socket = site.socket();
    let mode = |path: &std::path::Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&socket), 0o600);
    for folder in socket.ancestors().skip(1).take(2) {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    assert_eq!(stack.stop().code(), Some(0));
    assert!(!socket.exists(), "nothing is left of it");
}

#[test]
fn a_socket_that_a_killed_stack_left_is_taken_over() {
    let site = Site::new(WEB);
    let mut first = site.up(&[]);
    first.wait_for("here I am");
    let socket = site.socket();
    first.signal(Signal::KILL);
    first.ended();
    assert!(fs::symlink_metadata(&socket).expect("it was left").file_type().is_socket());
    assert_eq!(site.run(&["ps"]).code, 7, "a socket alone is no stack");
    let mut second = site.up(&[]);
    second.wait_for("here I am");
    assert_eq!(site.socket(), socket);
    assert_eq!(site.run(&["ps"]).code, 0);
    assert_eq!(second.stop().code(), Some(0));
}

#[test]
fn a_runtime_folder_with_a_long_name_has_its_socket_elsewhere_under_a_digest() {
    let site = Site::new(WEB);
    let long = site.path().join("r".repeat(120));
    fs::DirBuilder::new().mode(0o700).create(&long).expect("the folder is ours");
    let site = site.at(&long);
    let mut stack = site.up(&[]);
    stack.wait_for("here I am");
    let socket = site.socket();
    assert!(!socket.starts_with(&long) && socket.as_os_str().len() < 108, "{}", socket.display());
    assert_eq!(site.run(&["restart", "--wait", "web"]).code, 0);
    assert_eq!(site.run(&["down"]).code, 0);
    assert_eq!(stack.ended().code(), Some(0));
    assert!(!socket.exists());
}

#[test]
fn of_two_that_start_at_once_one_wins_and_an_overlap_is_refused_with_the_holders_name() {
    let silos = "[silo.control]\nprefix = \"control\"\n[silo.region]\nprefix = \"region\"\n";
    let site = Site::new(&format!("{silos}{WEB}"));
    let mut both = [site.up(&["--silo=control,region"]), site.up(&["--silo=region,control"])];
    let loser = eventually("one of them has lost", || both.iter().position(|stack| stack.output().contains("error:")));
    assert_eq!(both[loser].ended().code(), Some(8), "{}", both[loser].output());
    assert!(both[loser].output().contains("silo `control` is already running here: pid"), "{}", both[loser].output());
    let winner = &mut both[1 - loser];
    winner.wait_for("control.web");
    assert_eq!(winner.stop().code(), Some(0));
    let mut region = site.up(&["--silo=region"]);
    region.wait_for("here I am");
    let mut overlap = site.up(&["--silo=control,region"]);
    assert_eq!(overlap.ended().code(), Some(8));
    let said = overlap.output();
    assert!(said.contains("silo `region` is already running here: pid"), "{said}");
    assert!(said.contains("it was started with: devserver --silo=region"), "{said}");
    assert!(said.contains("devserver ps"), "and how to reach it: {said}");
    let mut control = site.up(&["--silo=control"]);
    control.wait_for("here I am");
    let stacks = site.run(&["status", "--json"]).json();
    assert_eq!(stacks["stacks"].as_array().map(Vec::len), Some(2), "each is a stack of its own: {stacks}");
    assert_eq!(site.run(&["down"]).code, 0);
    assert_eq!((region.ended().code(), control.ended().code()), (Some(0), Some(0)));
}

#[test]
fn garbage_is_answered_with_an_error_and_the_stack_goes_on() {
    let site = Site::new(WEB);
    let mut stack = site.up(&[]);
    stack.wait_for("here I am");
    let socket = site.socket();
    let (mut client, hello) = ByHand::connect(&socket);
    assert_eq!((&hello["message"], &hello["version"]), (&"hello".into(), &VERSION.into()));
    for (line, kind) in [
        ("hello", "malformed"),
        ("\u{0}\u{1}\u{2}", "malformed"),
        ("{\"request\":\"fly\"}", "malformed"),
        (&"[".repeat(50_000), "malformed"),
        ("{\"id\":3,\"request\":\"restart\",\"processes\":\"nobody\"}", "unknown-process"),
        ("{\"request\":\"wait\",\"processes\":\"web\",\"until\":{\"log\":\"(\"}}", "malformed"),
    ] {
        let answer = client.ask(line);
        assert_eq!((&answer["message"], &answer["kind"]), (&"refused".into(), &kind.into()), "{line:.40}: {answer}");
    }
    // One byte at a time is slow, and fine.
    for byte in b"{\"id\":9,\"request\":\"status\"}\n" {
        client.write(&[*byte]);
    }
    let answer = client.next().expect("it answers");
    assert_eq!((&answer["answer"], &answer["id"]), (&"status".into(), &9.into()));
    client.write(&vec![b'x'; 70_000]);
    let answer = client.next().expect("it answers");
    assert_eq!(answer["kind"], "too-long", "{answer}");
    assert_eq!(client.next(), None, "and hangs up");
    assert_eq!(site.run(&["status"]).code, 0);
    assert_eq!(stack.stop().code(), Some(0));
}

#[test]
fn a_client_of_another_version_is_told_so_and_let_go() {
    let site = Site::new(WEB);
    let mut stack = site.up(&[]);
    stack.wait_for("here I am");
    let (mut client, _) = ByHand::connect(&site.socket());
    let answer = client.ask("{\"version\":99,\"id\":1,\"request\":\"status\"}");
    assert_eq!(answer["kind"], "version", "{answer}");
    assert!(answer["error"].as_str().is_some_and(|error| error.contains("speaks 99")), "{answer}");
    let end = std::iter::from_fn(|| client.next()).count();
    assert!(end <= 1, "it hangs up");
    assert_eq!(stack.stop().code(), Some(0));
}

#[test]
fn a_command_that_meets_a_stack_of_another_version_says_so_and_ends_with_9() {
    let site = Site::new(WEB);
    let mut stack = site.up(&[]);
    stack.wait_for("here I am");
    let socket = site.socket();
    // In its place: one that says that it speaks another version.
    fs::remove_file(&socket).expect("it is ours");
    let stranger = UnixListener::bind(&socket).expect("the name is free");
    let speaking = std::thread::spawn(move || {
        use std::io::Write as _;
        let (mut stream, _) = stranger.accept().expect("somebody connects");
        let hello = "{\"message\":\"hello\",\"version\":99,\"program\":\"devserver 9.9.9\",\"pid\":1,\"project\":\"x\",\
                     \"folder\":\"/\",\"silos\":[],\"command\":\"devserver\",\"since\":\"2026-11-23T09:12:01Z\"}\n";
        stream.write_all(hello.as_bytes()).expect("it reads");
        stream
    });
    let said = site.run(&["ps"]);
    assert_eq!(said.code, 9, "{said:?}");
    assert!(said.stderr.contains("devserver 9.9.9 runs there"), "{said:?}");
    assert!(said.stderr.contains("stop it with the version that started it"), "{said:?}");
    drop(speaking.join());
    assert_eq!(stack.stop().code(), Some(0));
}

#[test]
fn several_requests_of_one_client_are_answered_each_with_its_id() {
    let site = Site::new(WEB);
    let mut stack = site.up(&[]);
    stack.wait_for("here I am");
    let (mut client, _) = ByHand::connect(&site.socket());
    client.say("{\"id\":1,\"request\":\"wait\",\"processes\":\"web\",\"until\":\"exited\",\"timeout\":60}");
    client.say("{\"id\":2,\"request\":\"status\"}");
    let first = client.next().expect("it answers");
    assert_eq!((&first["id"], &first["answer"]), (&2.into(), &"status".into()), "a wait holds up nobody");
    client.say("{\"id\":3,\"request\":\"stop\",\"processes\":\"web\"}");
    // As `nc -N` does: its side is closed, and it still gets what it asked for.
    client.finish();
    let mut rest: Vec<_> = std::iter::from_fn(|| client.next()).collect();
    rest.sort_by_key(|answer| answer["id"].as_u64());
    assert_eq!(rest.len(), 2, "{rest:?}");
    assert_eq!((&rest[0]["outcome"], &rest[1]["answer"]), (&"true".into(), &"done".into()), "{rest:?}");
    assert_eq!(stack.stop().code(), Some(0));
}

#[tokio::test]
async fn clients_have_a_bound_and_the_next_one_is_told_and_a_place_that_is_left_is_free() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("s");
    let server = server(&socket, Limits { clients: 128, ..Limits::default() });
    let there = socket.clone();
    let checked = tokio::task::spawn_blocking(move || {
        let mut clients: Vec<ByHand> = (0..128).map(|_| ByHand::connect(&there).0).collect();
        let (_, refused) = ByHand::connect(&there);
        assert_eq!((&refused["message"], &refused["kind"]), (&"refused".into(), &"busy".into()), "{refused}");
        clients.pop();
        eventually("there is room again", || {
            let (_, hello) = ByHand::connect(&there);
            (hello["message"] == "hello").then_some(())
        });
    });
    checked.await.expect("all is so");
    server.close().await;
}

#[tokio::test]
async fn who_dawdles_over_a_line_or_asks_for_nothing_is_let_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("s");
    let short = Duration::from_millis(50);
    let server = server(&socket, Limits { line: short, idle: short, ..Limits::default() });
    let there = socket.clone();
    let checked = tokio::task::spawn_blocking(move || {
        for begun in [&b"{\"request\":"[..], b""] {
            let (mut client, _) = ByHand::connect(&there);
            client.write(begun);
            let said = client.next().expect("it says why");
            assert_eq!(said["kind"], "idle", "{said}");
            assert_eq!(client.next(), None);
        }
        // Who waits for an answer isn't idle.
        let (mut waiting, _) = ByHand::connect(&there);
        waiting.say("{\"id\":1,\"request\":\"status\"}");
        let (mut other, _) = ByHand::connect(&there);
        assert_eq!(other.next().expect("it says why")["kind"], "idle");
        waiting.say("{\"id\":2,\"request\":\"fly\"}");
        assert_eq!(waiting.next().expect("it still listens")["id"], 2);
    });
    checked.await.expect("all is so");
    server.close().await;
}
