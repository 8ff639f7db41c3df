//! Starting and stopping a server.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use http::Uri;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tower::util::MapRequestLayer;

use crate::admin::{self, AdminState, Metrics};
use crate::api::{self, App, AppParts};
use crate::config::{DataLocation, ServerConfig};
use crate::content::{ContentStore, LinkSigner};
use crate::data_dir::{DataDirectory, DataError};
use crate::housekeeping::Housekeeping;
use crate::http::{HttpContext, HttpParts, Keys};
use crate::imports::{Importer, LineRules};
use crate::keys::ApiKey;
use crate::net::{self, Cors, Limiter, NetContext, Shutdown};
use crate::sqlite::{OpenError, SqliteStorage, Synchronous};
use crate::storage::{Seed, Storage, StorageError};
use crate::testing::{self, SeedError, Seeder, TestApp};

#[cfg(test)]
mod failing_disk;

/// What a task says that the end of a server cut off.
const INTERRUPTED: &str =
    "the server was stopped while the import ran; nothing was imported, start it again";

/// For so long [`RunningServer::shutdown`] lets requests go on that are being answered.
const GRACE: Duration = Duration::from_secs(10);

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Without configured keys every key is accepted, so only this machine may reach the server.
    #[error(
        "without an API key the server accepts every key, so it listens on loopback addresses only, and {0} is none; \
         give it an API key, or let it listen on 127.0.0.1"
    )]
    OpenToOthers(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Another server uses the data directory.
    #[error("cannot use {}: another server uses it{}", path.display(), holder(.process))]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process of the other server, where it said which.
        process: Option<u32>,
    },
    /// A newer version of the server wrote the data directory.
    #[error("cannot use {}: {reason}", path.display())]
    Newer {
        /// The directory.
        path: PathBuf,
        /// What is to be done.
        reason: String,
    },
    /// The data directory cannot be made, read or written.
    #[error("cannot use {}: {source}", path.display())]
    Data {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An origin of [`cors`](ServerConfig::cors) is none.
    #[error(
        "`{0}` is no origin of web pages, such as `http://localhost:3000`, without anything behind the host, and not `*`"
    )]
    Origin(String),
    /// The [`public_url`](ServerConfig::public_url) is none.
    #[error("`{0}` is no URL to build links from, such as `https://datasets.example`")]
    PublicUrl(String),
    /// The seed cannot be planted.
    #[error("the seed: {0}")]
    Seed(#[from] SeedError),
}

fn holder(process: &Option<u32>) -> String {
    process.map(|process| format!(" (process {process})")).unwrap_or_default()
}

/// Without keys nobody but this machine may reach the server.
fn check_open(keys: &[ApiKey], listen: SocketAddr) -> Result<(), StartError> {
    if keys.is_empty() && !listen.ip().is_loopback() {
        return Err(StartError::OpenToOthers(listen));
    }
    Ok(())
}

/// The URL that links begin with, without a slash at its end.
fn link_base(url: String) -> Result<String, StartError> {
    let parsed = url.parse::<Uri>().ok().filter(|parsed| {
        let web = matches!(parsed.scheme_str(), Some("http" | "https"));
        web && parsed.host().is_some_and(|host| !host.is_empty()) && parsed.query().is_none()
    });
    match parsed {
        Some(_) => Ok(url.trim_end_matches('/').to_owned()),
        None => Err(StartError::PublicUrl(url)),
    }
}

/// A local server of the API.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Starts a server within the runtime that this is called in. When this returns, it accepts connections.
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
    /// When the address, the data directory or the seed cannot be used, and when the server would be open to others than this
    /// machine.
    pub async fn start(config: ServerConfig) -> Result<RunningServer, StartError> {
        Self::start_on(config, |storage| Arc::new(storage)).await
    }

    /// Starts a server on what is made of the storage of the data directory.
    async fn start_on(
        config: ServerConfig,
        behind: impl FnOnce(SqliteStorage) -> Arc<dyn Storage>,
    ) -> Result<RunningServer, StartError> {
        check_open(&config.api_keys, config.listen)?;
        let rules = LineRules::new(&config.limits, config.generation);
        let seed = match config.seed {
            Some(path) => Some(read_seed(path, rules).await?),
            None => None,
        };
        let public_url = config.public_url.map(link_base).transpose()?;
        let cors = Cors::new(&config.cors).map_err(StartError::Origin)?;
        let listen_error = |source| StartError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;

        let location = config.data.clone();
        let opened = tokio::task::spawn_blocking(move || open(&location)).await;
        let data = match opened {
            Ok(data) => data.map_err(|failure| failure.in_directory(&config.data))?,
            Err(panic) => return Err(Failure::Other(panic.into()).in_directory(&config.data)),
        };
        let storage = behind(data.storage);
        let (secret, stored) = prepare(&storage, &data.contents)
            .await
            .map_err(|failure| failure.in_directory(&config.data))?;

        let cleanup = Arc::new(Notify::new());
        let housekeeping = Housekeeping {
            storage: Arc::clone(&storage),
            contents: data.contents.clone(),
            wake: Arc::clone(&cleanup),
        };
        let keys = Arc::new(Keys::new(config.api_keys, config.workspaces));
        let seeder = Arc::new(Seeder::new(Arc::clone(&storage), seed));
        let http = HttpContext::new(HttpParts {
            keys: Arc::clone(&keys),
            limits: config.limits,
            public_url,
            local_url: format!("http://{address}"),
            workspace_hook: seeder.workspace_hook(),
        });
        let metrics = Arc::new(Metrics::new());
        let admin = AdminState {
            http: http.clone(),
            storage: Arc::clone(&storage),
            metrics: Arc::clone(&metrics),
        };
        let app = App::new(AppParts {
            http,
            importer: Importer::new(Arc::clone(&storage), Arc::clone(&cleanup), &config.limits),
            storage,
            contents: data.contents,
            link_signer: LinkSigner::new(&secret),
            generation: config.generation,
            link_lifetime: config.link_lifetime,
            cleanup,
        });
        let routes = router(&app, admin, seeder, &cors);
        let net = NetContext { limiter: Limiter::new(config.limits), cors, metrics };
        let (stop, stopped) = watch::channel(None);
        let serving = async move {
            let housekeeping = tokio::spawn(housekeeping.run(stored));
            net::serve(listener, routes, Arc::new(net), stopped).await;
            housekeeping.abort();
            let _ = housekeeping.await;
            app.importer.stop().await;
            // Dropping the storage blocks until its writer thread has ended; the lock on the directory is released last.
            let _ = tokio::task::spawn_blocking(move || {
                drop(app);
                drop(data.directory);
            })
            .await;
        };
        Ok(RunningServer { address, keys, stop, running: Some(tokio::spawn(serving)) })
    }
}

/// Builds the router: the API and, beside and around it, everything else that a server answers.
fn router(app: &App, admin: AdminState, seeder: Arc<Seeder>, cors: &Cors) -> Router {
    let testing = TestApp::new(app.clone(), seeder);
    let routes = api::routes(app.clone()).merge(admin::routes(admin)).merge(testing.routes());
    let routes = testing.around(api::with_fallbacks(routes));
    let routes = routes
        .layer(MapRequestLayer::new(api::name_requests))
        .layer(from_fn_with_state(app.http.clone(), net::check_host));
    cors.layer(routes)
}

/// A server that runs. Dropping it stops it without waiting; [`shutdown`](Self::shutdown) stops it in order.
pub struct RunningServer {
    address: SocketAddr,
    keys: Arc<Keys>,
    stop: watch::Sender<Option<Shutdown>>,
    running: Option<JoinHandle<()>>,
}

impl RunningServer {
    /// The address the server listens on.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the server, such as `http://127.0.0.1:7700`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Exchanges the keys that are accepted. From the next request on a key that is not among them is answered 401, also on
    /// connections that are open already. Links that were signed for it work until their time.
    ///
    /// # Errors
    /// When there are none, which would let everybody in, and the server is open to others than this machine.
    pub fn set_api_keys(&self, keys: Vec<ApiKey>) -> Result<(), StartError> {
        check_open(&keys, self.address)?;
        self.keys.replace(keys);
        Ok(())
    }

    /// Stops the server: it accepts no more connections, lets the requests that are being answered end, for ten seconds at
    /// most, and closes its data.
    pub async fn shutdown(self) {
        self.end(Shutdown::After(GRACE)).await;
    }

    /// Stops the server as [`shutdown`](Self::shutdown) does, but cuts the requests off that are being answered: tests leave some
    /// behind that are to take long.
    pub async fn shutdown_now(self) {
        self.end(Shutdown::Now).await;
    }

    async fn end(mut self, how: Shutdown) {
        self.stop.send_replace(Some(how));
        if let Some(running) = self.running.take() {
            // It ends early only when the runtime does.
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
        f.debug_struct("RunningServer").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn read_seed(path: PathBuf, rules: LineRules) -> Result<Seed, SeedError> {
    let reading = tokio::task::spawn_blocking(move || testing::read_seed(&path, rules));
    reading.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// What a data directory holds.
struct Data {
    storage: SqliteStorage,
    contents: ContentStore,
    directory: DataDirectory,
}

fn open(location: &DataLocation) -> Result<Data, Failure> {
    let directory = DataDirectory::open(location)?;
    let synchronous = match location {
        // Temporary data ends with the process, so it need not survive a crash.
        DataLocation::Memory => Synchronous::Off,
        DataLocation::Directory(_) => Synchronous::Full,
    };
    let storage = SqliteStorage::open(&directory.database(), synchronous)?;
    let contents = ContentStore::open(directory.files())?;
    Ok(Data { storage, contents, directory })
}

/// What must be done before the first request: the secret for links, the tasks that were cut off, and which contents the last
/// server left.
async fn prepare(
    storage: &Arc<dyn Storage>,
    contents: &ContentStore,
) -> Result<(Vec<u8>, Vec<uuid::Uuid>), Failure> {
    let secret = storage.secret().await?;
    let interrupted = storage.fail_interrupted_imports(INTERRUPTED.to_owned()).await?;
    if interrupted > 0 {
        tracing::warn!(interrupted, "imports were cut off by the end of the last server");
    }
    let contents = contents.clone();
    let left = tokio::task::spawn_blocking(move || contents.all()).await;
    Ok((secret, left.map_err(|panic| Failure::Other(panic.into()))??))
}

/// Why a data directory could not be opened.
enum Failure {
    InUse(Option<u32>),
    Newer(String),
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl Failure {
    fn in_directory(self, location: &DataLocation) -> StartError {
        let path = match location {
            DataLocation::Directory(path) => path.clone(),
            DataLocation::Memory => std::env::temp_dir(),
        };
        match self {
            Self::InUse(process) => StartError::InUse { path, process },
            Self::Newer(reason) => StartError::Newer { path, reason },
            Self::Other(source) => StartError::Data { path, source },
        }
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        match error {
            DataError::InUse(process) => Self::InUse(process),
            DataError::Io(error) => Self::Other(error.into()),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Newer { .. } => Self::Newer(error.to_string()),
            OpenError::Database(error) => Self::Other(error.into()),
            OpenError::Thread(error) => Self::Other(error.into()),
        }
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Other(error.into())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.into())
    }
}
