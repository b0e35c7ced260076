//! Who names whom: rooms against the table, and names that a room, or everybody, must not use.

use std::collections::{BTreeMap, BTreeSet};

use super::resolve::{End, Mention, Modules, files_by_path, module_of};
use super::tree::{Tree, Violation};
use super::{Ban, DOORS, EVERYWHERE_BANS, FRUGAL, NO_IO_BANS, PURE_BANS, ROOMS, Reach, Room, SLEEPS, UNSAFE_ROOMS};

const THE_TABLE: &str = "the table in tests/tidy.rs says who may import whom, so that no circle creeps in";
const ONE_CRATE: &str = "a room stands in the table of tests/tidy.rs with what it may import before it stands in src/";
const NEVER_SLEEP: &str = "a test waits for an event or a condition, with a deadline: a sleep is too short on a busy machine and too long elsewhere";

/// Looks at every path of `src/`, and at the sleeps of `tests/`.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    let crates = dependencies(tree);
    let (modules, mentions) = read(tree, "src/", &mut found);
    for (file, mention) in &mentions {
        let name = room_name(&module_of(file, "src/")).to_owned();
        let Some(room) = ROOMS.iter().find(|room| room.name == name) else {
            found.push(Violation::new(file, 1, format!("`{name}` is a room that the table doesn't have"), ONE_CRATE));
            continue;
        };
        let (end, way) = modules.resolve(mention);
        check_rooms(&modules, file, room, mention, &way, &mut found);
        if let End::Outside(path) = &end {
            check_names(file, room, mention, path, &crates, &mut found);
        }
    }
    check_sleeps(tree, &mut found);
    found.sort();
    found.dedup();
    found
}

/// Parses a crate's files; what doesn't parse is itself a violation.
fn read<'a>(tree: &'a Tree, folder: &str, found: &mut Vec<Violation>) -> (Modules, Vec<(&'a str, Mention)>) {
    let mut files = Vec::new();
    let mut elsewhere = BTreeMap::new();
    for (path, text) in tree.rust(folder) {
        match syn::parse_file(text) {
            Ok(file) => {
                elsewhere.extend(files_by_path(path, &module_of(path, folder), &file));
                files.push((path, file));
            }
            Err(error) => {
                let what = format!("doesn't parse: {error}");
                found.push(Violation::new(path, error.span().start().line, what, "nothing else can be checked then"));
            }
        }
    }
    let mut modules = Modules::default();
    let mut mentions = Vec::new();
    for (path, file) in &files {
        let module = elsewhere.remove(*path).unwrap_or_else(|| module_of(path, folder));
        mentions.extend(modules.add(module, file).into_iter().map(|mention| (*path, mention)));
    }
    (modules, mentions)
}

/// The room of a module; the root is `lib`.
pub(super) fn room_name(module: &[String]) -> &str {
    module.first().map_or("lib", String::as_str)
}

fn check_rooms(
    modules: &Modules,
    file: &str,
    room: &Room,
    mention: &Mention,
    way: &[Vec<String>],
    found: &mut Vec<Violation>,
) {
    let reached: BTreeSet<&str> =
        way.iter().filter_map(|at| at.first()).map(String::as_str).filter(|name| modules.has(name)).collect();
    for other in reached {
        if other == room.name || room.imports.contains(&other) {
            continue;
        }
        let what = match mention.path.iter().any(|segment| segment == other) {
            true => format!("`{}` imports `{other}`: `{}`", room.name, mention.path.join("::")),
            false => format!("`{}` reaches `{other}` through a re-export: `{}`", room.name, mention.path.join("::")),
        };
        found.push(Violation::new(file, mention.line, what, THE_TABLE));
    }
}

fn check_names(
    file: &str,
    room: &Room,
    mention: &Mention,
    path: &[String],
    crates: &BTreeSet<String>,
    found: &mut Vec<Violation>,
) {
    let by_reach = match room.reach {
        Reach::Pure => PURE_BANS,
        Reach::NoIo => NO_IO_BANS,
        Reach::Open => &[],
    };
    let mut report = |name: &str, why: &str| {
        let what = format!("`{}` names `{name}`", room.name);
        found.push(Violation::new(file, mention.line, what, why));
    };
    if let Some(Ban { name, why }) = by_reach.iter().chain(EVERYWHERE_BANS).find(|ban| covers(ban.name, path)) {
        report(name, why);
    }
    for door in DOORS.iter().filter(|door| covers(door.krate, path)) {
        if !door.places.iter().any(|place| file.starts_with(place)) {
            report(door.krate, door.why);
        }
    }
    let frugal = FRUGAL.iter().find(|frugal| frugal.room == room.name);
    if let (Some(frugal), Some(krate)) = (frugal, path.first())
        && crates.contains(krate)
        && !frugal.crates.contains(&krate.as_str())
    {
        report(krate, frugal.why);
    }
}

/// Whether a path is the banned one, or below it. `core` and `alloc` are `std` by another name.
fn covers(banned: &str, path: &[String]) -> bool {
    let mut path = path.iter().map(|segment| match segment.as_str() {
        "core" | "alloc" => "std",
        other => other,
    });
    banned.split("::").all(|segment| path.next() == Some(segment))
}

/// The crates that Cargo.toml names, as code writes them.
fn dependencies(tree: &Tree) -> BTreeSet<String> {
    let manifest = tree.files.get("Cargo.toml").map_or("", String::as_str);
    let manifest: toml::Table = manifest.parse().expect("cargo has read Cargo.toml before us");
    let section = manifest.get("dependencies").and_then(toml::Value::as_table);
    section.into_iter().flat_map(|section| section.keys()).map(|name| name.replace('-', "_")).collect()
}

fn check_sleeps(tree: &Tree, found: &mut Vec<Violation>) {
    let (modules, mentions) = read(tree, "tests/", found);
    let bans = ["std::thread::sleep", "std::thread::park_timeout", "tokio::time::sleep", "tokio::time::sleep_until"];
    let mut slept = BTreeSet::new();
    for (file, mention) in &mentions {
        let (End::Outside(path), _) = modules.resolve(mention) else { continue };
        let Some(banned) = bans.iter().find(|banned| covers(banned, &path)) else { continue };
        slept.insert(*file);
        if !SLEEPS.iter().any(|(allowed, _)| allowed == file) {
            found.push(Violation::new(file, mention.line, format!("a test names `{banned}`"), NEVER_SLEEP));
        }
    }
    for (file, _) in SLEEPS.iter().filter(|(file, _)| tree.files.contains_key(*file) && !slept.contains(file)) {
        let what = "is in the list of files that may sleep, and doesn't sleep";
        found.push(Violation::new(file, 1, what, "a permission that nobody uses is one that somebody will"));
    }
}

/// Whether the tokens `unsafe` may stand in this file.
pub(super) fn may_be_unsafe(file: &str) -> bool {
    UNSAFE_ROOMS.contains(&room_name(&module_of(file, "src/")))
}
