//! Metrics of the process.

/// Returns the resident memory of the process in bytes, on systems with `/proc`.
pub(super) fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn memory_is_known_on_linux() {
        assert!(super::resident_bytes().is_some_and(|bytes| bytes > 1_000_000));
    }
}
