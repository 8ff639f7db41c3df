//! The time of the last backup of a data directory, for the metrics.
//!
//! Backups are made by another process, which leaves the time in a file of the data directory: the seconds since the Unix epoch, as
//! decimal digits.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;

use crate::data_dir;

/// Records a successful backup. If that fails, the backup is still good, so the failure is only logged.
pub(super) fn record(directory: &Path, time: SystemTime) {
    if let Err(error) = write(directory, time) {
        tracing::warn!(%error, "cannot record the time of the backup in the data directory");
    }
}

/// Replaces the file atomically. Only its owner can read it.
fn write(directory: &Path, time: SystemTime) -> io::Result<()> {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_err(io::Error::other)?.as_secs();
    let mut file = NamedTempFile::with_prefix_in(".last-backup-", directory)?;
    writeln!(file, "{seconds}")?;
    file.as_file().sync_all()?;
    file.persist(data_dir::last_backup(directory))?;
    Ok(())
}

/// Returns the time of the last backup since the Unix epoch, or `None` if there was none or it cannot be read.
pub(super) fn read(directory: &Path) -> Option<Duration> {
    let text = std::fs::read_to_string(data_dir::last_backup(directory)).ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_recorded_time_is_read() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(read(directory.path()), None);
        for seconds in [1_767_604_000, 1_767_690_400] {
            let time = Duration::from_secs(seconds);
            record(directory.path(), SystemTime::UNIX_EPOCH + time);
            assert_eq!(read(directory.path()), Some(time));
        }
        let files = std::fs::read_dir(directory.path()).unwrap();
        assert_eq!(files.count(), 1, "a temporary file is left");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;

            let file = data_dir::last_backup(directory.path()).metadata().unwrap();
            assert_eq!(file.permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(data_dir::last_backup(directory.path()), "yesterday").unwrap();
        assert_eq!(read(directory.path()), None);
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_not_an_error() {
        record(Path::new("/nonexistent"), SystemTime::now());
    }
}
