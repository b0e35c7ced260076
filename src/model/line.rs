//! Where a line comes from.

use serde::{Deserialize, Serialize};

/// The stream that brought a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Its standard output, a pipe.
    Stdout,
    /// Its standard error, a pipe.
    Stderr,
    /// Its terminal, where the two are one.
    Pty,
}
