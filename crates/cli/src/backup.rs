//! `mistral-datasets backup`

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use mistral_datasets_server::{BackupError, backup};

use crate::failure::Failure;
use crate::output::Output;

/// What `--help` says beyond the arguments.
const RESTORING: &str = "\
The backup is a data directory itself, so restoring is copying:

  mistral-datasets backup mistral-datasets-data backup-monday
  cp -r backup-monday restored
  mistral-datasets serve --data restored

To keep it as one file: tar -cf backup-monday.tar backup-monday
It holds what the server signs its links with and all conversations; only its owner may read it.";

/// Copies the data directory of a local server as it is at one moment. A server may be serving it, and is not kept waiting;
/// every write it has acknowledged before is in the backup. The backup appears under its name when it is whole and on the
/// disk, and replaces nothing.
#[derive(Debug, Args)]
#[command(after_help = RESTORING)]
pub struct Backup {
    /// The data directory of the server
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// What the backup is to be called; nothing may have that name yet
    #[arg(value_name = "FILE")]
    to: PathBuf,
}

impl Backup {
    /// Runs the command; what was begun is removed when it is told to stop.
    pub async fn run(self, output: Output, stop: impl Future<Output = ()>) -> Result<(), Failure> {
        let go_on = Arc::new(AtomicBool::new(true));
        let asked = Arc::clone(&go_on);
        let path = self.to.clone();
        let mut running = tokio::task::spawn_blocking(move || {
            backup(&self.from, &self.to, || asked.load(Ordering::Relaxed))
        });
        let finished = tokio::select! {
            finished = &mut running => finished,
            () = stop => {
                go_on.store(false, Ordering::Relaxed);
                running.await
            }
        };
        let made = match finished {
            Ok(Ok(made)) => made,
            Ok(Err(BackupError::Stopped)) => return Err(Failure::Interrupted),
            Ok(Err(error)) => return Err(Failure::Backup(error)),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return Err(Failure::Interrupted),
            },
        };
        let (files, bytes) = (made.files, made.bytes);
        let done = serde_json::json!({"path": path, "bytes": bytes, "files": files});
        output.report(&done, || {
            format!("backed up to {} ({bytes} bytes, {files} files)", path.display())
        })
    }
}
