//! Who we are.

use nix::unistd::{getegid, geteuid};

/// Our effective user and group; user 0 is root.
pub fn ids() -> (u32, u32) {
    (geteuid().as_raw(), getegid().as_raw())
}

/// What our effective user is called.
pub fn name() -> Option<String> {
    nix::unistd::User::from_uid(geteuid()).ok().flatten().map(|user| user.name)
}
