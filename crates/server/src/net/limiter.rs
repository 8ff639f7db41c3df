//! Limits on connections, requests and the size of request heads.

use std::sync::Arc;

use http::request::Parts;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::http::{ApiError, MemoryBudget};
use crate::limits::Limits;

/// The paths of health checks.
const HEALTH_CHECKS: &[&str] = &["/healthz", "/livez", "/readyz"];

/// Enforces the limits on connections, requests and memory.
pub(crate) struct Limiter {
    pub(super) limits: Limits,
    connections: Arc<Semaphore>,
    requests: Semaphore,
    pub(super) memory: MemoryBudget,
}

impl Limiter {
    pub(crate) fn new(limits: Limits) -> Self {
        let slots = |count: usize| Semaphore::new(count.min(Semaphore::MAX_PERMITS));
        let connections = Arc::new(slots(limits.connections));
        let (requests, memory) = (slots(limits.requests), MemoryBudget::new(limits.memory_bytes));
        Self { limits, connections, requests, memory }
    }

    /// Reserves a slot for a connection, or returns `None` if all are taken.
    pub(super) fn connection(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.connections).try_acquire_owned().ok()
    }

    /// Reserves a slot for a request and checks the size of its head.
    ///
    /// Health checks need no slot: a busy server must not be reported as dead.
    pub(super) fn request(&self, head: &Parts) -> Result<Option<SemaphorePermit<'_>>, ApiError> {
        let Limits { url_bytes, header_bytes, .. } = self.limits;
        let url = head.uri.path_and_query().map_or(0, |text| text.as_str().len());
        if url as u64 > url_bytes {
            return Err(ApiError::url_too_long(url_bytes));
        }
        // The size on the wire, with the colon, the space and the line end of each header.
        let headers =
            head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
        if headers.sum::<usize>() as u64 > header_bytes {
            return Err(ApiError::headers_too_large(header_bytes));
        }
        if HEALTH_CHECKS.contains(&head.uri.path()) {
            return Ok(None);
        }
        self.requests.try_acquire().map(Some).map_err(|_| ApiError::busy("requests"))
    }

    /// Returns how many bytes of a request head are read before it is checked.
    ///
    /// This is larger than the limits, so that most oversized heads are read completely and rejected with a proper response. Larger
    /// ones are rejected while the client is still sending, and it may not see the response.
    pub(super) fn max_head_bytes(&self) -> usize {
        let Limits { url_bytes, header_bytes, .. } = self.limits;
        usize::try_from(url_bytes.saturating_add(header_bytes).saturating_mul(4))
            .unwrap_or(usize::MAX)
            .clamp(16 << 10, 64 << 20)
    }
}
