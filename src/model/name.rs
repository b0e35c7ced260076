//! Names: validated once, cheap to clone.
//!
//! A name becomes a file name, a column in the log and a word on the command line, so its alphabet
//! is small: lowercase letters, digits, `-` and `_`, at most 63 of them, a letter or digit first.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, de};

/// A name outside the alphabet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is nothing in it.
    #[error("a name can't be empty")]
    Empty,
    /// It has more than 63 characters.
    #[error("`{name}` is {length} characters long; a name has at most 63")]
    Long {
        /// The name, cut.
        name: String,
        /// How many characters it has.
        length: usize,
    },
    /// It has a character that no name may have.
    #[error(
        "`{name}` has the character {character:?}; a name is made of lowercase letters, digits, `-` and `_`, \
         and starts with a letter or digit"
    )]
    Character {
        /// The name as given.
        name: String,
        /// The first character that isn't allowed where it stands.
        character: char,
    },
}

fn validate(text: &str) -> Result<(), NameError> {
    let length = text.chars().count();
    if length == 0 {
        return Err(NameError::Empty);
    }
    if length > 63 {
        let name = text.chars().take(20).collect::<String>() + "…";
        return Err(NameError::Long { name, length });
    }
    let allowed = |(index, character): &(usize, char)| match character {
        'a'..='z' | '0'..='9' => true,
        '-' | '_' => *index > 0,
        _ => false,
    };
    match text.chars().enumerate().find(|pair| !allowed(pair)) {
        Some((_, character)) => Err(NameError::Character { name: text.escape_debug().to_string(), character }),
        None => Ok(()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Takes in a name after checking its alphabet.
            ///
            /// # Errors
            /// When the text is empty, too long, or has a character that no name may have.
            pub fn new(text: &str) -> Result<Self, NameError> {
                validate(text).map(|()| Self(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
    };
}

name!(
    /// A deployment slice with its own mode, port and database: `control`, `region`.
    SiloName
);
name!(
    /// A declaration in the configuration: `server`, `worker`.
    ServiceName
);
name!(
    /// A switch that the configuration declares and the command line sets: `celery-beat`.
    FlagName
);

impl FlagName {
    /// The name as expressions write it: `celery_beat` for `celery-beat`.
    pub fn in_expressions(&self) -> String {
        self.as_str().replace('-', "_")
    }
}

/// A service in a silo, as planned: `region.server`; or just `server`, where the silo has no prefix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ProcessName(Arc<str>);

impl ProcessName {
    /// Joins a silo's prefix (empty for none) and the name of a service or of one of its items.
    ///
    /// # Errors
    /// When the last part isn't a name.
    pub fn join(prefix: &str, name: &str) -> Result<Self, NameError> {
        validate(name)?;
        Ok(match prefix {
            "" => Self(name.into()),
            prefix => Self(format!("{prefix}.{name}").into()),
        })
    }

    /// Reads a process name as people write it: `server` or `region.server`.
    ///
    /// # Errors
    /// When a part isn't a name.
    pub fn new(text: &str) -> Result<Self, NameError> {
        text.split('.').try_for_each(validate).map(|()| Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProcessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for ProcessName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_small_alphabet() {
        for good in ["server", "celery-beat", "ingest_events", "3d", &"a".repeat(63)] {
            assert!(ServiceName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-x", "_x", "Server", "a b", "a/b", "..", "a.b", "--help", "é", &"a".repeat(64)] {
            assert!(ServiceName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_process_is_named_after_its_silo_unless_that_has_no_prefix() {
        assert_eq!(ProcessName::join("region", "server").map(|n| n.to_string()), Ok("region.server".into()));
        assert_eq!(ProcessName::join("", "server").map(|n| n.to_string()), Ok("server".into()));
    }

    #[test]
    fn a_bad_name_says_which_character() {
        assert_eq!(
            ServiceName::new("my server").map_err(|e| e.to_string()),
            Err("`my server` has the character ' '; a name is made of lowercase letters, digits, `-` and `_`, \
                 and starts with a letter or digit"
                .into())
        );
    }
}
