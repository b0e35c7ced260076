//! Which oneshots are up to date: what they create is there, and what they were made from hasn't changed.
//!
//! What a oneshot depends on is among what it is made from, as in a makefile: new packages mean that the
//! migrations are looked at again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::plan::{Oneshot, Plan, ProcessSpec};

/// Marks the oneshots of a plan that don't have to run.
pub fn note_fresh(plan: &mut Plan) {
    let root = plan.root.clone();
    // The plan has each process after what it depends on.
    for at in 0..plan.processes.len() {
        let (before, rest) = plan.processes.split_at_mut(at);
        let Some(process) = rest.first_mut() else { break };
        let Some(oneshot) = &process.oneshot else { continue };
        let below: Vec<&ProcessSpec> = before
            .iter()
            .filter(|other| process.depends_on.iter().any(|edge| edge.process == other.name))
            .map(|other| &**other)
            .collect();
        let digest = digest(&root, process, oneshot, &below);
        let remembered = std::fs::read_to_string(remembered_at(&root, process)).ok();
        let missing = oneshot.creates.iter().any(|path| !path.exists());
        // Without anything to compare it runs every time.
        let comparable = digest.is_some() || !oneshot.creates.is_empty();
        // What has nothing to do waits for nothing, and what stands on it would start too early. In its
        // turn the runner looks again, and passes over it if there is still nothing to do.
        let waits = below.iter().any(|other| other.oneshot.as_ref().is_none_or(|oneshot| oneshot.stale));
        let stale = waits || missing || !comparable || (digest.is_some() && digest != remembered);
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

/// A hash over the command, the names and contents of the inputs, and the digests of the oneshots that it
/// depends on; none where there are no inputs.
fn digest(root: &Path, process: &ProcessSpec, oneshot: &Oneshot, below: &[&ProcessSpec]) -> Option<String> {
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
    for digest in below.iter().filter_map(|other| other.oneshot.as_ref()?.digest.as_ref()) {
        hash.update(digest.as_bytes());
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
