//! `mistral-datasets files …`

use std::path::{Path, PathBuf};

use clap::Subcommand;
use futures::StreamExt;
use mistral_datasets::{Client, Download, Upload};
use tokio::io::AsyncWriteExt;

use crate::failure::Failure;
use crate::output::{self, Output};

/// The commands on uploaded files.
#[derive(Debug, Subcommand)]
pub enum Files {
    /// Upload a file of at most 512 MB
    Upload {
        /// The file on this machine
        path: PathBuf,
        /// What it is for; datasets need no purpose
        #[arg(long)]
        purpose: Option<String>,
        /// After how many hours the server removes it
        #[arg(long, value_name = "HOURS")]
        expiry: Option<i64>,
    },
    /// List the uploaded files, newest first
    List {
        /// How many to print
        #[arg(long, value_name = "N")]
        page_size: Option<i64>,
        /// Which page to print, from 0
        #[arg(long, value_name = "N")]
        page: Option<i64>,
    },
    /// Print what is known about a file
    Get {
        /// The file's id
        file: String,
    },
    /// Print a link to a file that needs no key and expires
    Url {
        /// The file's id
        file: String,
        /// After how many hours it expires
        #[arg(long, value_name = "HOURS")]
        expiry: Option<i64>,
    },
    /// Download a file
    Download {
        /// The file's id
        file: String,
        /// The file to write; it appears when it is whole. `-`, or nothing, is standard output
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Delete a file
    Delete {
        /// The file's id
        file: String,
    },
}

impl Files {
    /// Runs the command.
    pub async fn run(self, client: &Client, output: Output) -> Result<(), Failure> {
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
                    let table = output::table(["id", "name", "bytes"], rows);
                    let shown = response.data.len();
                    let total = response.total.unwrap_or(shown as i64);
                    format!("{table}\n{}", output::of_total(shown, total, "files"))
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
                    None => to_stdout(download).await,
                    Some(path) => {
                        let bytes = download.to_path(&path).await?;
                        let done = serde_json::json!({"path": path, "bytes": bytes});
                        let path = path.display();
                        output.report(&done, || format!("wrote {path} ({bytes} bytes)"))
                    }
                }
            }
            Self::Delete { file } => {
                files.delete(&file).await?;
                output.done("deleted", &[file])
            }
        }
    }
}

/// Writes a download to standard output as it comes.
async fn to_stdout(download: Download) -> Result<(), Failure> {
    let mut pieces = download.into_stream();
    let mut stdout = tokio::io::stdout();
    while let Some(piece) = pieces.next().await {
        stdout.write_all(&piece?).await.map_err(Failure::Output)?;
    }
    stdout.flush().await.map_err(Failure::Output)
}
