//! Who may talk to whom: the same version of the protocol, or nobody.

/// The version of the protocol that this program speaks. It changes with every change that an older program on
/// the other side would misunderstand; new requests, messages and fields are no such change.
pub const VERSION: u32 = 1;

/// This program, as it calls itself to the other side.
pub const PROGRAM: &str = concat!("devserver ", env!("CARGO_PKG_VERSION"));

/// The two sides don't speak the same version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this side speaks version {ours} of the protocol, the other one version {theirs}")]
pub struct VersionMismatch {
    /// What this program speaks.
    pub ours: u32,
    /// What the other one does.
    pub theirs: u32,
}

/// Whether we can talk to somebody who speaks this version.
///
/// # Errors
/// When it isn't ours.
pub fn check_version(theirs: u32) -> Result<(), VersionMismatch> {
    match theirs {
        VERSION => Ok(()),
        theirs => Err(VersionMismatch { ours: VERSION, theirs }),
    }
}
