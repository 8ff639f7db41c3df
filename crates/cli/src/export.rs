//! `mistral-datasets export …`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use futures::StreamExt;
use mistral_datasets::{Client, Download};

use crate::failure::Failure;
use crate::output::Output;

/// Exports a dataset as JSONL, a record a line.
#[derive(Debug, Args)]
pub struct Export {
    /// The dataset
    dataset: String,
    /// The file to write; it appears when it is whole. Without it the lines go to standard output
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
}

impl Export {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), Failure> {
        let link = client.datasets().export_to_jsonl(self.dataset).await?.file_url;
        let download = client.open_link(&link).await?;
        match self.output {
            None => to_stdout(download).await,
            Some(path) => {
                let bytes = to_file(download, &path).await?;
                let done = serde_json::json!({"path": path, "bytes": bytes});
                output.print(&done, |_| format!("wrote {} ({bytes} bytes)", path.display()))
            }
        }
    }
}

/// Writes a download to standard output as it comes.
pub async fn to_stdout(download: Download) -> Result<(), Failure> {
    let mut pieces = download.into_stream();
    let mut stdout = io::stdout().lock();
    while let Some(piece) = pieces.next().await {
        stdout.write_all(&piece?).map_err(Failure::Output)?;
    }
    stdout.flush().map_err(Failure::Output)
}

/// Writes a download to a file that appears when it is whole, and returns its length in bytes.
pub async fn to_file(download: Download, path: &Path) -> Result<u64, Failure> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(Failure::file(path))?;
    let mut written = 0;
    let mut pieces = download.into_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        file.write_all(&piece).map_err(Failure::file(path))?;
        written += piece.len() as u64;
    }
    file.as_file().sync_all().map_err(Failure::file(path))?;
    file.persist(path).map_err(|error| Failure::File(path.to_owned(), error.error))?;
    Ok(written)
}
