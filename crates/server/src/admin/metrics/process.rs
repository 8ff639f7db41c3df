//! Metrics of the process, on systems with `/proc`.

use std::fs::{read_dir, read_to_string};

/// Returns the resident memory of the process in bytes.
pub(super) fn resident_bytes() -> Option<u64> {
    let status = read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Returns the number of open file descriptors.
pub(super) fn open_descriptors() -> Option<u64> {
    let listed = read_dir("/proc/self/fd").ok()?.count() as u64;
    // Listing the directory takes one itself.
    listed.checked_sub(1)
}

/// Returns the maximum number of open file descriptors, or `None` if it is unlimited.
pub(super) fn max_descriptors() -> Option<u64> {
    let limits = read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn memory_is_known_on_linux() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1_000_000));
    }

    #[test]
    fn open_descriptors_are_counted() {
        // Other tests of this process open and close files at the same time, but not hundreds of them.
        let before = open_descriptors().unwrap();
        let files = Vec::from_iter((0..500).map(|_| std::fs::File::open("/dev/null").unwrap()));
        let after = open_descriptors().unwrap();
        assert!((300..700).contains(&(after - before)), "{before} {after}");
        assert!(max_descriptors().unwrap() > after);
        drop(files);
    }
}
