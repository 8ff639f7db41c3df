//! Measures uploads, imports and exports.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use super::latencies::Latencies;
use crate::connection::{Body, Connection};
use crate::{Error, block_on};

/// The pause between two reads while an import runs.
const READ_PAUSE: Duration = Duration::from_millis(2);

const BOUNDARY: &str = "mistral-datasets-bench";

/// The duration of an upload and an import, and the latency of reads during the import.
#[derive(Clone, Copy, Debug)]
pub struct Import {
    pub upload_seconds: f64,
    pub import_seconds: f64,
    /// `None` if the import ended before the first read.
    pub read_p99_ms: Option<f64>,
    /// The number of different progress values that the task reported.
    pub progress_steps: usize,
}

/// The duration and size of an export.
#[derive(Clone, Copy, Debug)]
pub struct Export {
    pub seconds: f64,
    pub lines: usize,
}

/// Uploads a file and imports it into a dataset, reading `read_path` meanwhile.
///
/// # Errors
/// Fails if a request fails or the import does not complete.
pub fn import(port: u16, file: &Path, dataset_id: &str, read_path: &str) -> Result<Import, Error> {
    block_on(upload_and_import(port, file, dataset_id, read_path))
}

async fn upload_and_import(
    port: u16,
    file: &Path,
    dataset_id: &str,
    read_path: &str,
) -> Result<Import, Error> {
    let mut connection = Connection::open(port).await?;
    let started = Instant::now();
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let response = connection.send("POST", "/v1/files", &content_type, form(file).await?).await?;
    let uploaded: Value =
        serde_json::from_slice(&response.into_body().collect().await?.to_bytes())?;
    let upload_seconds = started.elapsed().as_secs_f64();

    let started = Instant::now();
    let dataset = format!("/v1/observability/datasets/{dataset_id}");
    let request = json!({"file_id": uploaded["id"]});
    let mut task =
        connection.json("POST", &format!("{dataset}/imports/from-file"), Some(&request)).await?;
    let path = format!("{dataset}/tasks/{}", task["id"].as_str().ok_or("the task has no id")?);
    let mut reader = Connection::open(port).await?;
    let mut latencies = Latencies::default();
    let mut progress = BTreeSet::new();
    loop {
        let sent = Instant::now();
        reader.call("GET", read_path, None).await?;
        latencies.add(sent.elapsed());
        tokio::time::sleep(READ_PAUSE).await;
        task = connection.json("GET", &path, None).await?;
        if task["status"] != "RUNNING" {
            break;
        }
        progress.extend(task["progress"].as_u64());
    }
    let import_seconds = started.elapsed().as_secs_f64();
    if task["status"] != "COMPLETED" {
        return Err(format!("the import failed: {task}").into());
    }
    let read_p99_ms = latencies.quantile(0.99);
    Ok(Import { upload_seconds, import_seconds, read_p99_ms, progress_steps: progress.len() })
}

/// Streams a file as a multipart form.
async fn form(file: &Path) -> Result<Body, Error> {
    let start = format!(
        "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
         --{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"records.jsonl\"\r\n\
         content-type: application/jsonl\r\n\r\n"
    );
    let end = format!("\r\n--{BOUNDARY}--\r\n");
    let contents = ReaderStream::with_capacity(File::open(file).await?, 256 << 10);
    let chunks = stream::once(async { Ok(Bytes::from(start)) })
        .chain(contents)
        .chain(stream::once(async { Ok(Bytes::from(end)) }));
    Ok(StreamBody::new(chunks.map_ok(Frame::data)).boxed_unsync())
}

/// Exports a dataset and downloads the file.
///
/// # Errors
/// Fails if a request fails.
pub fn export(port: u16, dataset_id: &str) -> Result<Export, Error> {
    block_on(export_and_download(port, dataset_id))
}

async fn export_and_download(port: u16, dataset_id: &str) -> Result<Export, Error> {
    let mut connection = Connection::open(port).await?;
    let started = Instant::now();
    let path = format!("/v1/observability/datasets/{dataset_id}/exports/to-jsonl");
    let export = connection.json("GET", &path, None).await?;
    let url = export["file_url"].as_str().ok_or("the export has no URL")?;
    let path = path_of(url).ok_or("the export URL has no path")?;
    let body = http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync();
    let response = connection.send("GET", path, "application/octet-stream", body).await?;
    let mut body = response.into_body();
    let mut lines = 0;
    while let Some(frame) = body.frame().await {
        if let Ok(chunk) = frame?.into_data() {
            lines += chunk.iter().filter(|byte| **byte == b'\n').count();
        }
    }
    Ok(Export { seconds: started.elapsed().as_secs_f64(), lines })
}

/// Returns the path and query of a URL.
fn path_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("//")?;
    rest.find('/').map(|slash| &rest[slash..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_path_and_query_of_a_url() {
        assert_eq!(path_of("http://127.0.0.1:80/files/a?sig=b"), Some("/files/a?sig=b"));
        assert_eq!(path_of("http://127.0.0.1:80"), None);
    }
}
