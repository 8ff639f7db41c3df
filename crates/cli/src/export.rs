//! `mistral-datasets export`

use std::error::Error as _;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use mistral_datasets::{Client, Compression, Error};

use crate::error::CliError;
use crate::output::{self, Output};

/// Export a dataset as JSONL, one record per line
///
/// The export is written to standard output unless `--output` is given.
#[derive(Debug, Args)]
pub struct Export {
    /// The ID or slug of the dataset
    dataset: String,
    /// The file to write, or `-` for standard output
    ///
    /// The file appears only when the export is complete. It is compressed if its name ends in `.gz` or `.zst`.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How to compress the export; `auto` decides by the file name
    #[arg(long, value_enum, default_value_t = CompressionName::Auto)]
    compression: CompressionName,
}

/// The values of `--compression`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum CompressionName {
    Auto,
    None,
    Gzip,
    Zstd,
}

impl From<CompressionName> for Compression {
    fn from(name: CompressionName) -> Self {
        match name {
            CompressionName::Auto => Self::Auto,
            CompressionName::None => Self::None,
            CompressionName::Gzip => Self::Gzip,
            CompressionName::Zstd => Self::Zstd,
        }
    }
}

impl Export {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), CliError> {
        let export = client.datasets().export(self.dataset).compression(self.compression.into());
        match self.output.filter(|path| path != Path::new("-")) {
            None => {
                // On a terminal, a progress bar would be drawn between the records.
                let is_terminal = io::stdout().is_terminal();
                let bar = if is_terminal { output.hidden_bar() } else { output.progress_bar() };
                let export = export.on_progress(bar.transfer_callback());
                export.to_writer(tokio::io::stdout()).await.map_err(stdout_error)?;
                Ok(())
            }
            Some(path) => {
                let bar = output.progress_bar();
                let report = export.on_progress(bar.transfer_callback()).to_path(&path).await?;
                drop(bar);
                let (records, bytes) = (report.records, report.bytes);
                let json = serde_json::json!({"path": path, "bytes": bytes, "records": records});
                output.report(&json, || {
                    let records = output::count(records, "record");
                    format!("wrote `{}` ({records}, {bytes} bytes)", path.display())
                })
            }
        }
    }
}

/// Converts an export error. A closed pipe becomes [`CliError::Stdout`], which ends the command silently.
fn stdout_error(error: Error) -> CliError {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    match source.map(io::Error::kind) {
        Some(io::ErrorKind::BrokenPipe) => CliError::Stdout(io::ErrorKind::BrokenPipe.into()),
        _ => CliError::Api(error),
    }
}
