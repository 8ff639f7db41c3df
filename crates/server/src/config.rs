//! What a server can be told.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::keys::ApiKey;
use crate::limits::Limits;

/// What a server is told when it starts. The default is a server for tests: in memory, on a free loopback port, open to
/// every key.
///
/// ```
/// use mistral_datasets_server::{ApiKey, DataLocation, ServerConfig};
///
/// let config = ServerConfig {
///     data: DataLocation::Directory("./data".into()),
///     api_keys: vec![ApiKey::new("a key"), ApiKey::with_workspace("ci", "another")],
///     ..ServerConfig::default()
/// };
/// assert!(!format!("{config:?}").contains("a key"));
/// ```
#[derive(Clone)]
pub struct ServerConfig {
    /// Where to listen; port 0 takes a free one. Without [`api_keys`](Self::api_keys) it must be a loopback address.
    pub listen: SocketAddr,
    /// Where the data is kept.
    pub data: DataLocation,
    /// The keys that are accepted. When there are none, every key that is not empty is, in requests that are sent to `localhost`,
    /// to an address or to the host of [`public_url`](Self::public_url): no web page can have those names.
    pub api_keys: Vec<ApiKey>,
    /// The seed that every workspace begins with: a file, or a directory of files. The manual of the server describes it.
    pub seed: Option<PathBuf>,
    /// Which keys see the same data.
    pub workspaces: Workspaces,
    /// Which generation of the API decides what is accepted.
    pub generation: Generation,
    /// How much is taken.
    pub limits: Limits,
    /// The origins whose web pages may use the server, such as `http://localhost:3000`, or `*` for any. There are none by
    /// default, so that browsers keep what the server says from every page.
    pub cors: Vec<String>,
    /// The URL under which clients reach the server, for the links it gives. Without one, links are built from the `Host`
    /// header of the request.
    pub public_url: Option<String>,
    /// How long the link to an export works.
    pub link_lifetime: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data: DataLocation::Memory,
            api_keys: Vec::new(),
            seed: None,
            workspaces: Workspaces::default(),
            generation: Generation::default(),
            limits: Limits::default(),
            cors: Vec::new(),
            public_url: None,
            link_lifetime: Duration::from_secs(24 * 60 * 60),
        }
    }
}

// How many keys there are is all that shows of them.
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
            .field("cors", &self.cors)
            .field("public_url", &self.public_url)
            .field("link_lifetime", &self.link_lifetime)
            .finish()
    }
}

/// Where a server keeps its data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DataLocation {
    /// Nowhere for long: in the directory for temporary files, without waiting for the disk, and gone when the server stops.
    #[default]
    Memory,
    /// In a directory, which is made where it is missing. One server uses it at a time.
    Directory(PathBuf),
}

/// Which keys see the same data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workspaces {
    /// Every key has a workspace of its own, so that tests that run at once do not meet.
    #[default]
    PerKey,
    /// All keys that name no workspace share one, the same at every start, so that data outlives the key it was written with.
    Shared,
}

/// The generations of the API. They differ in what a request must hold; what the server sends suits all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Generation {
    /// The documented one: a payload has `messages`, and properties must be given.
    #[default]
    G1,
    /// A payload is any object, and properties may be left out.
    G2,
    /// As `G2`.
    G3,
}
