//! `mistral-datasets restore`

use std::path::PathBuf;

use clap::Args;
use mistral_datasets_server::{RestoreError, restore};

use crate::error::CliError;
use crate::maintenance;
use crate::output::{self, Output};
use crate::verify::print_problems;

/// Restore a backup to a new data directory
///
/// Copies the backup and verifies the copy. The directory appears under its final name only when it is complete, verified and
/// flushed to disk. Only its owner can read it. The backup is not changed.
#[derive(Debug, Args)]
pub struct Restore {
    /// The backup, as created by `mistral-datasets backup`
    #[arg(value_name = "BACKUP")]
    from: PathBuf,
    /// The data directory to create, which must not exist or must be empty
    #[arg(value_name = "DIR")]
    to: PathBuf,
}

impl Restore {
    /// Runs the command. When interrupted, removes the unfinished copy.
    pub async fn run(
        self,
        output: Output,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), CliError> {
        let path = self.to.clone();
        let result = maintenance::run(shutdown, move |keep_running| {
            restore(&self.from, &self.to, move || keep_running.get())
        });
        let restored = match result.await? {
            Ok(restored) => restored,
            Err(RestoreError::Stopped) => return Err(CliError::Interrupted),
            Err(RestoreError::Damaged { path, problems }) => {
                print_problems("", &problems);
                return Err(CliError::Damaged(path, problems.len()));
            }
            Err(error) => return Err(CliError::Maintenance(Box::new(error))),
        };
        let (files, bytes) = (restored.files, restored.bytes);
        let json = serde_json::json!({"path": path, "bytes": bytes, "files": files});
        output.report(&json, || {
            let files = output::count(files as u64, "file");
            format!("restored to `{}` ({bytes} bytes, {files})", path.display())
        })
    }
}
