//! The built-in presets: the only place in `src/` that names an application.

use super::layer::Layer;

/// A built-in configuration and the templates that belong to it.
#[derive(Debug)]
pub struct Preset {
    /// Its name, as `preset = "…"` has it.
    pub name: &'static str,
    text: &'static str,
    templates: &'static [(&'static str, &'static str)],
}

/// Every built-in preset.
pub static PRESETS: &[Preset] = &[Preset {
    name: "sentry",
    text: include_str!("../../templates/presets/sentry.toml"),
    templates: &[
        ("templates/ngrok.yml", include_str!("../../templates/ngrok.yml")),
        ("templates/silo-tables.toml", include_str!("../../templates/silo-tables.toml")),
    ],
}];

/// The names of the presets.
pub fn preset_names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|preset| preset.name)
}

/// The preset of this name.
pub fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

impl Preset {
    /// The preset as the lowest layer.
    pub fn layer(&self) -> Layer {
        Layer { name: format!("preset {}", self.name), text: self.text.to_owned() }
    }

    /// A template of the preset, for a project that has no file of that name.
    pub fn template(&self, path: &str) -> Option<&'static str> {
        self.templates.iter().find(|(name, _)| *name == path).map(|(_, text)| *text)
    }
}
