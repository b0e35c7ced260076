//! Which files are the layers, what is in them, and what the planner must know of the machine.
//!
//! The one place that reads configuration files and the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::config::{Assignment, Config, ConfigErrors, Layer, Texts, load, recognisable};
use crate::plan::Facts;
use crate::sys;

use super::args::Early;
use super::exit_code::Exit;
use super::report::Failure;
use super::stack::RuntimeFolder;

/// The inherited environment, by name.
pub type Env = BTreeMap<String, String>;

/// The project's file.
pub const FILE: &str = "devserver.toml";
const LOCAL_FILE: &str = "devserver.local.toml";
/// A variable that sets a setting: this and the setting's name in capitals.
const SETTING_PREFIX: &str = "DEVSERVER_SET_";

/// A configuration and where it was found.
#[derive(Debug)]
pub struct Found {
    /// The configuration.
    pub config: Config,
    /// Its folder, absolute.
    pub folder: PathBuf,
    /// Said first: which preset is used although no file names it.
    pub recognised: Option<String>,
}

/// The inherited environment as text. A variable that isn't UTF-8 is handed to the children as it is and
/// can't be named in expressions.
pub fn environment() -> Env {
    #[expect(clippy::disallowed_methods, reason = "the environment is read here, once, and handed on as a value")]
    let variables = std::env::vars_os();
    variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}

/// The environment as the children inherit it.
pub fn environment_for_children() -> Vec<(OsString, OsString)> {
    #[expect(clippy::disallowed_methods, reason = "the environment is read here, once, and handed on as a value")]
    let variables = std::env::vars_os();
    variables.collect()
}

/// Finds and reads the configuration: the file that was named, or the nearest devserver.toml from here
/// upwards, or the preset of a checkout that is recognised.
///
/// # Errors
/// When there is none, it can't be read, or something is wrong with it.
pub fn discover(early: &Early, env: &Env) -> Result<Found, Failure> {
    let here = start(early)?;
    let assignments = assignments(&early.sets, env);
    let file = file(early, &here)?;
    let (texts, folder, recognised) = match file {
        Some(file) => {
            let folder = file.parent().unwrap_or(&here).to_path_buf();
            let mut layers = vec![read_layer(&file, &here)?];
            let local = folder.join(LOCAL_FILE);
            if local.symlink_metadata().is_ok() {
                layers.push(read_layer(&local, &here)?);
            }
            (Texts { preset: None, layers, assignments }, folder, None)
        }
        None => {
            let (preset, folder) = recognise(&here).ok_or_else(|| nothing_here(&here))?;
            let said = format!("no {FILE} here; using the preset `{preset}` for {}", folder.display());
            (Texts { preset: Some(preset.to_owned()), layers: Vec::new(), assignments }, folder, Some(said))
        }
    };
    let config = load(&texts).map_err(|errors: ConfigErrors| Failure::from(errors))?;
    Ok(Found { config, folder, recognised })
}

/// The folder of the configuration, which isn't read: what runs is found by it, also when the file is broken.
///
/// # Errors
/// When there is none.
pub fn checkout(early: &Early) -> Result<PathBuf, Failure> {
    let here = start(early)?;
    match file(early, &here)? {
        Some(file) => Ok(file.parent().unwrap_or(&here).to_path_buf()),
        None => recognise(&here).map(|(_, folder)| folder).ok_or_else(|| nothing_here(&here)),
    }
}

/// The working directory.
///
/// # Errors
/// When it was removed, or can't be seen.
pub fn here() -> Result<PathBuf, Failure> {
    #[expect(clippy::disallowed_methods, reason = "the working directory is read here, and handed on as a value")]
    let here = std::env::current_dir();
    here.map_err(|error| {
        Failure::new(
            Exit::Bug,
            format!("the working directory can't be read: {error}"),
            Some("cd to a folder that is there".to_owned()),
        )
    })
}

/// Where we are, or where `--project` says that we are.
fn start(early: &Early) -> Result<PathBuf, Failure> {
    let here = here()?;
    match &early.project {
        None => Ok(here),
        Some(folder) => here.join(folder).canonicalize().map_err(|error| {
            let message = format!("--project={}: {}", folder.display(), reason(&error));
            Failure::new(Exit::Usage, message, "name the folder of a project".to_owned())
        }),
    }
}

/// The file that was named, or the nearest one upwards from here.
fn file(early: &Early, here: &Path) -> Result<Option<PathBuf>, Failure> {
    match &early.config {
        Some(path) => named_file(&here.join(path), path).map(Some),
        // One that is there and no file (a folder, a link to nowhere) is said to be so, not passed over.
        None => Ok(here.ancestors().map(|folder| folder.join(FILE)).find(|file| file.symlink_metadata().is_ok())),
    }
}

fn nothing_here(here: &Path) -> Failure {
    let message = format!("there is no {FILE} in {} or above it", here.display());
    Failure::new(Exit::Config, message, "write one with `devserver init`, or name one with --config=FILE".to_owned())
}

fn named_file(path: &Path, given: &Path) -> Result<PathBuf, Failure> {
    let file = if path.is_dir() { path.join(FILE) } else { path.to_path_buf() };
    if file.is_file() {
        return Ok(file);
    }
    let message = format!("--config={}: there is no such file", given.display());
    Err(Failure::new(Exit::Config, message, Some("name a devserver.toml, or its folder".to_owned())))
}

/// The checkout of a preset that we stand in: the nearest folder upwards that has all its files.
fn recognise(here: &Path) -> Option<(&'static str, PathBuf)> {
    let presets = recognisable();
    here.ancestors().find_map(|folder| {
        let is_it = |files: &[String]| !files.is_empty() && files.iter().all(|file| folder.join(file).exists());
        presets.iter().find(|(_, files)| is_it(files)).map(|(name, _)| (*name, folder.to_path_buf()))
    })
}

fn read_layer(file: &Path, here: &Path) -> Result<Layer, Failure> {
    // The name as one would type it from here.
    let name = file.strip_prefix(here).unwrap_or(file).display().to_string();
    let fail = |message: String, hint: &str| Failure::new(Exit::Config, message, Some(hint.to_owned()));
    let bytes = std::fs::read(file).map_err(|error| {
        fail(format!("{name} can't be read: {}", reason(&error)), "is it a file, and are you its owner?")
    })?;
    if bytes.len() > 1 << 20 {
        let size = bytes.len() >> 10;
        return Err(fail(
            format!("{name} is {size} KiB long; a configuration has at most 1024"),
            "is it the right file?",
        ));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Layer { name, text: text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text) }),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..good].iter().filter(|byte| **byte == b'\n').count() + 1;
            let byte = error.as_bytes().get(good).copied().unwrap_or_default();
            let message = format!("{name} isn't UTF-8: byte 0x{byte:02x} on line {line}");
            Err(fail(message, "save it as UTF-8"))
        }
    }
}

/// Why, without the number that only programmers know.
pub(super) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn assignments(sets: &[(String, String)], env: &Env) -> Vec<Assignment> {
    let from_variables = env.iter().filter_map(|(variable, value)| {
        let name = variable.strip_prefix(SETTING_PREFIX)?.to_ascii_lowercase();
        Some(Assignment { name, value: value.clone(), given_by: variable.clone() })
    });
    let from_arguments = sets.iter().map(|(name, value)| Assignment {
        name: name.replace('-', "_"),
        value: value.clone(),
        given_by: "--set".into(),
    });
    from_variables.chain(from_arguments).collect()
}

/// What the planner must know of the machine.
pub fn facts(found: &Found, env: Env) -> Facts {
    let files = found.config.renders.values().map(|render| render.template.name.clone());
    let templates = files.filter_map(|file| {
        let text = std::fs::read_to_string(found.folder.join(&file)).ok()?;
        Some((file, text))
    });
    let templates = templates.collect();
    let (uid, gid) = sys::user::ids();
    let live = RuntimeFolder::of(&found.folder, &env).live();
    let live = live.iter().map(super::stack::Record::to_live).collect();
    Facts { env, folder: found.folder.clone(), uid, gid, templates, live }
}
