//! What extractors and handlers need to know about the server.

use std::ops::Deref;
use std::sync::Arc;

use uuid::Uuid;

use super::Keys;
use crate::limits::Limits;
use crate::storage::Pending;

/// State that the extractors of this module use. Cloning it is cheap.
///
/// A router whose state implements `FromRef` for it can use the extractors.
#[derive(Clone)]
pub(crate) struct HttpContext(Arc<HttpParts>);

/// The contents of an [`HttpContext`].
pub(crate) struct HttpParts {
    pub(crate) keys: Arc<Keys>,
    pub(crate) limits: Limits,
    /// The configured base URL of links, without a trailing slash.
    pub(crate) public_url: Option<String>,
    /// The URL at which this machine reaches the server.
    pub(crate) local_url: String,
    pub(crate) workspace_hook: Option<Arc<dyn WorkspaceHook>>,
}

/// Prepares a workspace before a request of it is handled.
pub(crate) trait WorkspaceHook: Send + Sync {
    /// Returns what must complete before the request is handled, or `None` if the workspace is ready.
    fn prepare(&self, workspace: Uuid, user: Uuid) -> Option<Pending<()>>;
}

impl HttpContext {
    pub(crate) fn new(parts: HttpParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for HttpContext {
    type Target = HttpParts;

    fn deref(&self) -> &HttpParts {
        &self.0
    }
}
