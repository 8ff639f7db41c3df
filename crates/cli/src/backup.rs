//! `mistral-datasets backup`

use std::path::PathBuf;

use clap::Args;
use mistral_datasets_server::{BackupError, backup};

use crate::error::CliError;
use crate::maintenance;
use crate::output::{self, Output};

/// Shown below the arguments in `--help`.
const RESTORING: &str = "\
The backup is itself a data directory. To restore it, copy it and serve the copy:

  mistral-datasets backup mistral-datasets-data backup-monday
  mistral-datasets restore backup-monday restored
  mistral-datasets serve --data restored

To store it as a single file: tar -cf backup-monday.tar backup-monday

A backup contains all conversations and the secret that signs the server's links. Only its owner can read it.";

/// Back up the data directory of a local server
///
/// Takes a consistent snapshot of the data directory, also while a server is using it. The server is not blocked, and the
/// backup contains every write acknowledged before it started.
///
/// The backup appears under its final name only when it is complete and flushed to disk. Existing files are never
/// replaced.
#[derive(Debug, Args)]
#[command(after_help = RESTORING)]
pub struct Backup {
    /// The data directory of the server
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// The directory to create, which must not exist yet
    #[arg(value_name = "BACKUP")]
    to: PathBuf,
}

impl Backup {
    /// Runs the command. When interrupted, removes the unfinished backup.
    pub async fn run(
        self,
        output: Output,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), CliError> {
        let path = self.to.clone();
        let result = maintenance::run(shutdown, move |keep_running| {
            backup(&self.from, &self.to, || keep_running.get())
        });
        let report = match result.await? {
            Ok(report) => report,
            Err(BackupError::Stopped) => return Err(CliError::Interrupted),
            Err(error) => return Err(CliError::Maintenance(Box::new(error))),
        };
        let (files, bytes) = (report.files, report.bytes);
        let json = serde_json::json!({"path": path, "bytes": bytes, "files": files});
        output.report(&json, || {
            let files = output::count(files as u64, "file");
            format!("backed up to `{}` ({bytes} bytes, {files})", path.display())
        })
    }
}
