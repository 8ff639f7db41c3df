//! Requests recorded by a local server.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use uuid::Uuid;

/// A request that a workspace has received. It contains neither the API key nor the query of a presigned link.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The number of the request in the workspace, from 1.
    pub number: u64,
    /// The HTTP method.
    pub method: String,
    /// The path and query.
    pub path: String,
    /// The operation as named in the OpenAPI document, such as `create_record`, or `open_link` for presigned links. `None` if
    /// there is no such route.
    pub operation: Option<String>,
    /// The status of the response. `None` if there is no response yet, or if the connection was reset before it.
    pub status: Option<u16>,
    /// The size of the request body in bytes. `None` if there is no response yet.
    pub request_bytes: Option<u64>,
    /// The headers, except those that contain secrets, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// How long the server took to respond. `None` if there is no response yet.
    #[serde(rename = "elapsed_ms", deserialize_with = "elapsed")]
    pub elapsed: Option<Duration>,
    /// The fault rule that applied to it; see [`FaultRule::id`](super::FaultRule::id).
    pub fault: Option<Uuid>,
}

impl RecordedRequest {
    /// Returns whether this is a request of the named operation.
    pub fn is_operation(&self, operation: &str) -> bool {
        self.operation.as_deref() == Some(operation)
    }
}

fn elapsed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let milliseconds = Option::<f64>::deserialize(deserializer)?;
    Ok(milliseconds.and_then(|time| Duration::try_from_secs_f64(time / 1000.0).ok()))
}
