//! The checker checked: each rule finds what breaks it in a small source, and lets pass what doesn't.

use super::tree::{Tree, Violation};
use super::violations;

const MANIFEST: &str = "[dependencies]\nserde_json = \"1\"\nhyper-util = \"1\"\n";

/// What a tree of these files breaks: `file:line: what`.
#[track_caller]
fn found(files: &[(&str, &str)]) -> Vec<String> {
    // The parents that the files need, so that only what the test is about is found.
    let mut all = vec![("Cargo.toml", MANIFEST.to_owned())];
    for (path, text) in files {
        let text = if path.ends_with(".rs") && !text.starts_with("//!") {
            format!("//! A test's.\n{text}")
        } else {
            (*text).to_owned()
        };
        all.push((path, text));
    }
    let borrowed: Vec<(&str, &str)> = all.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let listed = |violation: &Violation| !violation.what.starts_with("isn't listed");
    let found = violations(&Tree::of(&borrowed));
    found.iter().filter(|it| listed(it)).map(|it| format!("{}:{}: {}", it.file, it.line, it.what)).collect()
}

/// What one file of `src/` breaks, without its name.
#[track_caller]
fn found_in(path: &str, text: &str) -> Vec<String> {
    found(&[(path, text)]).iter().map(|it| it.strip_prefix(path).unwrap_or(it)[1..].to_owned()).collect()
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_room_may_import_what_its_row_in_the_table_says() {
    let files = [
        ("src/model/mod.rs", "mod name;\npub use name::Name;"),
        ("src/model/name.rs", "pub struct Name;"),
        ("src/plan/mod.rs", "mod spec;\npub use spec::Spec;"),
        (
            "src/plan/spec.rs",
            "use crate::model::Name;\nuse super::Spec as Own;\npub struct Spec(pub Name, std::path::PathBuf);",
        ),
        ("src/cli/mod.rs", "mod up;"),
        ("src/cli/up.rs", "use crate::{model, plan::Spec};\nfn up() { model::Name; crate::plan::Spec; self::up(); }"),
    ];
    assert_eq!(found(&files), NOTHING);
}

#[test]
fn an_import_against_the_table_is_found_wherever_it_stands() {
    let table = [
        ("use crate::config::Config;", "crate::config::Config"),
        ("use super::super::config::Config;", "super::super::config::Config"),
        ("use crate::{model::Name, config::Config};", "crate::config::Config"),
        ("use crate::config::*;", "crate::config"),
        ("use crate::config as settings;", "crate::config"),
        ("fn f(of: &crate::config::Config) {}", "crate::config::Config"),
        ("fn f() { crate::config::load(); }", "crate::config::load"),
        ("fn f() -> Box<dyn crate::config::Load> { loop {} }", "crate::config::Load"),
        ("fn f() { println!(\"{}\", crate::config::NAME); }", "crate::config::NAME"),
        ("#[derive(crate::config::Layer)] struct S;", "crate::config::Layer"),
        ("mod tests { use crate::config::Config; }", "crate::config::Config"),
        ("impl crate::config::Load for u8 {}", "crate::config::Load"),
        ("use devserver::config::Config;", "devserver::config::Config"),
    ];
    for (text, path) in table {
        let files = [
            ("src/config/mod.rs", "mod load;\npub use load::Config;"),
            ("src/config/load.rs", "pub struct Config;"),
            ("src/model/mod.rs", ""),
            ("src/supervise/machine.rs", text),
        ];
        let expected = format!("src/supervise/machine.rs:2: `supervise` imports `config`: `{path}`");
        assert_eq!(found(&files), [expected], "{text}");
    }
}

#[test]
fn a_path_through_an_imported_module_is_followed() {
    let files = [
        ("src/views/mod.rs", "mod plain;"),
        ("src/views/plain.rs", "use crate as all;\nfn f() { all::runner::drive(); }"),
        ("src/runner/mod.rs", ""),
    ];
    assert_eq!(found(&files), ["src/views/plain.rs:3: `views` imports `runner`: `all::runner::drive`"]);
}

#[test]
fn a_re_export_leads_where_the_thing_is_defined() {
    let files = [
        ("src/config/mod.rs", "mod schema;\npub use schema::Flag;"),
        ("src/config/schema.rs", "pub struct Flag;"),
        ("src/plan/mod.rs", "pub use crate::config::Flag;\npub use crate::config::Flag as Renamed;\nmod choices;"),
        ("src/plan/choices.rs", "pub use crate::config::*;"),
        ("src/supervise/a.rs", "use crate::plan::Flag;"),
        ("src/supervise/b.rs", "fn f(of: crate::plan::Renamed) {}"),
        ("src/supervise/c.rs", "use crate::plan::choices::Flag;"),
    ];
    let expected = [
        "src/supervise/a.rs:2: `supervise` reaches `config` through a re-export: `crate::plan::Flag`",
        "src/supervise/b.rs:2: `supervise` reaches `config` through a re-export: `crate::plan::Renamed`",
        "src/supervise/c.rs:2: `supervise` reaches `config` through a re-export: `crate::plan::choices::Flag`",
    ];
    assert_eq!(found(&files), expected);
}

#[test]
fn tests_in_a_file_of_their_own_see_what_their_parent_sees() {
    let files = [
        ("src/plan/mod.rs", "mod spec;"),
        ("src/plan/spec.rs", "use std::time::Instant;\n#[path = \"spec_tests.rs\"]\nmod tests;"),
        ("src/plan/spec_tests.rs", "use super::*;\nfn f() { Instant::now(); }"),
    ];
    assert_eq!(found(&files), ["src/plan/spec_tests.rs:3: `plan` names `std::time::Instant::now`"]);
}

#[test]
fn a_circle_of_imports_ends() {
    let files = [
        ("src/model/a.rs", "pub use super::b::*;\nuse super::b::Thing;\nfn f() { Thing::new(); Other::new(); }"),
        ("src/model/b.rs", "pub use super::a::*;\npub use super::a::Thing;"),
        ("src/model/mod.rs", "mod a;\nmod b;\npub use a::*;\nuse which::which;"),
    ];
    assert_eq!(found(&files), ["src/model/mod.rs:5: `model` names `which`"]);
}

#[test]
fn a_room_without_a_row_is_found() {
    assert_eq!(found_in("src/helpers/mod.rs", "use std::fmt;"), ["1: `helpers` is a room that the table doesn't have"]);
}

#[test]
fn a_pure_room_names_nothing_that_reaches_out() {
    let table = [
        ("use std::fs;", "std::fs"),
        ("use std::{fmt, fs::File};", "std::fs"),
        ("use ::std::net::TcpStream;", "std::net"),
        ("use std::time::Instant; fn f() { Instant::now(); }", "std::time::Instant::now"),
        ("use std::time; fn f() { time::SystemTime::now(); }", "std::time::SystemTime::now"),
        ("use std::time::Instant as I; fn f() { vec![I::now()]; }", "std::time::Instant::now"),
        ("mod tests { use super::*; fn f() { Instant::now(); } } use std::time::Instant;", "std::time::Instant::now"),
        ("fn f() { jiff::ZonedDateTime::now(); }", "jiff::ZonedDateTime::now"),
        ("use jiff::Timestamp; fn f() { let now = Timestamp::now; }", "jiff::Timestamp::now"),
        ("fn f() { std::env::var(\"HOME\"); }", "std::env"),
        ("#[tokio::test] async fn f() {}", "tokio"),
        ("extern crate nix;", "nix"),
        ("fn f() { std::thread::spawn(g); }", "std::thread"),
        ("fn f() { std::process::Command::new(\"ls\"); }", "std::process"),
    ];
    for room in ["model", "protocol", "config", "plan", "supervise", "logs"] {
        for (text, name) in table {
            let found = found_in(&format!("src/{room}/a.rs"), text);
            assert!(found.contains(&format!("2: `{room}` names `{name}`")), "{room}, {text}: {found:?}");
        }
    }
    let fine =
        "use std::time::{Duration, Instant};\nfn f(at: Instant, env: u8) { env!(\"X\"); fs::read(); at.elapsed(); }";
    assert_eq!(found_in("src/plan/a.rs", fine), NOTHING);
}

#[test]
fn a_pure_room_calls_no_method_that_asks_the_disk() {
    let text = "fn f(path: &std::path::Path) -> bool {\n    path.is_absolute() && path.exists()\n}";
    assert_eq!(found_in("src/config/a.rs", text), ["3: a pure room calls `.exists()`"]);
    assert_eq!(found_in("src/cli/a.rs", text), NOTHING);
}

#[test]
fn the_bus_may_wait_and_may_not_read() {
    assert_eq!(found_in("src/bus/a.rs", "use tokio::sync::Notify;\nuse std::time::Instant;"), NOTHING);
    assert_eq!(found_in("src/bus/a.rs", "use tokio::net::TcpStream;"), ["2: `bus` names `tokio::net`"]);
    assert_eq!(found_in("src/bus/a.rs", "use std::fs::File;"), ["2: `bus` names `std::fs`"]);
}

#[test]
fn some_crates_have_one_door() {
    assert_eq!(found_in("src/config/expr.rs", "use minijinja::Environment;"), NOTHING);
    assert_eq!(found_in("src/config/expr/scope.rs", "use minijinja::Value;"), NOTHING);
    assert_eq!(found_in("src/config/check.rs", "use minijinja::Value;"), ["2: `config` names `minijinja`"]);
    assert_eq!(found_in("src/cli/args.rs", "use clap::Arg;"), NOTHING);
    assert_eq!(found_in("src/runner/a.rs", "use clap::Arg;"), ["2: `runner` names `clap`"]);
    assert_eq!(found_in("src/sys/a.rs", "use nix::libc::pid_t;"), NOTHING);
    assert_eq!(found_in("src/runner/a.rs", "use nix::unistd::Pid;"), ["2: `runner` names `nix`"]);
    let through = [("src/sys/mod.rs", "pub use nix::unistd;"), ("src/runner/a.rs", "use crate::sys::unistd::fork;")];
    assert_eq!(found(&through), ["src/runner/a.rs:2: `runner` names `nix`"]);
}

#[test]
fn the_shim_uses_the_standard_library_and_little_else() {
    let fine = "use std::os::fd::OwnedFd;\nuse crate::sys::signal;\nuse serde_json::Value;\nfn f<T: Into<u8>>() { T::into; u8::MAX; }";
    assert_eq!(found(&[("src/sys/mod.rs", "mod signal;"), ("src/shim/a.rs", fine)]), NOTHING);
    assert_eq!(found_in("src/shim/a.rs", "use hyper_util::rt;"), ["2: `shim` names `hyper_util`"]);
}

#[test]
fn nobody_exits_by_himself_or_has_a_queue_without_bound() {
    let table = [
        ("use std::process; fn f() { process::exit(1); }", "std::process::exit"),
        ("use tokio::sync::mpsc; fn f() { mpsc::unbounded_channel(); }", "tokio::sync::mpsc::unbounded_channel"),
        ("use std::sync::mpsc::channel;", "std::sync::mpsc::channel"),
        ("fn f() { tokio::select! { _ = std::process::exit(1) => {} } }", "std::process::exit"),
    ];
    for (text, name) in table {
        assert_eq!(found_in("src/runner/a.rs", text), [format!("2: `runner` names `{name}`")], "{text}");
    }
    assert_eq!(
        found_in("src/runner/a.rs", "use tokio::sync::mpsc::channel;\nuse std::sync::mpsc::sync_channel;"),
        NOTHING
    );
}

#[test]
fn a_static_that_changes_is_found() {
    let table = [
        "static mut N: u8 = 0;",
        "static N: AtomicUsize = AtomicUsize::new(0);",
        "pub static N: std::sync::OnceLock<String> = std::sync::OnceLock::new();",
        "fn f() { static N: LazyLock<Vec<u8>> = LazyLock::new(Vec::new); }",
        "static N: [Mutex<u8>; 1] = [Mutex::new(0)];",
    ];
    for text in table {
        assert_eq!(found_in("src/runner/a.rs", text), ["2: `static N` changes, or is filled later"], "{text}");
    }
    let local = "thread_local! { static N: u8 = 0; }";
    assert_eq!(found_in("src/runner/a.rs", local), ["2: `thread_local!` holds state"]);
    assert_eq!(found_in("src/runner/a.rs", "static NAMES: &[&str] = &[\"a\"];\nconst N: u8 = 0;"), NOTHING);
}

#[test]
fn unsafe_stands_in_two_rooms() {
    let text = "// unsafe in a comment\nfn f() {\n    unsafe { g() }\n}";
    assert_eq!(found_in("src/sys/a.rs", text), NOTHING);
    assert_eq!(found_in("src/shim/a.rs", text), NOTHING);
    assert_eq!(found_in("src/runner/a.rs", text), ["4: `unsafe` outside `sys` and `shim`"]);
}

#[test]
fn the_name_of_the_application_stands_in_the_preset_alone() {
    let text = "const NAME: &str = \"sentry\";";
    assert_eq!(found_in("src/config/preset.rs", text), NOTHING);
    assert_eq!(found_in("src/config/layer.rs", text), ["2: names `sentry`"]);
    assert_eq!(found_in("src/plan/a.rs", "const MODE: &str = \"SENTRY_MODE\";"), ["2: names `sentry`"]);
    assert_eq!(found_in("tests/seed.rs", text), NOTHING);
}

#[test]
fn a_file_begins_with_its_purpose_and_ends_in_time() {
    let bare = [("src/plan/a.rs", "//! Fine."), ("Cargo.toml", "")];
    assert_eq!(found(&bare), NOTHING);
    let files = Tree::of(&[("Cargo.toml", ""), ("src/plan/a.rs", "use std::fmt;")]);
    assert!(violations(&files).iter().any(|it| it.what == "doesn't begin with `//!`"));
    let lines = |count: usize| format!("//! A.\n{}", "// more\n".repeat(count - 1));
    assert_eq!(found_in("src/plan/a.rs", &lines(500)), NOTHING);
    assert_eq!(found_in("src/plan/a.rs", &lines(501)), ["501: has 501 lines, and 500 is the limit"]);
    assert_eq!(found_in("src/plan/mod.rs", &lines(50)), ["50: has 50 lines, and 49 is the limit"]);
    assert_eq!(found_in("tests/seed.rs", &lines(701)), ["701: has 701 lines, and 700 is the limit"]);
}

#[test]
fn a_mod_rs_is_a_table_of_contents() {
    let text = "mod spec;\npub use spec::Spec;\nfn plan() {}";
    assert_eq!(found_in("src/plan/mod.rs", text), ["4: a `mod.rs` with something else than `mod` and `use`"]);
}

#[test]
fn a_file_that_nobody_lists_is_found() {
    let files = [
        ("Cargo.toml", ""),
        ("src/lib.rs", "//! A.\npub mod plan;"),
        ("src/plan/mod.rs", "//! A.\nmod spec;\n// mod ports;"),
        ("src/plan/spec.rs", "//! A.\n#[cfg(test)]\n#[path = \"spec_tests.rs\"]\nmod tests;"),
        ("src/plan/spec_tests.rs", "//! A."),
        ("src/plan/ports.rs", "//! A."),
        ("tests/main.rs", "//! A.\nmod seed;\nmod support;"),
        ("tests/seed.rs", "//! A."),
        ("tests/orphans.rs", "//! A."),
        ("tests/support/mod.rs", "//! A."),
        ("tests/fake/main.rs", "//! A."),
        ("tests/fake/listen.rs", "//! A."),
    ];
    let found: Vec<String> =
        violations(&Tree::of(&files)).iter().map(|it| format!("{} {}", it.file, it.what)).collect();
    let expected = [
        "src/plan/ports.rs isn't listed in src/plan/mod.rs (`mod ports;`)",
        "tests/fake/listen.rs isn't listed in tests/fake/main.rs (`mod listen;`)",
        "tests/orphans.rs isn't listed in tests/main.rs (`mod orphans;`)",
    ];
    assert_eq!(found, expected);
}

#[test]
fn leftover_marks_are_found() {
    for mark in [
        concat!("to", "do!()"),
        concat!("// FIX", "ME later"),
        concat!("db", "g!(x)"),
        concat!("#[ig", "nore] fn f() {}"),
        concat!("#[ig", "nore = \"slow\"] fn f() {}"),
        concat!("// XX", "X"),
    ] {
        let text = if mark.starts_with('#') || mark.starts_with('/') {
            mark.to_owned()
        } else {
            format!("fn f() {{ {mark}; }}")
        };
        assert_eq!(found_in("src/plan/a.rs", &text).len(), 1, "{mark}");
        assert_eq!(found_in("tests/seed.rs", &text).len(), 1, "{mark}");
    }
    assert_eq!(found_in("src/sys/a.rs", "const TEMPLATE: &str = \"dv-XXXXXX\";"), NOTHING);
}

#[test]
fn a_test_that_sleeps_is_found() {
    let table = [
        ("use std::thread; fn f() { thread::sleep(D); }", "std::thread::sleep"),
        ("use std::thread::{self, sleep};", "std::thread::sleep"),
        ("async fn f() { tokio::time::sleep(D).await; }", "tokio::time::sleep"),
        ("fn f() { tokio::select! { _ = tokio::time::sleep(D) => {} } }", "tokio::time::sleep"),
    ];
    for (text, name) in table {
        assert_eq!(found_in("tests/shim.rs", text), [format!("2: a test names `{name}`")], "{text}");
    }
    assert_eq!(found_in("tests/shim.rs", "async fn f() { tokio::time::timeout(D, g()).await; }"), NOTHING);
}

#[test]
fn what_speaks_of_a_machine_is_found() {
    let table = [
        concat!("see /wo", "rk/shared"),
        concat!("in `/ro", "ot`"),
        concat!("by a sub", "agent"),
        concat!("cd /tmp/w", "t/x"),
    ];
    for text in table {
        assert_eq!(found_in("docs/notes.md", text).len(), 1, "{text}");
        assert_eq!(found_in("Makefile", text).len(), 1, "{text}");
    }
    let fine = concat!("/wo", "rkers, https://example.org/wo", "rk, {dir}/wo", "rk, /ro", "oted, ~/wo", "rk");
    assert_eq!(found_in("docs/notes.md", fine), NOTHING);
}

#[test]
fn a_dead_link_is_found() {
    let text =
        "[a](config.md), [b](../README.md#run), [c](#here), [d](https://example.org/x), [e](gone.md), [f](../src)";
    let files = [("docs/index.md", text), ("docs/config.md", ""), ("README.md", ""), ("src/lib.rs", "")];
    assert_eq!(found(&files), ["docs/index.md:1: links to `gone.md`, which isn't there"]);
}

#[test]
fn the_map_has_the_rooms_that_are_there() {
    let files = [("src/plan/mod.rs", ""), ("ARCHITECTURE.md", "### `src/control`: not yet")];
    let expected = [
        "ARCHITECTURE.md:1: describes `control`, which isn't built",
        "ARCHITECTURE.md:1: has no passage that begins `### `src/plan``",
    ];
    assert_eq!(found(&files), expected);
}

#[test]
fn a_file_that_does_not_parse_is_a_violation_of_its_own() {
    let found = found_in("src/plan/a.rs", "fn f( {");
    assert!(matches!(&found[..], [one] if one.starts_with("2: doesn't parse: ")), "{found:?}");
}

#[test]
fn a_violation_says_where_what_and_why() {
    let violation = Violation::new("src/plan/a.rs", 3, "`plan` names `std::fs`", "a pure room reads nothing");
    let expected = "src/plan/a.rs:3: `plan` names `std::fs`\n    because a pure room reads nothing.";
    assert_eq!(violation.to_string(), expected);
}
