//! `mistral-datasets compact`

use std::path::PathBuf;

use clap::Args;
use mistral_datasets_server::{CompactError, compact};

use crate::error::CliError;
use crate::maintenance;
use crate::output::Output;

/// Remove unused space from the database of a data directory
///
/// The server must be stopped. A running server returns the pages of deleted data by itself; this command also removes the unused
/// parts of pages.
///
/// The new database is written next to the old one and replaces it when it is complete, so an interruption loses nothing. This needs
/// as much free disk space as the new database, which is checked first.
#[derive(Debug, Args)]
pub struct Compact {
    /// The data directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Compact {
    /// Runs the command. When interrupted, leaves the database as it was.
    pub async fn run(
        self,
        output: Output,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), CliError> {
        let path = self.directory.clone();
        let result = maintenance::run(shutdown, move |keep_running| {
            compact(&self.directory, move || keep_running.get())
        });
        let compaction = match result.await? {
            Ok(compaction) => compaction,
            Err(CompactError::Stopped) => return Err(CliError::Interrupted),
            Err(error) => return Err(CliError::Maintenance(Box::new(error))),
        };
        let (before, after) = (compaction.bytes_before, compaction.bytes_after);
        let json = serde_json::json!({"path": path, "bytes_before": before, "bytes_after": after});
        output.report(&json, || {
            format!("compacted `{}` from {before} to {after} bytes", path.display())
        })
    }
}
