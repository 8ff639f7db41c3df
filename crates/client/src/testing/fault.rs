//! Fault rules of a local server.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// A rule that makes the server fail or delay requests. Pass it to
/// [`Workspace::inject_fault`](super::Workspace::inject_fault).
///
/// By default, a rule matches every request and applies once. Requests are carried out unless the rule replaces the
/// response.
///
/// ```
/// use mistral_datasets::testing::Fault;
///
/// // The third and fourth upload are carried out, but the connection is reset before the response.
/// let lost = Fault::reset_after(0).operation("upload_file").skip(2).times(2);
/// // The server is down.
/// let down = Fault::status(503).always();
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[must_use = "a fault has no effect until it is injected"]
pub struct Fault {
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip: Option<u64>,
    /// `Some(None)` means without limit.
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
    /// Responds with this status, and for an error status with the API's error body. The request is not carried out.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// Responds with this body: a string verbatim, any other value as JSON. The request is not carried out.
    pub fn body(body: impl Into<Value>) -> Self {
        Self { body: Some(body.into()), ..Self::default() }
    }

    /// Delays the response, by at most ten minutes. The request is carried out first.
    pub fn delay(delay: Duration) -> Self {
        Self::default().with_delay(delay)
    }

    /// Resets the connection after this many bytes of the response body. With 0, nothing of the response is sent.
    pub fn reset_after(bytes: u64) -> Self {
        Self { reset_after_bytes: Some(bytes), ..Self::default() }
    }

    /// Closes the connection after this many bytes of the response body, although `Content-Length` is larger.
    pub fn truncate_after(bytes: u64) -> Self {
        Self { truncate_after_bytes: Some(bytes), ..Self::default() }
    }

    /// Sends the response body in chunks of this many bytes, with this interval between them.
    pub fn drip(bytes: u64, interval: Duration) -> Self {
        let interval_ms = milliseconds(interval);
        Self { drip: Some(Drip { bytes, interval_ms }), ..Self::default() }
    }

    /// Fails the import that the request starts with this message. Nothing is imported.
    pub fn task_fails(message: impl Into<String>) -> Self {
        Self::task(Task { fail: Some(message.into()), ..Task::default() })
    }

    /// Makes the import that the request starts run forever.
    pub fn task_stuck() -> Self {
        Self::task(Task { stuck: Some(true), ..Task::default() })
    }

    /// Delays the import that the request starts, by at most ten minutes.
    pub fn task_delay(delay: Duration) -> Self {
        Self::task(Task { delay_ms: Some(milliseconds(delay)), ..Task::default() })
    }

    fn task(task: Task) -> Self {
        Self { task: Some(task), ..Self::default() }
    }

    /// Matches only requests of this operation, named as in the OpenAPI document, such as `create_record`, or `open_link` for
    /// presigned links.
    pub fn operation(mut self, name: impl Into<String>) -> Self {
        self.operation = Some(name.into());
        self
    }

    /// Matches only requests with this HTTP method.
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Matches only requests of this route, written as in the OpenAPI document, such as `/v1/files/{file_id}`.
    pub fn route(mut self, route: impl Into<String>) -> Self {
        self.route = Some(route.into());
        self
    }

    /// Skips this many matching requests first. Default: 0.
    pub fn skip(mut self, requests: u64) -> Self {
        self.skip = Some(requests);
        self
    }

    /// Sets the number of matching requests that the rule applies to. Default: 1.
    pub fn times(mut self, requests: u64) -> Self {
        self.times = Some(Some(requests));
        self
    }

    /// Makes the rule apply to all matching requests.
    pub fn always(mut self) -> Self {
        self.times = Some(None);
        self
    }

    /// Sets whether the request is carried out. The default depends on the kind of fault.
    pub fn carry_out(mut self, carry_out: bool) -> Self {
        self.carry_out = Some(carry_out);
        self
    }

    /// Adds a header to the response.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Also replaces the body; see [`body`](Self::body).
    pub fn with_body(mut self, body: impl Into<Value>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Also delays the response; see [`delay`](Self::delay).
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay_ms = Some(milliseconds(delay));
        self
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A fault rule on the server.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct FaultRule {
    /// The id, which recorded requests refer to.
    pub id: Uuid,
    /// The number of matching requests so far.
    pub matched: u64,
    /// The number of requests that the rule applied to.
    pub applied: u64,
    /// The rule as injected.
    #[serde(flatten)]
    pub rule: Map<String, Value>,
}
