//! Client configuration: the builder, the options and their validated form, and the retry policy.
//!
//! Nothing here knows [`Client`](crate::Client); `ClientBuilder::build` is defined next to it.

mod builder;
mod options;
mod retry_policy;

pub use builder::ClientBuilder;
pub(crate) use builder::{Proxy, parse_server_url};
pub use options::Options;
pub(crate) use options::Settings;
pub(crate) use retry_policy::DEFAULT_BULK_MAX_RETRIES;
pub use retry_policy::RetryPolicy;
