//! How much room there is.

use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

/// The bytes that are free for us where a folder is; and the folder that we could ask, which may be one above it.
pub fn free(folder: &Path) -> Option<(PathBuf, u64)> {
    folder.ancestors().find_map(|folder| {
        let stat = statvfs(folder).ok()?;
        let free = stat.blocks_available() * stat.fragment_size();
        Some((folder.to_path_buf(), free))
    })
}
