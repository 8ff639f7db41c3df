//! Configuration of a server.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::keys::ApiKey;
use crate::limits::Limits;
use crate::options::options;

options! {
    /// Configuration of a [`Server`](crate::Server).
    ///
    /// The default suits tests: temporary data, a free port on 127.0.0.1, and any API key is accepted.
    ///
    /// ```
    /// use mistral_datasets_server::{ApiKey, DataLocation, ServerConfig};
    ///
    /// let config = ServerConfig::default()
    ///     .data(DataLocation::Directory("./data".into()))
    ///     .api_keys(vec![ApiKey::new("a key"), ApiKey::with_workspace("ci", "another")]);
    /// assert!(!format!("{config:?}").contains("a key"));
    /// ```
    #[derive(Clone)]
    pub struct ServerConfig {
        /// The address to listen on. Port 0 picks a free port. Without [`api_keys`](Self::api_keys) it must be a loopback
        /// address. Default: `127.0.0.1:0`.
        pub listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        /// Where data is stored. Default: [`DataLocation::Memory`].
        pub data: DataLocation = DataLocation::Memory,
        /// The accepted API keys.
        ///
        /// If empty, any non-empty key is accepted, but only in requests whose `Host` is `localhost`, an IP address or the host
        /// of [`public_url`](Self::public_url). This protects against DNS rebinding: no web page is served from those names.
        pub api_keys: Vec<ApiKey> = Vec::new(),
        /// A file, or a directory of files, with the data that every workspace starts with. The README describes the format.
        pub seed: Option<PathBuf> = None,
        /// Which API keys share data. Default: [`Workspaces::PerKey`].
        pub workspaces: Workspaces = Workspaces::default(),
        /// The API generation that the server has the operations and the validation rules of. Default: [`Generation::Any`].
        pub generation: Generation = Generation::default(),
        /// Resource limits.
        pub limits: Limits = Limits::default(),
        /// Whether clients reach the server through a reverse proxy only. The limits per client address
        /// ([`Limits::connections_per_address`] and [`Limits::failed_keys`]) are then off, because every connection comes from the
        /// proxy, which has to limit its clients itself. Forwarded addresses are not read: any client can send them. Default:
        /// `false`.
        pub behind_proxy: bool = false,
        /// The origins whose web pages may call the server, such as `http://localhost:3000`, or `*` for any. Default: none, so
        /// browsers hide responses from all pages.
        pub cors: Vec<String> = Vec::new(),
        /// The base URL of links in responses, such as `https://datasets.example`. By default, links are built from the `Host`
        /// header of the request. Required if [`listen`](Self::listen) is not a loopback address.
        pub public_url: Option<String> = None,
        /// Another address to listen on, which serves signed links and nothing else. [`listen`](Self::listen) then no longer serves
        /// them.
        ///
        /// A request for a link that carries `Authorization` is rejected there with 400, as object stores do, so code that would
        /// reveal its key to the host of a link fails. Default: none.
        pub links_listen: Option<SocketAddr> = None,
        /// The base URL of signed links. Default: the URL of [`links_listen`](Self::links_listen) if that is set, or else the same
        /// as for other links. Required if [`links_listen`](Self::links_listen) is not a loopback address.
        pub links_url: Option<String> = None,
        /// Another address to listen on, which serves `/livez`, `/readyz` and `/metrics` without a key. [`listen`](Self::listen)
        /// then no longer serves them. They reveal no stored data, only totals. Default: none.
        pub admin_listen: Option<SocketAddr> = None,
        /// How long the server keeps serving after [`shutdown`](crate::RunningServer::shutdown) was called. Meanwhile `/readyz`
        /// responds with 503, so that load balancers send new requests elsewhere. Default: zero.
        pub drain_time: Duration = Duration::ZERO,
        /// Returns the number of dropped log lines, for the metrics. Default: none, so the metrics do not contain it.
        pub dropped_log_lines: Option<Arc<dyn Fn() -> u64 + Send + Sync>> = None,
        /// How long the link to an export is valid. The export is kept for as long. Default: 24 hours.
        pub link_lifetime: Duration = Duration::from_secs(24 * 60 * 60),
        /// How long uploaded files are kept after their upload. Default: `None`, until they expire or are deleted.
        pub keep_uploads: Option<Duration> = None,
        /// How long spans, traces, log records and evaluations are kept after they arrived, regardless of the times they have. The chat completion
        /// events that they are go with them. Default: 30 days; `None` keeps them forever.
        pub keep_traces: Option<Duration> = Some(Duration::from_secs(30 * 24 * 60 * 60)),
        /// The model endpoint that judges ask. Default: none, so judging is not supported.
        pub judge: Option<JudgeEndpoint> = None,
        /// How long after a deletion the deleted data is erased from the database file and the write-ahead log. Deletions within
        /// this time are erased together. Default: 30 seconds.
        pub erase_delay: Duration = Duration::from_secs(30),
        /// Whether the routes below `/local/v1` are served: faults, the request journal, fixtures and reset. Without them,
        /// nothing is recorded and no fault can be injected. Default: `true`. Set it to `false` if not everyone who has a key may
        /// affect the server's behaviour.
        pub test_routes: bool = true,
        /// Whether `/docs` is served, a page for reading and trying the API. It requires the Cargo feature `explorer`; without
        /// it, `/docs` is an unknown route in any case. Default: `true`.
        pub explorer: bool = true,
    }
}

// Shows only the number of API keys, and no function.
impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConfig")
            .field("listen", &self.listen)
            .field("data", &self.data)
            .field("api_keys", &self.api_keys.len())
            .field("seed", &self.seed)
            .field("workspaces", &self.workspaces)
            .field("generation", &self.generation)
            .field("limits", &self.limits)
            .field("behind_proxy", &self.behind_proxy)
            .field("cors", &self.cors)
            .field("public_url", &self.public_url)
            .field("links_listen", &self.links_listen)
            .field("links_url", &self.links_url)
            .field("admin_listen", &self.admin_listen)
            .field("drain_time", &self.drain_time)
            .field("link_lifetime", &self.link_lifetime)
            .field("keep_uploads", &self.keep_uploads)
            .field("keep_traces", &self.keep_traces)
            .field("erase_delay", &self.erase_delay)
            .field("test_routes", &self.test_routes)
            .field("explorer", &self.explorer)
            .finish_non_exhaustive()
    }
}

options! {
    /// An OpenAI-compatible chat endpoint, with the models that judges ask.
    ///
    /// ```
    /// use mistral_datasets_server::JudgeEndpoint;
    ///
    /// let endpoint = JudgeEndpoint::new("https://api.mistral.ai/v1").key(Some("a key".into()));
    /// assert!(!format!("{endpoint:?}").contains("a key"));
    /// ```
    #[derive(Clone)]
    pub struct JudgeEndpoint {
        /// The base URL, to which `/chat/completions` is appended, such as `https://api.mistral.ai/v1`.
        pub url: String = String::new(),
        /// The API key, sent as a bearer token. Default: none.
        pub key: Option<String> = None,
        /// How long a judgement may take, including retries. Default: 60 seconds.
        pub timeout: Duration = Duration::from_secs(60),
        /// The endpoint's names of models, by the names that judges use. A model that is not listed has the same name.
        pub models: BTreeMap<String, String> = BTreeMap::new(),
    }
}

impl JudgeEndpoint {
    /// Creates an endpoint with a base URL, such as `https://api.mistral.ai/v1`.
    pub fn new(url: impl Into<String>) -> Self {
        Self::default().url(url.into())
    }
}

// Shows whether there is a key, and not which.
impl fmt::Debug for JudgeEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JudgeEndpoint")
            .field("key", &self.key.is_some())
            .field("timeout", &self.timeout)
            .field("models", &self.models.len())
            .finish_non_exhaustive()
    }
}

/// Where a server stores its data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataLocation {
    /// A temporary directory that is removed when the server stops. Writes are not synced to disk.
    #[default]
    Memory,
    /// A directory, created if missing. Only one server can use it at a time.
    Directory(PathBuf),
    /// A PostgreSQL database and an object store. Any number of servers can use them at the same time. It requires the Cargo
    /// feature `scale-out`.
    #[cfg(feature = "scale-out")]
    Shared(SharedData),
}

/// Data that several servers share.
///
/// ```
/// use mistral_datasets_server::SharedData;
///
/// let data = SharedData::new("postgres://datasets:secret@db.example/datasets", "s3://bucket/datasets");
/// assert!(!format!("{data:?}").contains("secret"));
/// ```
#[cfg(feature = "scale-out")]
#[derive(Clone, PartialEq, Eq)]
pub struct SharedData {
    pub(crate) database: String,
    pub(crate) objects: String,
}

#[cfg(feature = "scale-out")]
impl SharedData {
    /// Creates a location.
    ///
    /// - `database`: the connection string of a PostgreSQL database, version 14 or newer, as a URL (`postgres://USER:PASSWORD@HOST/NAME`) or
    ///   as `key=value` pairs. What it lacks is taken from the environment variables `PGHOST`, `PGPORT`, `PGDATABASE`, `PGUSER` and
    ///   `PGPASSWORD`. With `sslmode=require`, the connection is encrypted and the certificate is verified.
    /// - `objects`: where the contents of files are, as `s3://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`, `gs://BUCKET/PREFIX` or
    ///   `file:///DIRECTORY`. Credentials and endpoints are taken from the environment variables of the object store's own tools, such
    ///   as `AWS_ACCESS_KEY_ID` and `AWS_ENDPOINT_URL`.
    pub fn new(database: impl Into<String>, objects: impl Into<String>) -> Self {
        Self { database: database.into(), objects: objects.into() }
    }
}

// Both may contain credentials.
#[cfg(feature = "scale-out")]
impl fmt::Debug for SharedData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedData").finish_non_exhaustive()
    }
}

/// Which API keys share data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workspaces {
    /// Each API key has its own workspace, so concurrent tests do not affect each other.
    #[default]
    PerKey,
    /// All keys without a workspace name share one workspace. It is the same after every start, so data can still be read after
    /// a key was replaced.
    Shared,
}

/// Generations of the API. They differ in their operations and in how requests are validated; responses are valid in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Generation {
    /// All of them: the server has every operation, and accepts what any generation accepts.
    #[default]
    Any,
    /// The first generation: a payload requires `messages`, and `properties` is required. It has no spans, traces and logs.
    G1,
    /// The second generation: a payload may be any object, and `properties` is optional.
    G2,
    /// The third generation: imports read spans, and there are no chat completion events and campaigns.
    G3,
}

impl Generation {
    /// Returns whether an operation belongs to the generation. `generations` lists those that have it, and is empty if all have it.
    pub(crate) fn has(self, generations: &[&str]) -> bool {
        let name = match self {
            Self::Any => return true,
            Self::G1 => "g1",
            Self::G2 => "g2",
            Self::G3 => "g3",
        };
        generations.is_empty() || generations.contains(&name)
    }
}
