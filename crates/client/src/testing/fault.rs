//! How responses are to fail.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// A rule by which the server spoils responses: those of which requests, how many, and how. It is for
/// [`Workspace::fault`](super::Workspace::fault).
///
/// Without a word on which requests it speaks of all, and it is used once. Unless it replaces the response, requests are
/// really carried out.
///
/// ```
/// use mistral_datasets::testing::Fault;
///
/// // The third and fourth upload are carried out, and the connection breaks before the response.
/// let lost = Fault::reset_after(0).operation("upload_file").skip(2).times(2);
/// // Nothing works any more.
/// let down = Fault::status(503).always();
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[must_use = "a fault does nothing until it is given to a workspace"]
pub struct Fault {
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip: Option<u64>,
    /// The inner one is missing where there is no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<Option<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    carry_out: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_after_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncate_after_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drip: Option<Drip>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<Task>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Task {
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stuck: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fail: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Drip {
    bytes: u64,
    interval_ms: u64,
}

impl Fault {
    /// The response has this status instead, and a failure has the API's envelope. The request is not carried out.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// The response has this body instead: text as it is, anything else as JSON. The request is not carried out.
    pub fn body(body: impl Into<Value>) -> Self {
        Self { body: Some(body.into()), ..Self::default() }
    }

    /// The response waits for this time, at most ten minutes, after the request was carried out.
    pub fn delay(delay: Duration) -> Self {
        Self::default().with_delay(delay)
    }

    /// The connection is reset after so many bytes of the response's body; after none, before anything of the response.
    pub fn reset_after(bytes: u64) -> Self {
        Self { reset_after_bytes: Some(bytes), ..Self::default() }
    }

    /// The connection is closed after so many bytes of the response's body, although more were promised.
    pub fn truncate_after(bytes: u64) -> Self {
        Self { truncate_after_bytes: Some(bytes), ..Self::default() }
    }

    /// The response's body comes in pieces of so many bytes, with this time between them.
    pub fn drip(bytes: u64, interval: Duration) -> Self {
        let interval_ms = milliseconds(interval);
        Self { drip: Some(Drip { bytes, interval_ms }), ..Self::default() }
    }

    /// The import that a request begins fails with this message, and nothing is imported.
    pub fn task_fails(message: impl Into<String>) -> Self {
        Self::task(Task { fail: Some(message.into()), ..Task::default() })
    }

    /// The import that a request begins runs, and never ends.
    pub fn task_stuck() -> Self {
        Self::task(Task { stuck: Some(true), ..Task::default() })
    }

    /// The import that a request begins runs for this time, at most ten minutes, before anything is done.
    pub fn task_delay(delay: Duration) -> Self {
        Self::task(Task { delay_ms: Some(milliseconds(delay)), ..Task::default() })
    }

    fn task(task: Task) -> Self {
        Self { task: Some(task), ..Self::default() }
    }

    /// Only requests of this operation, named as in the API's document, such as `create_record`; `open_link` is opening a
    /// signed link.
    pub fn operation(mut self, name: impl Into<String>) -> Self {
        self.operation = Some(name.into());
        self
    }

    /// Only requests of this method of HTTP.
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Only requests of this route, written as in the API's document, such as `/v1/files/{file_id}`.
    pub fn route(mut self, route: impl Into<String>) -> Self {
        self.route = Some(route.into());
        self
    }

    /// Lets so many of these requests pass first.
    pub fn skip(mut self, requests: u64) -> Self {
        self.skip = Some(requests);
        self
    }

    /// Spoils so many of them, at least one.
    pub fn times(mut self, requests: u64) -> Self {
        self.times = Some(Some(requests));
        self
    }

    /// Spoils all of them.
    pub fn always(mut self) -> Self {
        self.times = Some(None);
        self
    }

    /// Whether the request is really carried out, where that is not to be as the kind of fault has it.
    pub fn carry_out(mut self, carry_out: bool) -> Self {
        self.carry_out = Some(carry_out);
        self
    }

    /// Adds a header to the response.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// The response has this body too; see [`body`](Self::body).
    pub fn with_body(mut self, body: impl Into<Value>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The response waits for this time too; see [`delay`](Self::delay).
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay_ms = Some(milliseconds(delay));
        self
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A rule as the server has it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct FaultRule {
    /// Its id, which the journal shows beside the requests that it spoiled.
    pub id: Uuid,
    /// How many requests it speaks of have come.
    pub matched: u64,
    /// How many of them it spoiled.
    pub applied: u64,
    /// The rule as it was given.
    #[serde(flatten)]
    pub rule: Map<String, Value>,
}
