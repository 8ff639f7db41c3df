//! The state that extractors need.

use std::ops::Deref;
use std::sync::Arc;

use uuid::Uuid;

use super::Keys;
use crate::limits::Limits;
use crate::storage::Pending;

/// The state that the extractors in [`http`](super) need. Cloning it is cheap.
///
/// A router can use the extractors if `HttpContext` implements `FromRef` for its state.
#[derive(Clone)]
pub(crate) struct HttpContext(Arc<HttpParts>);

/// The contents of an [`HttpContext`].
pub(crate) struct HttpParts {
    pub(crate) keys: Arc<Keys>,
    pub(crate) limits: Limits,
    /// The configured base URL of links, without a trailing slash.
    pub(crate) public_url: Option<String>,
    /// The base URL of signed links, without a trailing slash. By default it is that of other links.
    pub(crate) links_url: Option<String>,
    /// The URL of the server on this machine.
    pub(crate) local_url: String,
    pub(crate) workspace_hook: Option<Arc<dyn WorkspaceHook>>,
}

/// Prepares a workspace before its requests are handled.
pub(crate) trait WorkspaceHook: Send + Sync {
    /// Returns a future that must complete before the request is handled, or `None` if the workspace is ready.
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
