//! Uploads, imports and exports.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use crate::Failure;
use crate::connection::{Body, Connection};
use crate::latencies::Latencies;

/// How long is waited between two looks at a task.
const POLL: Duration = Duration::from_millis(5);

/// How long is waited between two reads while an import runs.
const PAUSE: Duration = Duration::from_millis(2);

const BOUNDARY: &str = "mistral-datasets-load";

/// The file to import, where to, and what is read meanwhile.
#[derive(Debug, Deserialize)]
pub struct Import {
    file: PathBuf,
    dataset_id: String,
    read_path: String,
}

impl Import {
    pub async fn run(self, address: SocketAddr, api_key: &str) -> Result<Value, Failure> {
        let mut connection = Connection::open(address, api_key).await?;
        let mut reader = Connection::open(address, api_key).await?;
        let started = Instant::now();
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        let response =
            connection.send("POST", "/v1/files", &content_type, self.body().await?).await?;
        let uploaded: Value =
            serde_json::from_slice(&response.into_body().collect().await?.to_bytes())?;
        let upload_seconds = started.elapsed().as_secs_f64();

        let started = Instant::now();
        let dataset = format!("/v1/observability/datasets/{}", self.dataset_id);
        let import = json!({"file_id": uploaded["id"]});
        let mut task =
            connection.json("POST", &format!("{dataset}/imports/from-file"), Some(&import)).await?;
        let path =
            format!("{dataset}/tasks/{}", task["id"].as_str().ok_or("a task without an id")?);
        let reading = async {
            let mut latencies = Latencies::default();
            let mut progress = BTreeSet::new();
            loop {
                let began = Instant::now();
                reader.call("GET", &self.read_path, None).await?;
                latencies.add(began.elapsed());
                tokio::time::sleep(PAUSE).await;
                if task_is_done(&mut connection, &path, &mut task).await? {
                    return Ok::<_, Failure>((latencies, progress));
                }
                progress.extend(task["progress"].as_u64());
            }
        };
        let (mut latencies, progress) = reading.await?;
        while !task_is_done(&mut connection, &path, &mut task).await? {
            tokio::time::sleep(POLL).await;
        }
        let seconds = started.elapsed().as_secs_f64();
        if task["status"] != "COMPLETED" {
            return Err(format!("the import ended so: {task}").into());
        }
        Ok(json!({
            "upload_seconds": upload_seconds,
            "import_seconds": seconds,
            "read_p50_ms": latencies.quantile(0.5),
            "read_p99_ms": latencies.quantile(0.99),
            "reads": latencies.count(),
            "progress_steps": progress.len(),
        }))
    }

    /// The file as a form, streamed.
    async fn body(&self) -> Result<Body, Failure> {
        let head = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
             --{BOUNDARY}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"records.jsonl\"\r\n\
             content-type: application/jsonl\r\n\r\n"
        );
        let end = format!("\r\n--{BOUNDARY}--\r\n");
        let file = ReaderStream::with_capacity(File::open(&self.file).await?, 256 << 10);
        let pieces = stream::once(async { Ok(Bytes::from(head)) })
            .chain(file)
            .chain(stream::once(async { Ok(Bytes::from(end)) }));
        Ok(StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync())
    }
}

/// Looks at a task, and says whether it has ended.
async fn task_is_done(
    connection: &mut Connection,
    path: &str,
    task: &mut Value,
) -> Result<bool, Failure> {
    *task = connection.json("GET", path, None).await?;
    Ok(task["status"] != "RUNNING")
}

/// The dataset to export.
#[derive(Debug, Deserialize)]
pub struct Export {
    dataset_id: String,
}

impl Export {
    pub async fn run(self, address: SocketAddr, api_key: &str) -> Result<Value, Failure> {
        let mut connection = Connection::open(address, api_key).await?;
        let started = Instant::now();
        let path = format!("/v1/observability/datasets/{}/exports/to-jsonl", self.dataset_id);
        let link = connection.json("GET", &path, None).await?;
        let link = link["file_url"].as_str().ok_or("an export without a link")?;
        let path = link
            .find("//")
            .and_then(|at| link[at + 2..].find('/').map(|slash| &link[at + 2 + slash..]));
        let path = path.ok_or("a link without a path")?;
        let body = http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync();
        let response = connection.send("GET", path, "application/octet-stream", body).await?;
        let (mut bytes, mut lines) = (0, 0);
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            if let Ok(piece) = frame?.into_data() {
                bytes += piece.len();
                lines += piece.iter().filter(|byte| **byte == b'\n').count();
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        Ok(json!({"seconds": seconds, "bytes": bytes, "lines": lines}))
    }
}
