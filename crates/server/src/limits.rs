//! Resource limits of a server.

use std::time::Duration;

use crate::json::MAX_DEPTH;
use crate::options::options;

/// The smallest usable depth: a body, its payload, the messages array and one message.
const MIN_DEPTH: usize = 4;

options! {
    /// Resource limits that keep one client from exhausting the server.
    ///
    /// Requests beyond a limit are rejected with the status given for each field and the API's usual error body.
    ///
    /// ```
    /// use mistral_datasets_server::{Limits, ServerConfig};
    ///
    /// let limits = Limits::default().file_bytes(2 << 30);
    /// let config = ServerConfig::default().limits(limits);
    /// assert_eq!(config.limits.json_bytes, 64 << 20);
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Limits {
        /// Maximum size of a JSON body, and of one line of an imported file, in bytes (413). Default: 64 MiB.
        pub json_bytes: u64 = 64 << 20,
        /// Maximum nesting depth of arrays and objects in a JSON body or a line of an imported file (422).
        ///
        /// Values are clamped to 4..=128: fewer levels cannot hold a conversation, and many JSON parsers reject more. Default:
        /// 128.
        pub json_depth: usize = MAX_DEPTH,
        /// Maximum size of an uploaded file, in bytes (413). Default: 512 MiB.
        pub file_bytes: u64 = 512 << 20,
        /// Maximum memory of all request bodies and responses together, in bytes (503 with `Retry-After`).
        ///
        /// A JSON body counts three times, because its values are copied while it is processed. Bodies and responses of up to 32
        /// KiB are not counted. A single request can always use all of it. Default: 256 MiB.
        pub memory_bytes: u64 = 256 << 20,
        /// Maximum size of a URL's path and query, in bytes (414). The hard limit is 65,534. Default: 16 KiB.
        pub url_bytes: u64 = 16 << 10,
        /// Maximum size of all headers of a request, in bytes (431). The number of headers is always limited to 100.
        /// Default: 64 KiB.
        pub header_bytes: u64 = 64 << 10,
        /// Maximum number of open connections. Further connections receive 503 with `Retry-After` and are closed. Default: 512.
        pub connections: usize = 512,
        /// Maximum number of open connections from one client address. Further connections receive 429 with `Retry-After` and are
        /// closed. An IPv6 client is limited by its /64 network. Loopback clients are not limited, nor are clients of a server
        /// [behind a proxy](crate::ServerConfig::behind_proxy). Default: 128.
        pub connections_per_address: usize = 128,
        /// Maximum number of requests with an invalid key from one client address within a minute. Until the minute is over, further
        /// requests with a key receive 429 with `Retry-After`, whether the key is valid or not. Exempt are the same clients as for
        /// [`connections_per_address`](Self::connections_per_address). Default: 60.
        pub failed_keys: usize = 60,
        /// Maximum number of requests handled concurrently (503 with `Retry-After`). Default: 512.
        pub requests: usize = 512,
        /// Maximum time to handle a request, counted from the last byte received of its body (503). Delays injected by a fault
        /// rule are subject to it as well. Default: 10 minutes.
        pub request_timeout: Duration = Duration::from_secs(10 * 60),
        /// Maximum time a connection may be open without a complete request head. Idle connections are closed; a partial head is
        /// rejected with 408. Default: 60 seconds.
        pub idle_timeout: Duration = Duration::from_secs(60),
        /// Maximum time a client may stall in the middle of a request or response. A late body is rejected with 408; a response
        /// that is not read is aborted. Each 500 bytes of body received extend the deadline by one second. A JSON body of more than
        /// 32 KiB occupies memory until it is complete, so it takes 50,000 bytes to extend its deadline by one second. Default: 20
        /// seconds.
        pub stall_timeout: Duration = Duration::from_secs(20),
        /// Number of imports that run concurrently.
        ///
        /// All imports write through one thread, so more of them add little throughput; at least two keep small imports from
        /// waiting behind a large one. The workspace with the fewest running imports has the next turn. Values are clamped to
        /// 1..=256. Default: 2.
        pub imports: usize = 2,
        /// Maximum number of imports of a workspace that are waiting in the queue (503 with `Retry-After`). All workspaces together
        /// may have ten times as many, so one workspace cannot fill the queue. Imports delayed by a fault rule count as waiting, stuck
        /// ones do not. Default: 1,000.
        pub queued_imports: usize = 1_000,
        /// Number of conversations that judges evaluate concurrently, those of campaigns included. Values are clamped to 1..=256.
        /// Default: 8.
        pub judgements: usize = 8,
    }
}

impl Limits {
    /// Returns the effective number of concurrent judgements.
    pub(crate) fn effective_judgements(&self) -> usize {
        self.judgements.clamp(1, 256)
    }

    /// Returns the effective nesting limit.
    pub(crate) fn effective_json_depth(&self) -> usize {
        self.json_depth.clamp(MIN_DEPTH, MAX_DEPTH)
    }
}
