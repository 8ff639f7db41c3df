//! Starts and stops servers.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::admin::{AdminState, Draining, Metrics};
use crate::api::{App, AppParts, ExportLocks};
use crate::campaigns::CampaignQueue;
use crate::config::ServerConfig;
use crate::content::LinkSigner;
use crate::housekeeping::{Cleanup, Housekeeping, SystemClock};
use crate::http::{HttpContext, HttpParts, Keys};
use crate::imports::{ImportParts, ImportQueue, LineRules};
use crate::judging::Judging;
use crate::keys::ApiKey;
use crate::net::{AddressLimits, Cors, Limiter, NetContext, Shutdown};
use crate::sqlite::SqliteStorage;
use crate::storage::{Seed, Storage};
use crate::testing::{self, SeedError, Seeder, TestApp};
use data::Data;
use listeners::{Addresses, Listeners, Routers};

#[cfg(test)]
mod clock_jumps;
mod data;
#[cfg(test)]
mod failing_disk;
#[cfg(test)]
mod leases;
mod listeners;

/// How long [`RunningServer::shutdown`] waits for requests in progress.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// An error that prevented a server from starting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A server without API keys accepts any key, so it must not be reachable from other machines.
    #[error(
        "{0} is not a loopback address, and a server without API keys accepts any key; configure an API key, or listen on \
         127.0.0.1"
    )]
    NoKeys(SocketAddr),
    /// Listening on the address failed.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// Another process is using the data directory: a server, or a command such as `compact`.
    #[error("cannot use {}: another process is using it{}", path.display(), holder(.process))]
    InUse {
        /// The directory.
        path: PathBuf,
        /// Its process id, if known.
        process: Option<u32>,
    },
    /// The data directory was written by a newer version of the server.
    #[error("cannot use {}: {reason}", path.display())]
    NewerVersion {
        /// The directory.
        path: PathBuf,
        /// Which versions are involved, and what to do.
        reason: String,
    },
    /// The data directory cannot be created, read or written.
    #[error("cannot use {}: {source}", path.display())]
    Data {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database that servers share cannot be used.
    #[cfg(feature = "scale-out")]
    #[error("cannot use the database: {}", causes(&**.0))]
    Database(Box<dyn std::error::Error + Send + Sync>),
    /// The object store that servers share cannot be used.
    #[cfg(feature = "scale-out")]
    #[error("cannot use the object store: {}", causes(&**.0))]
    Objects(Box<dyn std::error::Error + Send + Sync>),
    /// An origin in [`cors`](ServerConfig::cors) is invalid.
    #[error(
        "invalid origin `{0}`: expected `*`, or scheme, host and port without a path, such as `http://localhost:3000`"
    )]
    Origin(String),
    /// The endpoint in [`judge`](ServerConfig::judge) cannot be used.
    #[error(transparent)]
    Judge(Box<dyn std::error::Error + Send + Sync>),
    /// Links would contain the `Host` that a client sends.
    #[error(
        "{0} is reachable from other machines; set the public URL, which generated links start with"
    )]
    NoPublicUrl(SocketAddr),
    /// Links would start with an address that clients cannot use.
    #[error("{0} is reachable from other machines; set the URL of signed links")]
    NoLinksUrl(SocketAddr),
    /// The same key was given for two workspaces.
    #[error("an API key was given twice, for different workspaces")]
    AmbiguousKey,
    /// The [`public_url`](ServerConfig::public_url) is invalid.
    #[error(
        "invalid public URL `{0}`: expected an HTTP URL without a query, such as `https://datasets.example`"
    )]
    PublicUrl(String),
    /// The [`links_url`](ServerConfig::links_url) is invalid.
    #[error(
        "invalid URL of signed links `{0}`: expected an HTTP URL without a query, such as `https://files.example`"
    )]
    LinksUrl(String),
    /// The seed is invalid.
    #[error("invalid seed: {0}")]
    Seed(#[from] SeedError),
}

/// Returns the messages of an error and its causes.
#[cfg(feature = "scale-out")]
fn causes(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn holder(process: &Option<u32>) -> String {
    process.map(|process| format!(" (process {process})")).unwrap_or_default()
}

/// Rejects a server without API keys that other machines can reach, and keys whose workspace is ambiguous.
fn check_keys(keys: &[ApiKey], listen: SocketAddr) -> Result<(), StartError> {
    if keys.is_empty() && !listen.ip().is_loopback() {
        return Err(StartError::NoKeys(listen));
    }
    let mut workspaces = HashMap::new();
    for key in keys {
        // One of the workspaces would silently win.
        if *workspaces.entry(key.digest).or_insert(key.workspace_id) != key.workspace_id {
            return Err(StartError::AmbiguousKey);
        }
    }
    Ok(())
}

/// Validates a base URL, and removes trailing slashes. Returns an invalid one as the error.
fn base_url(url: String) -> Result<String, String> {
    let parsed = url.parse::<Uri>().ok().filter(|parsed| {
        let is_http = matches!(parsed.scheme_str(), Some("http" | "https"));
        is_http && parsed.host().is_some_and(|host| !host.is_empty()) && parsed.query().is_none()
    });
    match parsed {
        Some(_) => Ok(url.trim_end_matches('/').to_owned()),
        None => Err(url),
    }
}

/// A local server of the API.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Starts a server on the current tokio runtime. When this returns, the server accepts connections.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), mistral_datasets_server::StartError> {
    /// use mistral_datasets_server::{Server, ServerConfig};
    ///
    /// let server = Server::start(ServerConfig::default()).await?;
    /// assert!(server.url().starts_with("http://127.0.0.1:"));
    /// server.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if the address, the data directory or the seed cannot be used, if a server without API keys or without a
    /// public URL would be reachable from other machines, or if a key is given twice for different workspaces.
    pub async fn start(config: ServerConfig) -> Result<RunningServer, StartError> {
        Self::start_on(config, |storage| Arc::new(storage)).await
    }

    /// Starts a server whose storage is wrapped by `wrap`.
    async fn start_on(
        config: ServerConfig,
        wrap: impl FnOnce(SqliteStorage) -> Arc<dyn Storage>,
    ) -> Result<RunningServer, StartError> {
        check_keys(&config.api_keys, config.listen)?;
        if config.public_url.is_none() && !config.listen.ip().is_loopback() {
            return Err(StartError::NoPublicUrl(config.listen));
        }
        if let (Some(address), None) = (config.links_listen, &config.links_url)
            && !address.ip().is_loopback()
        {
            return Err(StartError::NoLinksUrl(address));
        }
        let rules = LineRules::new(&config.limits, config.generation);
        let seed = match config.seed {
            Some(path) => Some(read_seed(path, rules).await?),
            None => None,
        };
        let public_url =
            config.public_url.map(base_url).transpose().map_err(StartError::PublicUrl)?;
        let links_url = config.links_url.map(base_url).transpose().map_err(StartError::LinksUrl)?;
        let judging = Judging::new(config.judge, config.limits.effective_judgements())
            .map_err(|error| StartError::Judge(error.into()))?;
        let cors = Cors::new(&config.cors).map_err(StartError::Origin)?;
        let listeners =
            Listeners::bind(config.listen, config.links_listen, config.admin_listen).await?;
        let addresses = listeners.addresses();

        let Data { storage, contents, directory, secret, stored } =
            Data::open(&config.data, wrap).await?;

        let cleanup = Arc::new(Cleanup::default());
        let housekeeping = Housekeeping {
            storage: Arc::clone(&storage),
            contents: Arc::clone(&contents),
            cleanup: Arc::clone(&cleanup),
            clock: Arc::new(SystemClock::new()),
            keep_uploads: config.keep_uploads,
            keep_traces: config.keep_traces,
            erase_delay: config.erase_delay,
        };
        let keys = Arc::new(Keys::new(config.api_keys, config.workspaces));
        let seeder = Arc::new(Seeder::new(Arc::clone(&storage), seed));
        let http = HttpContext::new(HttpParts {
            keys: Arc::clone(&keys),
            limits: config.limits,
            public_url,
            links_url: links_url.or_else(|| addresses.links.map(url)),
            local_url: url(addresses.main),
            workspace_hook: seeder.workspace_hook(),
        });
        let imports = ImportParts {
            storage: Arc::clone(&storage),
            contents: Arc::clone(&contents),
            rules,
            cleanup: cleanup.removal(),
        };
        let app = App::new(AppParts {
            http,
            imports: ImportQueue::start(imports, &config.limits),
            campaigns: CampaignQueue::start(Arc::clone(&storage), &judging, &config.limits),
            storage,
            contents,
            link_signer: LinkSigner::new(&secret),
            judging,
            generation: config.generation,
            link_lifetime: config.link_lifetime,
            export_locks: ExportLocks::default(),
            cleanup,
            telemetry_sync: Arc::default(),
        });
        let testing = config.test_routes.then(|| TestApp::new(app.clone(), seeder));
        let metrics = Arc::new(Metrics::new());
        let draining = Draining::default();
        let admin = AdminState {
            app: app.clone(),
            metrics: Arc::clone(&metrics),
            draining: draining.clone(),
            directory: directory.as_ref().map(|directory| directory.path().to_owned()),
            dropped_log_lines: config.dropped_log_lines,
            has_own_listener: addresses.admin.is_some(),
        };
        let routers = Routers::new(&app, admin, testing, &cors, &addresses, config.explorer);
        let limits = AddressLimits::new(&config.limits, config.behind_proxy);
        let net = NetContext {
            limiter: Limiter::new(config.limits),
            addresses: Arc::new(limits),
            cors,
            metrics,
        };
        let (stop, stopped) = watch::channel(None);
        let serving = async move {
            let housekeeping = tokio::spawn(housekeeping.run(stored));
            let serving = listeners.serve(routers, net, stopped);
            tokio::select! {
                () = serving => {}
                () = app.telemetry_sync.run(&*app.storage) => {}
            }
            housekeeping.abort();
            let _ = housekeeping.await;
            app.imports.stop().await;
            app.campaigns.stop().await;
            // Dropping the storage blocks until its writer thread has ended; the lock on the directory is released last.
            let _ = tokio::task::spawn_blocking(move || {
                drop(app);
                drop(directory);
            })
            .await;
        };
        let running = Some(tokio::spawn(serving));
        let drain_time = config.drain_time;
        Ok(RunningServer { addresses, keys, draining, drain_time, stop, running })
    }
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// A running server. Dropping it stops the server without waiting for requests; prefer [`shutdown`](Self::shutdown).
pub struct RunningServer {
    addresses: Addresses,
    keys: Arc<Keys>,
    draining: Draining,
    drain_time: Duration,
    stop: watch::Sender<Option<Shutdown>>,
    running: Option<JoinHandle<()>>,
}

impl RunningServer {
    /// Returns the address the server listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addresses.main
    }

    /// Returns the URL of the server, such as `http://127.0.0.1:7700`.
    pub fn url(&self) -> String {
        url(self.addresses.main)
    }

    /// Returns the address that serves signed links, if it is [another one](ServerConfig::links_listen).
    pub fn links_addr(&self) -> Option<SocketAddr> {
        self.addresses.links
    }

    /// Returns the address that serves health checks and metrics, if it is [another one](ServerConfig::admin_listen).
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.addresses.admin
    }

    /// Replaces the accepted API keys. This affects all further requests, also on open connections. Signed links stay valid until
    /// they expire.
    ///
    /// # Errors
    ///
    /// Returns an error if `keys` is empty and the server is reachable from other machines, or if a key is given twice for
    /// different workspaces.
    pub fn set_api_keys(&self, keys: Vec<ApiKey>) -> Result<(), StartError> {
        check_keys(&keys, self.addresses.main)?;
        self.keys.replace(keys);
        Ok(())
    }

    /// Reports in `/readyz` that the server is about to stop, and waits for the [drain time](ServerConfig::drain_time). The server
    /// handles requests as before.
    ///
    /// [`shutdown`](Self::shutdown) does this unless it was done before. Call it separately to be able to end the waiting early.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the waiting ends; the server is still about to stop.
    pub async fn drain(&self) {
        self.draining.start();
        if !self.drain_time.is_zero() {
            tokio::time::sleep(self.drain_time).await;
        }
    }

    /// Stops the server gracefully: [drains](Self::drain) it, closes the listeners, waits up to ten seconds for requests in progress,
    /// and closes the data directory.
    pub async fn shutdown(self) {
        if !self.draining.has_started() {
            self.drain().await;
        }
        self.stop(Shutdown::After(SHUTDOWN_TIMEOUT)).await;
    }

    /// Stops the server like [`shutdown`](Self::shutdown), but without draining, and aborts requests in progress.
    pub async fn shutdown_now(self) {
        self.draining.start();
        self.stop(Shutdown::Now).await;
    }

    async fn stop(mut self, how: Shutdown) {
        self.stop.send_replace(Some(how));
        if let Some(running) = self.running.take() {
            // An error means that the runtime is shutting down.
            let _ = running.await;
        }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        if self.running.is_some() {
            self.stop.send_replace(Some(Shutdown::Now));
        }
    }
}

impl fmt::Debug for RunningServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningServer").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

async fn read_seed(path: PathBuf, rules: LineRules) -> Result<Seed, SeedError> {
    let reading = tokio::task::spawn_blocking(move || testing::read_seed(&path, rules));
    reading.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}
