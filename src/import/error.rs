//! Why a file can't be imported at all. What can't be carried over of one that can is no error: see `Lost`.

/// A file that isn't what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Its name tells no format.
    #[error("`{name}` isn't the name of a file that can be imported")]
    UnknownKind {
        /// The file's name.
        name: String,
    },
    /// It isn't YAML.
    #[error("line {line}: {why}")]
    Syntax {
        /// From 1.
        line: usize,
        /// In the parser's words.
        why: String,
    },
    /// A place holds something of another kind than it must.
    #[error("line {line}: `{at}` must be {expected}")]
    Shape {
        /// From 1.
        line: usize,
        /// The key's path.
        at: String,
        /// `a table`.
        expected: &'static str,
    },
    /// No process is in it.
    #[error("there is no process in it")]
    Empty,
}

impl ImportError {
    /// What to do.
    pub fn hint(&self) -> String {
        match self {
            Self::UnknownKind { .. } => {
                "a Procfile, process-compose.yaml, mprocs.yaml and pitchfork.toml can be; --as=procfile (process-compose, \
                 mprocs, pitchfork) says what one by another name is"
                    .into()
            }
            Self::Syntax { .. } | Self::Shape { .. } => "mend the file, or say with --as what it is".into(),
            Self::Empty => "is it the right file?".into(),
        }
    }
}
