//! Which oneshots are up to date: what they create is there, and what they were made from hasn't changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::plan::{Oneshot, Plan, ProcessSpec};

/// Marks the oneshots of a plan that don't have to run.
pub fn note_fresh(plan: &mut Plan) {
    let root = plan.root.clone();
    for process in &mut plan.processes {
        let Some(oneshot) = &process.oneshot else { continue };
        let digest = digest(&root, process, oneshot);
        let remembered = std::fs::read_to_string(remembered_at(&root, process)).ok();
        let missing = oneshot.creates.iter().any(|path| !path.exists());
        // Without anything to compare it runs every time.
        let comparable = digest.is_some() || !oneshot.creates.is_empty();
        let stale = missing || !comparable || (digest.is_some() && digest != remembered);
        let spec = Arc::make_mut(process);
        if let Some(oneshot) = &mut spec.oneshot {
            oneshot.stale = stale;
            oneshot.digest = digest;
        }
    }
}

/// Where the digest of a oneshot that succeeded is kept.
pub fn remembered_at(root: &Path, process: &ProcessSpec) -> PathBuf {
    root.join(".devserver/oneshot").join(format!("{}.digest", process.name))
}

/// A hash over the command and over the names and contents of the inputs; none where there are no inputs.
fn digest(root: &Path, process: &ProcessSpec, oneshot: &Oneshot) -> Option<String> {
    if oneshot.inputs.is_empty() && oneshot.variables.is_empty() {
        return None;
    }
    let mut hash = Sha256::new();
    for word in &process.command {
        hash.update(word.as_bytes());
        hash.update([0]);
    }
    for variable in &oneshot.variables {
        hash.update(variable.as_bytes());
        hash.update([0]);
        hash.update(process.env.get(variable).map_or("", |value| value.value.as_str()).as_bytes());
        hash.update([0]);
    }
    let mut files: Vec<PathBuf> = oneshot.inputs.iter().flat_map(|pattern| matching(root, pattern)).collect();
    files.sort();
    files.dedup();
    for file in files {
        let Ok(bytes) = std::fs::read(&file) else { continue };
        let name = file.strip_prefix(root).unwrap_or(&file);
        hash.update(name.as_os_str().as_encoded_bytes());
        hash.update([0]);
        hash.update(Sha256::digest(&bytes));
    }
    Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn matching(root: &Path, pattern: &str) -> Vec<PathBuf> {
    // The project's folder may itself hold characters that mean something in a pattern.
    let absolute = format!("{}/{pattern}", glob::Pattern::escape(&root.display().to_string()));
    let paths = glob::glob(&absolute).into_iter().flatten().filter_map(Result::ok);
    paths.filter(|path| path.is_file()).collect()
}
