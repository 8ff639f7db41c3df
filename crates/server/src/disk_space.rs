//! Free disk space.

use std::path::Path;

/// Disk space that writes must leave free, in bytes, so that deletes still succeed on a full disk.
pub(crate) const RESERVED: u64 = 2 << 20;

/// Returns the number of bytes available on the file system of `file`, which need not exist.
///
/// Returns `u64::MAX` if the operating system cannot tell.
#[cfg(unix)]
pub(crate) fn available(file: &Path) -> u64 {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    match rustix::fs::statvfs(directory.unwrap_or(Path::new("."))) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(_) => u64::MAX,
    }
}

/// Returns `u64::MAX`: the available disk space is not known on this platform.
#[cfg(not(unix))]
pub(crate) fn available(_file: &Path) -> u64 {
    u64::MAX
}
