//! Files as text: how they begin, how long they are, who lists them, what was left in them, where links go.

use super::tree::{Tree, Violation};
use super::{PRESET, ROOMS};

const LONGEST_SOURCE: usize = 500;
const LONGEST_TEST: usize = 700;
const LONGEST_CONTENTS: usize = 50;

// Put together, so that this file doesn't trip over itself.
const MARKS: &[&str] = &[
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("db", "g!"),
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("XX", "X"),
    concat!("#[ig", "nore"),
];

/// What speaks of the machine or the hands that wrote it.
const STRANGERS: &[&str] =
    &[concat!("/wo", "rk"), concat!("/ro", "ot"), concat!("/tmp/", "wt"), concat!("sub", "agent")];

const FIRST_LINE: &str = "a file says what it is for, and what it must not do, before it does anything";
const SHORT: &str = "what has outgrown its file has more than one notion in it: split it by noun";
const SHORT_CONTENTS: &str = "a room's `mod.rs` is read as its table of contents";
const LISTED: &str = "a file that no `mod` names isn't compiled, and a test in it never runs";
const FINISHED: &str = "what is left to do is an issue, not a mark in the code";
const AS_DATA: &str = "the program knows silos and services, not whose they are: that is data, in the preset";
const AT_HOME: &str = "the repository is read on other machines, by people who know nothing of this one";
const DEAD_END: &str = "a link that leads nowhere costs every reader a search";
const ON_THE_MAP: &str = "ARCHITECTURE.md has one passage for each room";

/// Looks at every file.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for (path, text) in tree.rust("src/").chain(tree.rust("tests/")).chain(tree.rust("benches/")) {
        check_shape(path, text, &mut found);
        check_listed(tree, path, &mut found);
        for (line, mark) in MARKS.iter().flat_map(|mark| lines_with(text, mark).map(move |line| (line, mark))) {
            found.push(Violation::new(path, line, format!("`{mark}` was left here"), FINISHED));
        }
    }
    let app = "sentry";
    for (path, text) in tree.rust("src/").filter(|(path, _)| *path != PRESET) {
        for (index, _) in text.lines().enumerate().filter(|(_, line)| line.to_lowercase().contains(app)) {
            found.push(Violation::new(path, index + 1, format!("names `{app}`"), AS_DATA));
        }
    }
    for (path, text) in &tree.files {
        for (line, word) in STRANGERS.iter().flat_map(|word| lines_with(text, word).map(move |line| (line, word))) {
            found.push(Violation::new(path, line, format!("names `{word}`"), AT_HOME));
        }
        if path.ends_with(".md") {
            check_links(tree, path, text, &mut found);
        }
    }
    check_map(tree, &mut found);
    found
}

fn check_shape(path: &str, text: &str, found: &mut Vec<Violation>) {
    if !text.starts_with("//!") {
        found.push(Violation::new(path, 1, "doesn't begin with `//!`", FIRST_LINE));
    }
    let (longest, why) = match (path.starts_with("src/"), path.ends_with("/mod.rs")) {
        (true, true) => (LONGEST_CONTENTS - 1, SHORT_CONTENTS),
        (true, false) => (LONGEST_SOURCE, SHORT),
        (false, _) => (LONGEST_TEST, SHORT),
    };
    let lines = text.lines().count();
    if lines > longest {
        found.push(Violation::new(path, longest + 1, format!("has {lines} lines, and {longest} is the limit"), why));
    }
}

/// Whether the file's parent says `mod name;`.
fn check_listed(tree: &Tree, path: &str, found: &mut Vec<Violation>) {
    let Some((folder, name)) = path.rsplit_once('/') else { return };
    let name = name.trim_end_matches(".rs");
    let (folder, name) = match name {
        // Roots, of the library and of binaries.
        "main" | "lib" => return,
        "mod" => match folder.rsplit_once('/') {
            Some((above, name)) => (above, name),
            None => return,
        },
        name => (folder, name),
    };
    let parents =
        [format!("{folder}/mod.rs"), format!("{folder}.rs"), format!("{folder}/lib.rs"), format!("{folder}/main.rs")];
    let texts: Vec<(&String, &String)> = parents.iter().filter_map(|at| tree.files.get_key_value(at)).collect();
    let listed = |text: &String| {
        text.lines().any(|line| {
            line.trim().trim_start_matches("pub ").trim_start_matches("pub(crate) ") == format!("mod {name};")
        })
    };
    // Long unit tests stand beside their file, which takes them in by path.
    let by_path = format!("#[path = \"{name}.rs\"]");
    let taken_in = tree
        .files
        .iter()
        .any(|(at, text)| at.rsplit_once('/').is_some_and(|(beside, _)| beside == folder) && text.contains(&by_path));
    if !taken_in && !texts.iter().any(|(_, text)| listed(text)) {
        let parent = texts.first().map_or("a parent that isn't there", |(at, _)| at.as_str());
        found.push(Violation::new(path, 1, format!("isn't listed in {parent} (`mod {name};`)"), LISTED));
    }
}

/// The lines in which a word stands by itself.
fn lines_with<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.lines().enumerate().filter(move |(_, line)| stands_in(line, word)).map(|(index, _)| index + 1)
}

/// Whether the word stands in the line with no letter, digit or more of a path around it.
fn stands_in(line: &str, word: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let joined =
            before.is_some_and(|c| goes_on(c) || (word.starts_with('/') && matches!(c, '.' | '}' | '~' | '>')));
        let open = word.ends_with(|c: char| c.is_alphanumeric()) && after.is_some_and(goes_on);
        !joined && !open
    })
}

/// Relative links lead to files that are there.
fn check_links(tree: &Tree, path: &str, text: &str, found: &mut Vec<Violation>) {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    for (index, line) in text.lines().enumerate() {
        for target in line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let goal = normal(folder, file);
            let below = format!("{}/", goal.trim_end_matches('/'));
            let there = tree.files.keys().any(|known| *known == goal || known.starts_with(&below));
            if !there {
                found.push(Violation::new(
                    path,
                    index + 1,
                    format!("links to `{target}`, which isn't there"),
                    DEAD_END,
                ));
            }
        }
    }
}

/// A relative path as seen from the root, without `.` and `..`.
fn normal(folder: &str, relative: &str) -> String {
    let mut steps: Vec<&str> = folder.split('/').filter(|step| !step.is_empty()).collect();
    for step in relative.split('/') {
        match step {
            "." | "" => {}
            ".." => {
                steps.pop();
            }
            step => steps.push(step),
        }
    }
    steps.join("/")
}

/// Each room that is there is on the map.
fn check_map(tree: &Tree, found: &mut Vec<Violation>) {
    let Some(map) = tree.files.get("ARCHITECTURE.md") else { return };
    for room in ROOMS {
        let is_there = tree.files.contains_key(&format!("src/{}/mod.rs", room.name));
        let heading = format!("### `src/{}`", room.name);
        if is_there != map.lines().any(|line| line.starts_with(&heading)) {
            let what = match is_there {
                true => format!("has no passage that begins `{heading}`"),
                false => format!("describes `{}`, which isn't built", room.name),
            };
            found.push(Violation::new("ARCHITECTURE.md", 1, what, ON_THE_MAP));
        }
    }
}
