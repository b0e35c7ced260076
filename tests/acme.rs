//! The bundled example, end to end, as somebody sees it who has just cloned the repository: real Django,
//! Celery, webpack and relay on free ports, events sent with the real SDK.
//!
//! One story, because its stages need each other: set-up in a fresh copy by two supervisors at once, then
//! one supervisor, then a second region, then the monolith.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

use crate::support::stack::{Stack, eventually, free_base, get};

/// webpack, control, region, relay of region, the second region, its relay.
const OFFSETS: [u16; 7] = [0, 1, 10, 15, 20, 25, 6];

/// A copy of what a clone has: no virtualenv, no packages, no databases.
fn fresh_copy() -> tempfile::TempDir {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copy = tempfile::tempdir().expect("a temporary folder");
    fs::copy(root.join("devserver.toml"), copy.path().join("devserver.toml")).expect("the example's file");
    let left_out = [".venv", "node_modules", "var", "dist", "__pycache__", ".pytest_cache", ".devserver"];
    copy_tree(&root.join("examples/acme"), &copy.path().join("examples/acme"), &left_out);
    copy
}

fn copy_tree(from: &Path, to: &Path, left_out: &[&str]) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let name = entry.file_name();
        if left_out.iter().any(|left_out| name == *left_out) {
            continue;
        }
        let target = to.join(&name);
        match entry.path().is_dir() {
            true => copy_tree(&entry.path(), &target, left_out),
            false => drop(fs::copy(entry.path(), target).expect("a file")),
        }
    }
}

/// Uncomments the block of the second region: the lines from `# [silo.de]` to the end of its paragraph.
fn uncomment_second_region(file: &Path) {
    let text = fs::read_to_string(file).expect("the example's file");
    let start = text.find("# [silo.de]").expect("the block is there");
    let end = start + text[start..].find("\n\n").expect("the paragraph ends");
    let block: Vec<&str> =
        text[start..end].lines().map(|line| line.strip_prefix("# ").expect("a commented line")).collect();
    fs::write(file, format!("{}{}{}", &text[..start], block.join("\n"), &text[end..])).expect("it can be written");
}

struct Acme {
    copy: tempfile::TempDir,
    base: u16,
    runtime: tempfile::TempDir,
}

impl Acme {
    fn app(&self) -> PathBuf {
        self.copy.path().join("examples/acme")
    }

    fn start(&self, arguments: &[&str]) -> Stack {
        let address = format!("127.0.0.1:{}", self.base);
        let arguments: Vec<&str> = arguments.iter().copied().chain([address.as_str()]).collect();
        let runtime = self.runtime.path().display().to_string();
        Stack::start(self.copy.path(), &arguments, &[("XDG_RUNTIME_DIR", &runtime)])
    }

    fn json(&self, offset: u16, path: &str) -> Option<Json> {
        let answer = get(self.base + offset, path)?;
        (answer.status == 200).then(|| serde_json::from_str(&answer.body).ok())?
    }

    /// Sends an event with the real SDK, through the page's port; returns its id.
    fn send(&self, message: &str, region: &str) -> String {
        let output = Command::new(self.app().join(".venv/bin/python"))
            .args(["-m", "acme.send", "--message", message, "--region", region])
            .current_dir(self.app())
            .env("ACME_WEB_PORT", self.base.to_string())
            .output()
            .expect("the example's python");
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        said.split_whitespace().last().expect("it prints the id").to_owned()
    }

    #[track_caller]
    fn has_event(&self, offset: u16, message: &str) -> bool {
        let events = self.json(offset, "/api/events/?limit=100").expect("the region answers");
        events.to_string().contains(message)
    }

    #[track_caller]
    fn sees_event(&self, offset: u16, message: &str) {
        eventually(&format!("{message} is in the API at +{offset}"), || {
            let events = self.json(offset, "/api/events/?limit=100")?;
            let event = events.to_string();
            event.contains(message).then_some(())
        });
    }

    #[track_caller]
    fn answers(&self, offset: u16, path: &str, text: &str) {
        let answer = eventually(&format!("{path} at +{offset} answers"), || get(self.base + offset, path));
        assert_eq!(answer.status, 200, "{path} at +{offset}: {}", answer.body);
        assert!(answer.body.contains(text), "{path} at +{offset} has no {text:?}: {}", answer.body);
    }

    #[track_caller]
    fn ticks(&self, offset: u16) {
        let count = || self.json(offset, "/api/silo/")?.pointer("/beat/count")?.as_i64();
        let first = eventually("a first beat", || count().filter(|count| *count > 0));
        eventually("a further beat", || count().filter(|count| *count > first));
    }

    /// No process, port, socket or lock of ours is left.
    #[track_caller]
    fn nothing_left(&self, stacks: &[&Stack]) {
        for stack in stacks {
            assert_eq!(stack.leftovers(), Vec::<String>::new(), "left behind; it said:\n{}", stack.output());
        }
        for offset in OFFSETS {
            let port = self.base + offset;
            assert!(std::net::TcpListener::bind(("127.0.0.1", port)).is_ok(), "port {port} is still taken");
        }
        let files: Vec<_> =
            fs::read_dir(self.runtime.path()).expect("a folder").flatten().map(|file| file.path()).collect();
        assert_eq!(files, Vec::<PathBuf>::new(), "left in the runtime folder");
    }
}

#[test]
fn the_example_comes_up_from_a_fresh_clone_and_leaves_nothing_behind() {
    let acme = Acme {
        copy: fresh_copy(),
        base: free_base(&OFFSETS),
        runtime: tempfile::tempdir().expect("a temporary folder"),
    };
    two_terminals(&acme);
    own_tests(&acme);
    one_supervisor(&acme);
    second_region(&acme);
    monolith(&acme);
}

/// The seed's two commands, started at once in a fresh clone: set-up runs once, the other waits and says for whom.
fn two_terminals(acme: &Acme) {
    let mut control = acme.start(&["--silo=control", "--celery-beat", "--workers"]);
    let mut region = acme.start(&["--silo=region", "--celery-beat", "--workers", "--ingest"]);
    let patience = std::time::Duration::from_secs(300);
    control.wait_for_within("is up after", patience);
    region.wait_for_within("is up after", patience);
    let both = format!("{}\n{}", control.output(), region.output());
    assert!(both.contains("which is setting up"), "nobody waited for the other's set-up:\n{both}");
    acme.answers(0, "/", "<html");
    acme.answers(1, "/_health/", "ok");
    acme.answers(10, "/_health/", "ok");
    acme.ticks(1);
    acme.ticks(10);
    acme.send("from-two-terminals", "us");
    acme.sees_event(10, "from-two-terminals");
    let organizations = eventually("control has heard of the event", || {
        let list = acme.json(1, "/api/organizations/")?;
        list.to_string().contains("\"event_count\":1").then_some(list)
    });
    assert!(organizations.to_string().contains("acme-us"), "{organizations}");
    region.look();
    assert_eq!(control.stop().code(), Some(0), "{}", control.output());
    assert_eq!(region.stop().code(), Some(0), "{}", region.output());
    acme.nothing_left(&[&control, &region]);
}

/// The example's own tests: the broker that loses nothing over a restart, the signed calls, the silo guard.
fn own_tests(acme: &Acme) {
    let output = Command::new(acme.app().join(".venv/bin/python"))
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .current_dir(acme.app())
        .output()
        .expect("the example's python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Both silos in one supervisor; set up already, so nothing is set up again.
fn one_supervisor(acme: &Acme) {
    let mut stack = acme.start(&["--silo=control,region", "--celery-beat", "--workers", "--ingest"]);
    stack.wait_for("is up after");
    acme.answers(0, "/", "<html");
    acme.answers(1, "/_health/", "ok");
    acme.answers(10, "/_health/", "ok");
    acme.send("from-one-supervisor", "us");
    acme.sees_event(10, "from-one-supervisor");
    acme.ticks(1);
    assert!(!stack.output().contains("pip started"), "pip ran again:\n{}", stack.output());
    assert_eq!(stack.stop().code(), Some(0), "{}", stack.output());
    acme.nothing_left(&[&stack]);
}

/// The commented block alone makes a second region.
fn second_region(acme: &Acme) {
    uncomment_second_region(&acme.copy.path().join("devserver.toml"));
    let mut stack = acme.start(&["--silo=all", "--celery-beat", "--workers", "--ingest"]);
    stack.wait_for("is up after");
    acme.answers(20, "/_health/", "ok");
    let silos = acme.json(1, "/api/silos/").expect("control answers");
    assert!(silos.to_string().contains("\"de\""), "control doesn't list de: {silos}");
    acme.send("for-de-only", "de");
    acme.sees_event(20, "for-de-only");
    assert!(!acme.has_event(10, "for-de-only"), "an event for de arrived in us");
    assert_eq!(stack.stop().code(), Some(0), "{}", stack.output());
    acme.nothing_left(&[&stack]);
}

/// Bare `devserver`: the same code on one database.
fn monolith(acme: &Acme) {
    let mut stack = acme.start(&["--celery-beat", "--ingest"]);
    stack.wait_for("is up after");
    acme.answers(0, "/", "<html");
    acme.answers(1, "/_health/", "ok");
    acme.send("from-the-monolith", "us");
    acme.sees_event(1, "from-the-monolith");
    assert_eq!(stack.stop().code(), Some(0), "{}", stack.output());
    acme.nothing_left(&[&stack]);
}
