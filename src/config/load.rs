//! Layers in, `Config` out: parse, merge, check.

use super::error::{ConfigError, ConfigErrors, Problem};
use super::layer::{Assignment, Layer, assign, merge, parse};
use super::preset::{PRESETS, find};
use super::schema::Config;
use super::shape::ROOT;
use super::source::Sources;
use super::suggest::nearest;
use super::value::{Table, get};
use super::{check, decode, log, silos, validate};

/// What a configuration is made from.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    /// The preset to use although no file names it: a checkout was recognised.
    pub preset: Option<String>,
    /// devserver.toml and devserver.local.toml, the lower first.
    pub layers: Vec<Layer>,
    /// Settings from variables and arguments, the weaker first.
    pub assignments: Vec<Assignment>,
}

/// Reads a configuration.
///
/// # Errors
/// With everything that is wrong in any layer, in the order of the text.
pub fn load(texts: &Texts) -> Result<Config, ConfigErrors> {
    let mut sources = Sources::default();
    let mut errors = Vec::new();
    let layers: Vec<Table> = texts.layers.iter().map(|layer| parse(layer, &mut sources, &mut errors)).collect();
    if !errors.is_empty() {
        // What a broken file means is a guess, and each guess would be another error to read.
        return Err(ConfigErrors::new(&sources, errors));
    }
    let mut root = Table::new();
    let preset = preset(texts, &layers, &mut errors);
    if let Some(preset) = preset.as_deref().and_then(find) {
        root = parse(&preset.layer(), &mut sources, &mut errors);
    }
    layers.into_iter().for_each(|layer| merge(&mut root, layer));
    for assignment in &texts.assignments {
        assign(&mut root, assignment, &mut sources, &mut errors);
    }
    validate::record(&root, &ROOT, "", &mut errors);
    let silos = silos::silos(&root, &mut errors);
    let config = Config {
        preset,
        project: decode::project(&root),
        bind: decode::bind(&root),
        settings: decode::settings(&root),
        flags: decode::flags(&root),
        ports: silos::ports(&root),
        env: decode::env(&root),
        lists: decode::lists(&root),
        services: decode::services(&root),
        renders: decode::renders(&root),
        checks: decode::checks(&root),
        notices: decode::notices(&root),
        log: log::log(&root),
        database: super::database::database(&root),
        sources,
        merged: root,
        silos,
    };
    check::check(&config, &mut errors);
    if errors.is_empty() { Ok(config) } else { Err(ConfigErrors::new(&config.sources, errors)) }
}

/// The preset that the files name, or else the one that was recognised.
fn preset(texts: &Texts, layers: &[Table], errors: &mut Vec<ConfigError>) -> Option<String> {
    let named = layers.iter().rev().find_map(|layer| get(layer, "preset"));
    let Some(value) = named else { return texts.preset.clone() };
    let name = value.as_str()?;
    if find(name).is_none() {
        let known = || PRESETS.iter().map(|preset| preset.name);
        let problem = Problem::UnknownPreset {
            name: name.to_owned(),
            known: known().map(str::to_owned).collect(),
            suggestion: nearest(name, known()),
        };
        errors.push(ConfigError::at(&value.origin, problem));
    }
    Some(name.to_owned())
}

/// `[project] recognised-by` of each preset: by which files a checkout is known where nobody wrote a file.
pub fn recognisable() -> Vec<(&'static str, Vec<String>)> {
    let files = |preset: &'static super::preset::Preset| {
        let table = parse(&preset.layer(), &mut Sources::default(), &mut Vec::new());
        (preset.name, decode::project(&table).recognised_by)
    };
    PRESETS.iter().map(files).collect()
}
