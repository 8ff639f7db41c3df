//! What came to the server.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use uuid::Uuid;

/// A request that came to a workspace, as the journal shows it. It holds no key, and no query of a signed link.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// Its place among the workspace's requests, from 1.
    pub number: u64,
    /// Its method.
    pub method: String,
    /// Its path, with the query.
    pub path: String,
    /// The operation as the API's document names it, such as `create_record`; opening a signed link is `open_link`. None where
    /// there is no such route.
    pub operation: Option<String>,
    /// The response's status; none before it is answered, and where the connection was reset before any response.
    pub status: Option<u16>,
    /// The bytes of its body; none before it is answered.
    pub request_bytes: Option<u64>,
    /// Its headers but those that hold secrets, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// How long it took to answer; none before that.
    #[serde(rename = "elapsed_ms", deserialize_with = "elapsed")]
    pub elapsed: Option<Duration>,
    /// The rule that spoiled it; see [`FaultRule::id`](super::FaultRule::id).
    pub fault: Option<Uuid>,
}

impl RecordedRequest {
    /// Whether it is of this operation, named as in the API's document.
    pub fn is_operation(&self, operation: &str) -> bool {
        self.operation.as_deref() == Some(operation)
    }
}

fn elapsed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let milliseconds = Option::<f64>::deserialize(deserializer)?;
    Ok(milliseconds.and_then(|time| Duration::try_from_secs_f64(time / 1000.0).ok()))
}
