//! How much a server takes: of one request, and of all at once.

use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::config::Generation;
use crate::cors::Cors;
use crate::http::ApiError;
use crate::json::{LineRules, MAX_DEPTH};
use crate::metrics::Metrics;

/// A body, its payload, the messages and one of them.
const MIN_DEPTH: usize = 4;

/// How much a server takes, so that no client can have all of it. What goes beyond is answered with the status that is named
/// here, in the form of every other failure of the API.
///
/// ```
/// use mistral_datasets_server::{Limits, ServerConfig};
///
/// let limits = Limits { file_bytes: 2 << 30, ..Limits::default() };
/// let config = ServerConfig { limits, ..ServerConfig::default() };
/// assert_eq!(config.limits.json_bytes, 64 << 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The bytes of a JSON body, and of a line of an imported file (413).
    pub json_bytes: u64,
    /// How deep arrays and objects may lie in each other in a JSON body and in a line of an imported file (422). Fewer than 4
    /// would take no conversation and more than 128 are never taken, since many parsers would not read it back.
    pub json_depth: usize,
    /// The bytes of an uploaded file (413).
    pub file_bytes: u64,
    /// The bytes of path and query of a URL (414). More than 65,534 are never taken.
    pub url_bytes: u64,
    /// The bytes of all headers of a request (431). More than 100 headers are never taken.
    pub header_bytes: u64,
    /// Connections at once. Who comes when so many are open is answered 503 with `Retry-After`, and closed.
    pub connections: usize,
    /// Requests that are answered at once (503 with `Retry-After`).
    pub requests: usize,
    /// How long a request may take from the last byte that came of it (503). A fault that delays a response longer is cut short.
    pub request_timeout: Duration,
    /// How long a connection may be open without the head of a next request having come whole. One that was idle is then
    /// closed; a head that comes drop by drop is answered 408.
    pub idle_timeout: Duration,
    /// How long a client may stop in the middle: a body that comes late is answered 408, and a response that nobody takes is
    /// broken off. A body gains a second for every 500 bytes.
    pub stall_timeout: Duration,
    /// Imports that run at once. More are hardly faster, since all write through one thread; but one alone would keep small
    /// imports waiting behind a large one.
    pub imports: usize,
    /// Imports that wait for their turn, of all workspaces (503 with `Retry-After`).
    pub queued_imports: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json_bytes: 64 << 20,
            json_depth: MAX_DEPTH,
            file_bytes: 512 << 20,
            url_bytes: 16 << 10,
            header_bytes: 64 << 10,
            connections: 512,
            requests: 512,
            request_timeout: Duration::from_secs(10 * 60),
            idle_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(20),
            imports: 2,
            queued_imports: 1_000,
        }
    }
}

impl Limits {
    /// The depth that is really taken.
    pub(crate) fn json_depth(&self) -> usize {
        self.json_depth.clamp(MIN_DEPTH, MAX_DEPTH)
    }

    /// What lines of files must keep to.
    pub(crate) fn lines(&self, generation: Generation) -> LineRules {
        LineRules { generation, bytes: self.json_bytes, depth: self.json_depth() }
    }
}

/// Who is let in: connections and requests, as far as the limits go.
pub(crate) struct Gate {
    pub(crate) limits: Limits,
    pub(crate) cors: Cors,
    pub(crate) metrics: Arc<Metrics>,
    connections: Arc<Semaphore>,
    requests: Semaphore,
}

impl Gate {
    pub(crate) fn new(limits: Limits, cors: Cors, metrics: Arc<Metrics>) -> Self {
        let slots = |count: usize| Semaphore::new(count.min(Semaphore::MAX_PERMITS));
        let connections = Arc::new(slots(limits.connections));
        Self { limits, cors, metrics, connections, requests: slots(limits.requests) }
    }

    /// The place of a connection, while there is one.
    pub(crate) fn connection(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.connections).try_acquire_owned().ok()
    }

    /// The place of a request, while there is one and its head is not too large. Whether the server is well needs none: who
    /// watches it would take one that is busy for one that is gone.
    pub(crate) fn request(&self, head: &Parts) -> Result<Option<SemaphorePermit<'_>>, ApiError> {
        let Limits { url_bytes, header_bytes, .. } = self.limits;
        let url = head.uri.path_and_query().map_or(0, |text| text.as_str().len());
        if url as u64 > url_bytes {
            return Err(ApiError::url_too_long(url_bytes));
        }
        // As they stand on the wire, with a colon, a space and the end of the line.
        let headers =
            head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
        if headers.sum::<usize>() as u64 > header_bytes {
            return Err(ApiError::headers_too_large(header_bytes));
        }
        if head.uri.path() == "/healthz" {
            return Ok(None);
        }
        self.requests.try_acquire().map(Some).map_err(|_| ApiError::busy("requests"))
    }

    /// The bytes of a head that are read before it is judged. What is larger is refused while it still comes, which can be
    /// told the client less surely.
    pub(crate) fn head_bytes(&self) -> usize {
        let Limits { url_bytes, header_bytes, .. } = self.limits;
        usize::try_from(url_bytes.saturating_add(header_bytes).saturating_mul(4))
            .unwrap_or(usize::MAX)
            .clamp(16 << 10, 64 << 20)
    }
}
