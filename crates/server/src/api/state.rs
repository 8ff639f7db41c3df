//! State shared by the handlers of the API.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;

use super::exports::ExportLocks;
use crate::campaigns::CampaignQueue;
use crate::config::Generation;
use crate::content::{ContentStore, LinkSigner};
use crate::housekeeping::{Cleanup, TelemetrySync};
use crate::http::HttpContext;
use crate::imports::ImportQueue;
use crate::judging::Judging;
use crate::storage::Storage;

/// State shared by the handlers of the API. Cloning it is cheap.
#[derive(Clone)]
pub(crate) struct App(Arc<AppParts>);

/// The contents of an [`App`].
pub(crate) struct AppParts {
    pub(crate) http: HttpContext,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) contents: Arc<dyn ContentStore>,
    pub(crate) imports: ImportQueue,
    pub(crate) campaigns: CampaignQueue,
    pub(crate) link_signer: LinkSigner,
    pub(crate) judging: Judging,
    pub(crate) generation: Generation,
    /// How long the link to an export is valid.
    pub(crate) link_lifetime: Duration,
    pub(crate) export_locks: ExportLocks,
    /// Wakes housekeeping when there is something to remove.
    pub(crate) cleanup: Arc<Cleanup>,
    /// Makes received telemetry durable.
    pub(crate) telemetry_sync: Arc<TelemetrySync>,
}

impl App {
    pub(crate) fn new(parts: AppParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for App {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.0
    }
}

impl FromRef<App> for HttpContext {
    fn from_ref(app: &App) -> Self {
        app.http.clone()
    }
}
