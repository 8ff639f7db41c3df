//! A server of the part of the S3 API that content stores use, with faults.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use http::{HeaderMap, Method, Request, StatusCode};
use reqwest::Url;
use tokio_util::task::AbortOnDropHandle;

use super::configuration::Environment;
use super::limits::RequestLimits;
use super::upload::PART_BYTES;
use super::{ObjectContentStore, ObjectLocation};

/// The secret key, which must not appear in errors.
pub(super) const SECRET: &str = "the-secret-access-key";

/// The number of keys on a page of a listing, as on S3.
const PAGE: usize = 1_000;

/// How a request fails.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// It is rejected, with a code.
    Status(StatusCode, &'static str),
    /// It is not executed, and there is no response.
    Stall,
    /// It is executed, but there is no response.
    LostResponse,
    /// The connection is closed after this number of bytes of the response.
    Cut(usize),
    /// The response stalls after this number of bytes.
    StallBody(usize),
}

/// The server. It stops when it is dropped.
pub(super) struct FakeS3 {
    endpoint: String,
    state: Shared,
    _serving: AbortOnDropHandle<()>,
}

type Shared = Arc<Mutex<Stored>>;

#[derive(Default)]
struct Stored {
    /// Objects with their entity tags.
    objects: BTreeMap<String, (Bytes, String)>,
    uploads: BTreeMap<String, BTreeMap<usize, Bytes>>,
    next_tag: u64,
    faults: VecDeque<(Method, Fault)>,
    /// One of this number of requests gets a 503.
    unavailable_each: Option<usize>,
    requests: Vec<String>,
}

impl FakeS3 {
    /// Starts a server with one bucket, `bucket`.
    pub(super) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let state = Shared::default();
        let router = Router::new().fallback(respond).with_state(Arc::clone(&state));
        let serving = tokio::spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
        Self { endpoint, state, _serving: AbortOnDropHandle::new(serving) }
    }

    /// Returns a store that uses the server.
    pub(super) fn store(&self, limits: &RequestLimits) -> ObjectContentStore {
        self.store_in("bucket", limits)
    }

    pub(super) fn store_in(&self, bucket: &str, limits: &RequestLimits) -> ObjectContentStore {
        let environment = environment(&self.endpoint);
        let location = ObjectLocation::parse(&format!("s3://{bucket}/some/prefix")).unwrap();
        ObjectContentStore::open_with(&location, &environment, limits).unwrap()
    }

    fn state(&self) -> MutexGuard<'_, Stored> {
        self.state.lock().unwrap()
    }

    /// Adds a fault for the next request with a method, after those that were added before.
    pub(super) fn fault(&self, method: Method, fault: Fault) {
        self.state().faults.push_back((method, fault));
    }

    pub(super) fn has_faults(&self) -> bool {
        !self.state().faults.is_empty()
    }

    pub(super) fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// Rejects each `n`th request with 503.
    pub(super) fn unavailable_each(&self, n: usize) {
        self.state().unavailable_each = Some(n);
    }

    /// Stores an object next to the contents.
    pub(super) fn put(&self, key: &str, content: &'static str) {
        self.state().put(key.to_owned(), Bytes::from_static(content.as_bytes()));
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    pub(super) fn uploads(&self) -> usize {
        self.state().uploads.len()
    }

    /// Returns the requests since the last call, as methods and queries.
    pub(super) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state().requests)
    }
}

/// The environment of a server that uses an S3 endpoint.
pub(super) fn environment(endpoint: &str) -> Environment {
    Environment::new(
        [
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", "the-access-key-id"),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_SESSION_TOKEN", ""),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    )
}

async fn respond(State(state): State<Shared>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let fault = state.lock().unwrap().fault(&parts.method, parts.uri.query());
    match fault {
        Some(Fault::Status(status, code)) => return error(status, code),
        Some(Fault::Stall) => std::future::pending().await,
        _ => {}
    }
    let url = Url::parse(&format!("http://host{}", parts.uri)).unwrap();
    let response = state.lock().unwrap().execute(&parts.method, &url, &parts.headers, body);
    match fault {
        Some(Fault::LostResponse) => std::future::pending().await,
        Some(Fault::Cut(bytes)) => broken(response, bytes, false).await,
        Some(Fault::StallBody(bytes)) => broken(response, bytes, true).await,
        _ => response,
    }
}

/// Returns a response whose body stops too early.
async fn broken(response: Response, bytes: usize, stalls: bool) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    parts.headers.insert("content-length", body.len().into());
    let start = body.slice(..bytes);
    let end = async move {
        if stalls {
            std::future::pending::<()>().await;
        }
        // So that what was sent before the connection is closed is received.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(std::io::Error::other("cut"))
    };
    let chunks = stream::iter([Ok(start)]).chain(stream::once(end));
    Response::from_parts(parts, Body::from_stream(chunks))
}

fn error(status: StatusCode, code: &str) -> Response {
    // Some stores repeat the request in their errors.
    let body = format!("<Error><Code>{code}</Code><StringToSign>{SECRET}</StringToSign></Error>");
    (status, body).into_response()
}

impl Stored {
    /// Records a request, and returns its fault.
    fn fault(&mut self, method: &Method, query: Option<&str>) -> Option<Fault> {
        self.requests.push(format!("{method} {}", query.unwrap_or_default()));
        if self.unavailable_each.is_some_and(|n| self.requests.len().is_multiple_of(n)) {
            return Some(Fault::Status(StatusCode::SERVICE_UNAVAILABLE, "SlowDown"));
        }
        let position = self.faults.iter().position(|(other, _)| other == method)?;
        self.faults.remove(position).map(|(_, fault)| fault)
    }

    fn put(&mut self, key: String, content: Bytes) -> String {
        self.next_tag += 1;
        let tag = format!("\"{}\"", self.next_tag);
        self.objects.insert(key, (content, tag.clone()));
        tag
    }

    fn execute(
        &mut self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Response {
        if !headers.contains_key("authorization") {
            return error(StatusCode::FORBIDDEN, "AccessDenied");
        }
        let path = url.path().trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        if bucket != "bucket" {
            return error(StatusCode::NOT_FOUND, "NoSuchBucket");
        }
        let query: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
        let upload = query.get("uploadId");
        match (method.as_str(), key, upload) {
            ("GET", "", _) => self.list(&query),
            ("POST", "", _) => self.delete_many(&body),
            ("GET" | "HEAD", key, _) => self.get(key, headers),
            ("PUT", key, None) => {
                let tag = self.put(key.to_owned(), body);
                [("etag", tag)].into_response()
            }
            ("PUT", _, Some(upload)) => self.put_part(upload, &query["partNumber"], body),
            ("POST", _, None) => {
                self.next_tag += 1;
                let id = format!("upload-{}", self.next_tag);
                self.uploads.insert(id.clone(), BTreeMap::new());
                format!("<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>")
                    .into_response()
            }
            ("POST", key, Some(upload)) => self.complete(key, upload),
            ("DELETE", _, Some(upload)) => match self.uploads.remove(upload) {
                Some(_) => StatusCode::NO_CONTENT.into_response(),
                None => error(StatusCode::NOT_FOUND, "NoSuchUpload"),
            },
            _ => error(StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
        }
    }

    fn list(&self, query: &BTreeMap<String, String>) -> Response {
        let prefix = query.get("prefix").cloned().unwrap_or_default();
        let after = query.get("continuation-token").cloned().unwrap_or_default();
        let matching = self.objects.iter().filter(|(key, _)| key.starts_with(&prefix));
        let mut found: Vec<_> = matching.filter(|(key, _)| **key > after).take(PAGE + 1).collect();
        let is_truncated = found.len() > PAGE;
        found.truncate(PAGE);
        let mut body = format!("<ListBucketResult><IsTruncated>{is_truncated}</IsTruncated>");
        if is_truncated {
            body +=
                &format!("<NextContinuationToken>{}</NextContinuationToken>", found[PAGE - 1].0);
        }
        for (key, (content, tag)) in found {
            body += &format!(
                "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
                tag.replace('"', "&quot;"),
                content.len()
            );
        }
        (body + "</ListBucketResult>").into_response()
    }

    fn delete_many(&mut self, body: &[u8]) -> Response {
        let body = String::from_utf8_lossy(body);
        let keys = body.split("<Key>").skip(1).map(|rest| rest.split_once('<').unwrap().0);
        let mut deleted = String::new();
        for key in keys {
            self.objects.remove(key);
            deleted += &format!("<Deleted><Key>{key}</Key></Deleted>");
        }
        format!("<DeleteResult>{deleted}</DeleteResult>").into_response()
    }

    fn get(&self, key: &str, headers: &HeaderMap) -> Response {
        let header = |name| headers.get(name).map(|value| value.to_str().unwrap());
        let Some((content, tag)) = self.objects.get(key) else {
            return error(StatusCode::NOT_FOUND, "NoSuchKey");
        };
        if header("if-match").is_some_and(|wanted| wanted != tag) {
            return error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
        }
        let size = content.len();
        let Some(range) = header("range") else {
            return ([("etag", tag.clone())], content.clone()).into_response();
        };
        let (start, end) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        let start: usize = start.parse().unwrap();
        let end = end.parse().unwrap_or(usize::MAX).min(size.wrapping_sub(1));
        if start >= size {
            return error(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange");
        }
        let headers =
            [("etag", tag.clone()), ("content-range", format!("bytes {start}-{end}/{size}"))];
        (StatusCode::PARTIAL_CONTENT, headers, content.slice(start..=end)).into_response()
    }

    fn put_part(&mut self, upload: &str, number: &str, body: Bytes) -> Response {
        let Some(parts) = self.uploads.get_mut(upload) else {
            return error(StatusCode::NOT_FOUND, "NoSuchUpload");
        };
        parts.insert(number.parse().unwrap(), body);
        [("etag", format!("\"part-{number}\""))].into_response()
    }

    fn complete(&mut self, key: &str, upload: &str) -> Response {
        let Some(parts) = self.uploads.get(upload) else {
            return error(StatusCode::NOT_FOUND, "NoSuchUpload");
        };
        let parts = Vec::from_iter(parts.values());
        let Some((_, all_but_last)) = parts.split_last() else {
            return error(StatusCode::BAD_REQUEST, "MalformedXML");
        };
        if all_but_last.iter().any(|part| part.len() != PART_BYTES) {
            return error(StatusCode::BAD_REQUEST, "EntityTooSmall");
        }
        let content = parts.iter().flat_map(|part| part.iter().copied()).collect();
        self.uploads.remove(upload);
        let tag = self.put(key.to_owned(), content).replace('"', "&quot;");
        format!("<CompleteMultipartUploadResult><ETag>{tag}</ETag></CompleteMultipartUploadResult>")
            .into_response()
    }
}
