//! What every handler can reach.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::config::Generation;
use crate::faults::Faults;
use crate::files::{Contents, Signer};
use crate::http::Keys;
use crate::imports::Importer;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::seed::Planter;
use crate::storage::Storage;

/// What every handler can reach. Cloning it is cheap.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

/// The parts of a running server.
pub(crate) struct Parts {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) contents: Contents,
    pub(crate) importer: Importer,
    pub(crate) signer: Signer,
    pub(crate) faults: Faults,
    pub(crate) planter: Planter,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) generation: Generation,
    pub(crate) limits: Limits,
    pub(crate) link_lifetime: Duration,
    /// The URL that links begin with, where one was configured; without a slash at the end.
    pub(crate) public_url: Option<String>,
    /// The URL by which this machine reaches the server.
    pub(crate) own_url: String,
    /// Told when there is something to clean up.
    pub(crate) untidy: Arc<Notify>,
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
