//! A first devserver.toml from what lies in a folder.

use super::draft::{Draft, DraftCommand, DraftService, Lost};
use super::error::ImportError;
use super::kind::{Kind, read};
use super::name::plain;
use super::toml_text;

/// The files that `propose` looks at, the ones that say most first.
pub const LOOKED_AT: &[&str] = &[
    "process-compose.yaml",
    "process-compose.yml",
    "mprocs.yaml",
    "mprocs.yml",
    "pitchfork.toml",
    "Procfile.dev",
    "Procfile",
    "manage.py",
    "package.json",
    "docker-compose.yml",
    "docker-compose.yaml",
    "compose.yaml",
    "compose.yml",
    // Only whether they are there.
    "package-lock.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "requirements.txt",
    ".venv/bin/python",
];

/// What a folder holds: names of `LOOKED_AT` and their texts.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The folder's own name.
    pub folder: String,
    /// The files that are there.
    pub files: Vec<(String, String)>,
}

impl Seen {
    fn text(&self, name: &str) -> Option<&str> {
        self.files.iter().find(|(file, _)| file == name).map(|(_, text)| text.as_str())
    }

    fn has(&self, name: &str) -> bool {
        self.text(name).is_some()
    }
}

/// A first configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The text of devserver.toml.
    pub text: String,
    /// The files that it was made from.
    pub from: Vec<String>,
    /// What could not be carried over, with the file.
    pub lost: Vec<(String, Lost)>,
}

/// Proposes services for what was found. None where nothing says what to run.
///
/// # Errors
/// When a file that another tool reads isn't what it should be; with its name.
pub fn propose(seen: &Seen) -> Result<Option<Proposal>, (String, ImportError)> {
    let mut draft = Draft::default();
    let mut from = Vec::new();
    let others = LOOKED_AT.iter().filter_map(|name| Some((*name, Kind::of(name).ok()?, seen.text(name)?)));
    if let Some((name, kind, text)) = others.into_iter().next() {
        draft = read(kind, text).map_err(|error| (name.to_owned(), error))?;
        from.push(name.to_owned());
    } else {
        if seen.has("manage.py") {
            django(seen, &mut draft);
            from.push("manage.py".to_owned());
        }
        if let Some(text) = seen.text("package.json")
            && node(seen, text, &mut draft)
        {
            from.push("package.json".to_owned());
        }
    }
    let compose =
        LOOKED_AT.iter().find(|name| name.contains("compose.y") && !name.starts_with("process") && seen.has(name));
    if let Some(name) = compose
        && !draft.services.iter().any(|service| service.name == "compose")
    {
        containers(name, &mut draft);
        from.push((*name).to_owned());
    }
    if draft.services.is_empty() {
        return Ok(None);
    }
    draft.name.get_or_insert_with(|| plain(&seen.folder));
    let first = from.first().cloned().unwrap_or_default();
    let lost = draft.lost.iter().map(|lost| (first.clone(), lost.clone())).collect();
    Ok(Some(Proposal { text: toml_text::write(&draft, &from.join(", "), "devserver init"), from, lost }))
}

fn words(words: &[&str]) -> DraftCommand {
    DraftCommand::Words(words.iter().map(|word| (*word).to_owned()).collect())
}

fn django(seen: &Seen, draft: &mut Draft) {
    if seen.has(".venv/bin/python") {
        draft.path.push(".venv/bin".into());
    }
    // What is printed is shown at once, not when a buffer is full.
    draft.env.push(("PYTHONUNBUFFERED".into(), "1".into()));
    let mut migrate = DraftService::new("migrate".into(), words(&["python", "manage.py", "migrate", "--noinput"]));
    migrate.oneshot = true;
    let mut server = DraftService::new(
        "server".into(),
        words(&["python", "manage.py", "runserver", "{{ bind.url_host }}:{{ bind.port }}"]),
    );
    server.port = Some("bind.port".into());
    server.depends_on.push(("migrate".into(), "succeeded"));
    // Any answer will do: what an app has at `/` isn't known, so its port is asked.
    server.ready.push(("tcp", toml_text::text("{{ bind.url_host }}:{{ bind.port }}")));
    draft.services.extend([migrate, server]);
}

/// The script `dev`, or else `start`. False where there is neither.
fn node(seen: &Seen, text: &str, draft: &mut Draft) -> bool {
    let package: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let scripts = package.get("scripts").and_then(serde_json::Value::as_object);
    let Some(script) =
        scripts.and_then(|scripts| ["dev", "start"].into_iter().find(|name| scripts.contains_key(*name)))
    else {
        return false;
    };
    let (tool, lock, install): (&str, &str, &[&str]) = match () {
        () if seen.has("pnpm-lock.yaml") => ("pnpm", "pnpm-lock.yaml", &["pnpm", "install", "--frozen-lockfile"]),
        () if seen.has("yarn.lock") => ("yarn", "yarn.lock", &["yarn", "install", "--frozen-lockfile"]),
        () if seen.has("package-lock.json") => ("npm", "package-lock.json", &["npm", "ci"]),
        () => ("npm", "package.json", &["npm", "install"]),
    };
    let mut packages = DraftService::new("packages".into(), words(install));
    packages.oneshot = true;
    packages.creates.push("node_modules".into());
    packages.inputs.push(lock.into());
    let mut frontend = DraftService::new("frontend".into(), words(&[tool, "run", script]));
    frontend.depends_on.push(("packages".into(), "succeeded"));
    draft.services.extend([packages, frontend]);
    true
}

fn containers(file: &str, draft: &mut Draft) {
    let flag = ("compose".to_owned(), format!("Run the containers of {file}"));
    draft.flags.push(flag);
    let mut compose = DraftService::new("compose".into(), words(&["docker", "compose", "-f", file, "up"]));
    compose.when = Some("flag.compose".into());
    // It takes its containers ten seconds to be stopped, and itself a little longer.
    compose.stop.push(("signal", toml_text::text("INT")));
    compose.stop.push(("timeout", toml_text::text("20s")));
    draft.services.push(compose);
}
