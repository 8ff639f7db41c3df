//! `mistral-datasets files`

use std::path::{Path, PathBuf};

use clap::Subcommand;
use futures::StreamExt;
use mistral_datasets::{Client, Download, Upload};
use tokio::io::AsyncWriteExt;

use crate::error::CliError;
use crate::output::{self, Output};

/// Manage uploaded files
#[derive(Debug, Subcommand)]
pub enum Files {
    /// Upload a file of at most 512 MB
    Upload {
        /// The file to upload
        path: PathBuf,
        /// The purpose of the file; imports into datasets do not need one
        #[arg(long)]
        purpose: Option<String>,
        /// Delete the file from the server after this many hours
        #[arg(long, value_name = "HOURS")]
        expiry: Option<i64>,
    },
    /// List uploaded files, newest first
    List {
        /// The number of files to print
        #[arg(long, value_name = "N")]
        page_size: Option<i64>,
        /// The page to print, starting at 0
        #[arg(long, value_name = "N")]
        page: Option<i64>,
    },
    /// Show the metadata of a file
    Get {
        /// The ID of the file
        file: String,
    },
    /// Print a signed URL that downloads a file without an API key
    Url {
        /// The ID of the file
        file: String,
        /// The lifetime of the URL, in hours
        #[arg(long, value_name = "HOURS")]
        expiry: Option<i64>,
    },
    /// Download a file
    ///
    /// The content is written to standard output unless `--output` is given.
    Download {
        /// The ID of the file
        file: String,
        /// The file to write, or `-` for standard output
        ///
        /// The file appears only when the download is complete.
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Delete a file
    Delete {
        /// The ID of the file
        file: String,
    },
}

impl Files {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), CliError> {
        let files = client.files();
        match self {
            Self::Upload { path, purpose, expiry } => {
                let upload = Upload::path(path).await?.purpose(purpose).expiry(expiry);
                output.print(&files.upload(upload).await?, output::file)
            }
            Self::List { page_size, page } => {
                let response = files.list().page_size(page_size).page(page).await?;
                output.print(&response, |response| {
                    let rows = response.data.iter().map(|file| {
                        [
                            file.id.clone(),
                            file.filename.clone(),
                            file.bytes.map_or_else(String::new, |bytes| bytes.to_string()),
                        ]
                    });
                    let total = response.total.unwrap_or(response.data.len() as i64);
                    output::page(["id", "name", "bytes"], rows, total, "files")
                })
            }
            Self::Get { file } => output.print(&files.retrieve(file).await?, output::file),
            Self::Url { file, expiry } => {
                let response = files.get_signed_url(file).expiry(expiry).await?;
                output.print(&response, |response| response.url.clone())
            }
            Self::Download { file, output: path } => {
                let download = files.download(file).await?;
                match path.filter(|path| path != Path::new("-")) {
                    None => write_to_stdout(download).await,
                    Some(path) => {
                        let bytes = download.to_path(&path).await?;
                        let json = serde_json::json!({"path": path, "bytes": bytes});
                        output
                            .report(&json, || format!("wrote `{}` ({bytes} bytes)", path.display()))
                    }
                }
            }
            Self::Delete { file } => {
                files.delete(&file).await?;
                output.report_deleted(&[file])
            }
        }
    }
}

/// Streams a download to standard output.
async fn write_to_stdout(download: Download) -> Result<(), CliError> {
    let mut chunks = download.into_stream();
    let mut stdout = tokio::io::stdout();
    while let Some(chunk) = chunks.next().await {
        stdout.write_all(&chunk?).await.map_err(CliError::Stdout)?;
    }
    stdout.flush().await.map_err(CliError::Stdout)
}
