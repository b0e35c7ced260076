//! The environment of a process, for its run and for whoever wants to know beforehand what it will see.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::plan::ProcessSpec;

/// What a process is given: what we inherited, without what it must not see, and with what the plan adds.
///
/// Folders of its PATH that are relative start at the project, wherever we were started from.
pub fn child_environment(
    spec: &ProcessSpec,
    inherited: &[(OsString, OsString)],
    project: &Path,
) -> Vec<(OsString, OsString)> {
    let mut environment: Vec<(OsString, OsString)> = Vec::with_capacity(inherited.len() + spec.env.len());
    let mut places: HashMap<OsString, usize> = HashMap::new();
    let added = spec.env.iter().map(|(name, value)| (OsString::from(name), OsString::from(&value.value)));
    let kept = inherited.iter().filter(|(name, _)| spec.env_removed.iter().all(|removed| name != OsStr::new(removed)));
    for (name, value) in kept.cloned().chain(added) {
        let value = if name == "PATH" { absolute_path(&value, project) } else { value };
        match places.get(&name) {
            Some(place) => environment[*place].1 = value,
            None => {
                places.insert(name.clone(), environment.len());
                environment.push((name, value));
            }
        }
    }
    environment
}

/// An empty folder means the working directory, and stays: who writes that means it.
fn absolute_path(path: &OsStr, project: &Path) -> OsString {
    let folders = path.as_bytes().split(|byte| *byte == b':').map(|folder| match folder {
        [] | [b'/', ..] => folder.to_vec(),
        relative => project.join(OsStr::from_bytes(relative)).into_os_string().into_vec(),
    });
    OsString::from_vec(folders.collect::<Vec<_>>().join(&b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_folders_of_a_path_start_at_the_project() {
        let path = absolute_path(OsStr::new(".venv/bin:/usr/bin::~/x"), Path::new("/p"));
        assert_eq!(path, "/p/.venv/bin:/usr/bin::/p/~/x");
    }
}
