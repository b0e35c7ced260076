//! The house rules, kept by a test: rooms and doors, banned names, the shape of files, leftover marks.
//!
//! Every file under `src/` is parsed and every path in it resolved, through `use`, `super` and re-exports,
//! to the room in which it ends; the tables below say which rooms and names may be named where. Changing
//! what is allowed is changing a line here, so that a reviewer sees it. All broken rules are printed at
//! once, each with its file, its line and the reason for the rule.
//!
//! It must not become clever: what it can't see (a method's receiver type, a name built by a macro) is
//! left to `clippy.toml` and to the reader.

mod doors;
mod files;
mod parts;
mod proof;
mod resolve;
mod tree;

use tree::{Tree, Violation};

/// A top-level module of `src/`, and what it may see of the others.
struct Room {
    /// Its name.
    pub name: &'static str,
    /// The rooms that it may import.
    pub imports: &'static [&'static str],
    /// How far it may reach out of the program.
    pub reach: Reach,
}

/// How far a room may reach out of the program.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Values in, values out: no runtime, no files, no environment, no clock.
    Pure,
    /// It may wait and wake, and never reads or writes anything outside.
    NoIo,
    /// As far as it likes, within the other rules.
    Open,
}

const fn room(name: &'static str, imports: &'static [&'static str], reach: Reach) -> Room {
    Room { name, imports, reach }
}

/// Who may import whom. `protocol`, `control` and `database` have their place here before they are built.
const ROOMS: &[Room] = &[
    room("model", &[], Reach::Pure),
    room("protocol", &["model"], Reach::Pure),
    room("config", &["model"], Reach::Pure),
    room("plan", &["model", "config"], Reach::Pure),
    room("supervise", &["model", "plan"], Reach::Pure),
    room("logs", &["model"], Reach::Pure),
    room("import", &["model"], Reach::Pure),
    room("bus", &["model"], Reach::NoIo),
    room("sys", &["model"], Reach::Open),
    room("shim", &["model", "sys"], Reach::Open),
    room("runner", &["model", "plan", "supervise", "bus", "logs", "shim", "sys"], Reach::Open),
    // `logs`: a pattern is matched against the text of a line, without its escape sequences.
    room("control", &["model", "protocol", "bus", "logs", "runner", "sys"], Reach::Open),
    // `bus`: the plain view is a lossless subscriber in this process, which a wire can't be.
    room("views", &["model", "protocol", "control", "bus", "logs", "sys"], Reach::Open),
    room("database", &["model", "config", "sys"], Reach::Open),
    room("cli", EVERYTHING, Reach::Open),
    // The binary: hands over to `cli`, or becomes a shim before anything else exists.
    room("main", &["cli", "shim"], Reach::Open),
    // `lib.rs` itself: declares the rooms.
    room("lib", EVERYTHING, Reach::Open),
];

const EVERYTHING: &[&str] = &[
    "model",
    "protocol",
    "config",
    "plan",
    "supervise",
    "logs",
    "import",
    "bus",
    "sys",
    "shim",
    "runner",
    "control",
    "views",
    "database",
    "cli",
];

/// A name that some places must not use.
struct Ban {
    /// The path, as it is after all imports are resolved; what lies below it is banned too.
    pub name: &'static str,
    /// Why.
    pub why: &'static str,
}

const fn ban(name: &'static str, why: &'static str) -> Ban {
    Ban { name, why }
}

const HANDED_IN: &str =
    "a pure room reads nothing by itself: what it needs is handed in (`Facts`, the text of a layer)";
const NO_CLOCK: &str = "a pure room has no clock: the time is an argument (`Moment`, or a field of `Facts`)";
const NO_RUNTIME: &str = "a pure room decides and returns; doing and waiting is the runner's";
const NO_BUS_IO: &str = "the bus numbers, keeps and hands out; reading and writing is done by those at its ends";
const NO_EXIT: &str = "`main` returns an exit code, so that every destructor and every view has its last word";
const BOUNDED: &str =
    "every queue has a bound, so that a slow reader costs its writer time and never the machine its memory";

/// What the pure rooms never name.
const PURE_BANS: &[Ban] = &[
    ban("tokio", NO_RUNTIME),
    ban("nix", NO_RUNTIME),
    ban("notify", NO_RUNTIME),
    ban("hyper", NO_RUNTIME),
    ban("which", HANDED_IN),
    ban("glob", HANDED_IN),
    ban("std::fs", HANDED_IN),
    ban("std::net", HANDED_IN),
    ban("std::env", HANDED_IN),
    ban("std::os", NO_RUNTIME),
    ban("std::process", NO_RUNTIME),
    ban("std::thread", NO_RUNTIME),
    ban("std::io::stdin", HANDED_IN),
    ban("std::io::stdout", NO_RUNTIME),
    ban("std::io::stderr", NO_RUNTIME),
    ban("std::time::Instant::now", NO_CLOCK),
    ban("std::time::SystemTime::now", NO_CLOCK),
    ban("jiff::Timestamp::now", NO_CLOCK),
    ban("jiff::ZonedDateTime::now", NO_CLOCK),
    ban("jiff::tz::TimeZone::system", NO_CLOCK),
];

/// What the bus never names.
const NO_IO_BANS: &[Ban] = &[
    ban("std::fs", NO_BUS_IO),
    ban("std::net", NO_BUS_IO),
    ban("std::env", NO_BUS_IO),
    ban("std::os", NO_BUS_IO),
    ban("std::process", NO_BUS_IO),
    ban("tokio::fs", NO_BUS_IO),
    ban("tokio::io", NO_BUS_IO),
    ban("tokio::net", NO_BUS_IO),
    ban("tokio::process", NO_BUS_IO),
    ban("nix", NO_BUS_IO),
];

/// Methods of `Path` and its like that ask the disk or the clock; in a pure room they are the same as naming it.
const PURE_METHODS: &[&str] = &[
    "canonicalize",
    "exists",
    "is_dir",
    "is_file",
    "is_symlink",
    "read_dir",
    "read_link",
    "symlink_metadata",
    "to_socket_addrs",
    "try_exists",
];

/// What nobody names.
const EVERYWHERE_BANS: &[Ban] = &[
    ban("std::process::exit", NO_EXIT),
    ban("std::process::abort", NO_EXIT),
    ban("std::sync::mpsc::channel", BOUNDED),
    ban("tokio::sync::mpsc::unbounded_channel", BOUNDED),
    ban("tokio::sync::mpsc::UnboundedSender", BOUNDED),
    ban("tokio::sync::mpsc::UnboundedReceiver", BOUNDED),
];

/// A crate that only some places name.
struct Door {
    /// The crate.
    pub krate: &'static str,
    /// What the path of a file that may name it starts with.
    pub places: &'static [&'static str],
    /// Why.
    pub why: &'static str,
}

const fn door(krate: &'static str, places: &'static [&'static str], why: &'static str) -> Door {
    Door { krate, places, why }
}

const ONE_SYS: &str = "system calls have one safe wrapper each, in `sys`, where their traps are written down";

/// Crates with one door.
const DOORS: &[Door] = &[
    door(
        "minijinja",
        &["src/config/expr.rs", "src/config/expr/"],
        "one file knows the expression language, so that it can be made strict, or replaced",
    ),
    door(
        "clap",
        &["src/cli/"],
        "the command line is one way in among several; nothing below it knows how it was asked",
    ),
    door("nix", &["src/sys/"], ONE_SYS),
    door("libc", &["src/sys/"], ONE_SYS),
    door("netlink_packet_core", &["src/sys/"], ONE_SYS),
    door("netlink_packet_sock_diag", &["src/sys/"], ONE_SYS),
];

/// A room that names the standard library, the rooms that it imports, and only these crates.
struct Frugal {
    /// The room.
    room: &'static str,
    /// The crates; in its unit tests it may name more (proptest).
    crates: &'static [&'static str],
    /// Why no others.
    why: &'static str,
}

/// Rooms that are kept small.
const FRUGAL: &[Frugal] = &[Frugal {
    room: "shim",
    // Values to bytes and back, without a thread or a runtime.
    crates: &["serde", "serde_json", "thiserror"],
    why: "there is one shim for each run, single-threaded and forking: it stays small, and starts in a millisecond",
}];

/// The rooms in which `unsafe` may stand, each with a comment that says why it is sound.
const UNSAFE_ROOMS: &[&str] = &["sys", "shim"];

/// Statics that change or are filled later, with the reason why there is no other way: file, name, reason.
const STATICS: &[(&str, &str, &str)] = &[];

/// Test files that sleep, with the reason why there is nothing to wait for: file, reason.
const SLEEPS: &[(&str, &str)] = &[
    ("tests/fake/pause.rs", "to be late is what it is asked for"),
    ("tests/support/stack.rs", "a stack tells us nothing about what its children do: asked again, up to a deadline"),
    ("tests/soak.rs", "a moment that nothing marks is what it is about"),
    ("tests/shim/harness.rs", "nobody tells us what other processes do to each other: asked again, up to a deadline"),
];

/// Where the name of the application may stand; everywhere else in `src/` it is data.
const PRESET: &str = "src/config/preset.rs";

/// Every broken rule of a tree, by file and line.
fn violations(tree: &Tree) -> Vec<Violation> {
    let mut found = doors::check(tree);
    found.extend(parts::check(tree));
    found.extend(files::check(tree));
    found.sort();
    found.dedup();
    found
}

#[test]
fn the_house_is_tidy() {
    let found = violations(&Tree::of_this_package());
    let report: Vec<String> = found.iter().map(Violation::to_string).collect();
    assert!(found.is_empty(), "{} broken house rules (tests/tidy.rs):\n\n{}\n", found.len(), report.join("\n"));
}
