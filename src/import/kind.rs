//! Which format a file has, and its reader.

use super::draft::{Draft, Lost};
use super::error::ImportError;
use super::{compose, mprocs, pitchfork, procfile, toml_text};

/// A format that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `name: shell line`: foreman, honcho, overmind, hivemind.
    Procfile,
    /// process-compose.yaml.
    ProcessCompose,
    /// mprocs.yaml.
    Mprocs,
    /// pitchfork.toml.
    Pitchfork,
}

impl Kind {
    /// Every format, with what `--as` calls it.
    pub const ALL: &[(&str, Self)] = &[
        ("procfile", Self::Procfile),
        ("process-compose", Self::ProcessCompose),
        ("mprocs", Self::Mprocs),
        ("pitchfork", Self::Pitchfork),
    ];

    /// The format of a file of this name (without folders).
    ///
    /// # Errors
    /// When the name tells none.
    pub fn of(name: &str) -> Result<Self, ImportError> {
        let lower = name.to_ascii_lowercase();
        let is_yaml = lower.ends_with(".yaml") || lower.ends_with(".yml");
        match lower.as_str() {
            name if name.starts_with("procfile") || name.ends_with(".procfile") => Ok(Self::Procfile),
            name if name.starts_with("process-compose") && is_yaml => Ok(Self::ProcessCompose),
            name if name.starts_with("mprocs") && is_yaml => Ok(Self::Mprocs),
            name if name.starts_with("pitchfork") && name.ends_with(".toml") => Ok(Self::Pitchfork),
            _ => Err(ImportError::UnknownKind { name: name.to_owned() }),
        }
    }
}

/// Turns a file's text into that of a devserver.toml.
///
/// # Errors
/// When the text isn't what it should be.
pub fn import(kind: Kind, name: &str, text: &str) -> Result<(String, Vec<Lost>), ImportError> {
    let draft = read(kind, text)?;
    Ok((toml_text::write(&draft, name, "devserver import"), draft.lost))
}

/// Reads a file's text.
pub(super) fn read(kind: Kind, text: &str) -> Result<Draft, ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut draft = match kind {
        Kind::Procfile => procfile::read(text),
        Kind::ProcessCompose => compose::read(text),
        Kind::Mprocs => mprocs::read(text),
        Kind::Pitchfork => pitchfork::read(text),
    }?;
    draft.lost.sort_by_key(|lost| lost.line);
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn a_name_tells_the_format() {
        for (name, kind) in [
            ("Procfile", Kind::Procfile),
            ("Procfile.dev", Kind::Procfile),
            ("process-compose.yml", Kind::ProcessCompose),
            ("process-compose.override.yaml", Kind::ProcessCompose),
            ("mprocs.yaml", Kind::Mprocs),
            ("pitchfork.toml", Kind::Pitchfork),
            ("pitchfork.local.toml", Kind::Pitchfork),
        ] {
            assert_eq!(Kind::of(name), Ok(kind), "{name}");
        }
        assert!(Kind::of("docker-compose.yml").is_err());
        assert!(Kind::of("mprocs.lua").is_err());
    }
}
