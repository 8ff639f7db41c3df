//! `mistral-datasets export …`

use std::error::Error as _;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use mistral_datasets::{Client, Compression, Error};

use crate::failure::Failure;
use crate::output::Output;

/// Exports a dataset as JSONL, a record a line.
#[derive(Debug, Args)]
pub struct Export {
    /// The dataset
    dataset: String,
    /// The file to write; it appears when it is whole, and is compressed when its name ends in .gz or .zst. `-`, or nothing,
    /// is standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How to compress, whatever the file is called
    #[arg(long, value_enum, default_value_t = CompressionName::Auto)]
    compression: CompressionName,
}

/// The compressions, as the command line names them.
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
    pub async fn run(self, client: &Client, output: Output) -> Result<(), Failure> {
        let export = client.datasets().export(self.dataset).compression(self.compression.into());
        match self.output.filter(|path| path != Path::new("-")) {
            None => {
                // A bar between the lines on the same terminal would help nobody.
                let bar =
                    if io::stdout().is_terminal() { output.without_bar() } else { output.bar() };
                let export = export.on_progress(bar.callback());
                export.to_writer(tokio::io::stdout()).await.map_err(to_stdout)?;
                Ok(())
            }
            Some(path) => {
                let bar = output.bar();
                let report = export.on_progress(bar.callback()).to_path(&path).await?;
                drop(bar);
                let (records, bytes) = (report.records, report.bytes);
                let done = serde_json::json!({"path": path, "bytes": bytes, "records": records});
                let path = path.display();
                output.report(&done, || format!("wrote {path} ({records} records, {bytes} bytes)"))
            }
        }
    }
}

/// The failure of an export to standard output, which ends quietly when nobody reads on.
fn to_stdout(error: Error) -> Failure {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    match source.map(io::Error::kind) {
        Some(io::ErrorKind::BrokenPipe) => Failure::Output(io::ErrorKind::BrokenPipe.into()),
        _ => Failure::Call(error),
    }
}
