//! How much room there is on the disk.

use std::path::Path;

/// So much is left free by everything that fills the disk, so that there is room to write down what gives some back.
pub(crate) const KEPT: u64 = 2 << 20;

/// How many bytes may still be written beside a file, which need not be there. Where the system does not say, there is room.
#[cfg(unix)]
pub(crate) fn beside(file: &Path) -> u64 {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    match rustix::fs::statvfs(directory.unwrap_or(Path::new("."))) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(_) => u64::MAX,
    }
}

/// How many bytes may still be written beside a file, which need not be there. Where the system does not say, there is room.
#[cfg(not(unix))]
pub(crate) fn beside(_file: &Path) -> u64 {
    u64::MAX
}
