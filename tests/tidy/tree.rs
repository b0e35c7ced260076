//! The files that are looked at, and what is found in them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

/// Folders with files of ours. Generated and fetched ones inside them are skipped.
const FOLDERS: &[&str] = &["src", "tests", "docs", "templates", "examples", "benches", ".ci"];

/// Folders that hold nothing that we wrote.
const SKIPPED: &[&str] = &["target", "node_modules", "__pycache__", "dist", "build", "snapshots"];

/// What links may lead to and nobody reads as text.
const PICTURES: &[&str] = &["gif", "jpg", "png", "svg"];

/// Files of other kinds (databases, archives) aren't text of ours.
const TEXT: &[&str] =
    &["rs", "md", "toml", "py", "js", "mjs", "html", "css", "yml", "yaml", "json", "txt", "sh", "cfg"];

/// The files of a package by their path from its root, in order.
pub(super) struct Tree {
    /// Path and text.
    pub files: BTreeMap<String, String>,
}

impl Tree {
    /// The tree that a test writes out.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect() }
    }

    /// The package that this test is compiled from.
    pub(super) fn of_this_package() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut tree = Self { files: BTreeMap::new() };
        tree.add_files(root, "");
        for folder in FOLDERS {
            tree.add_folder(root, folder);
        }
        assert!(tree.files.len() > 20, "found only {} files under {}", tree.files.len(), root.display());
        tree
    }

    /// The Rust files below a folder (`src/`).
    pub(super) fn rust(&self, folder: &str) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .filter(move |(path, _)| path.starts_with(folder) && path.ends_with(".rs"))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    fn add_folder(&mut self, root: &Path, folder: &str) {
        self.add_files(root, folder);
        let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
                self.add_folder(root, &format!("{folder}/{name}"));
            }
        }
    }

    /// The text files directly in a folder.
    fn add_files(&mut self, root: &Path, folder: &str) {
        let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let ending = name.rsplit_once('.').map(|(_, ending)| ending);
            let is_text = ending.is_none_or(|ending| TEXT.contains(&ending));
            let is_picture = ending.is_some_and(|ending| PICTURES.contains(&ending));
            if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
                continue;
            }
            let text = match (is_text, is_picture) {
                // What isn't UTF-8 isn't ours to read; rustc refuses it in a Rust file anyway.
                (true, _) => fs::read_to_string(entry.path()).ok(),
                (false, true) => Some(String::new()),
                (false, false) => None,
            };
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if let Some(text) = text {
                self.files.insert(path, text);
            }
        }
    }
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Violation {
    /// The file, from the package's root.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What stands there.
    pub what: String,
    /// Why it must not: one sentence without its full stop.
    pub why: String,
}

impl Violation {
    /// A rule broken in this line.
    pub(super) fn new(file: &str, line: usize, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into(), why: why.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}\n    because {}.", self.file, self.line, self.what, self.why)
    }
}
