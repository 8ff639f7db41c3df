//! Fault rules: which requests they affect, and how.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use mistral_datasets_types::ErrorCode;

use super::task::{TaskFault, starts_task};
use crate::api::{OPEN_LINK, OperationRoute, is_served_by, operations};
use crate::http::ApiError;
use crate::json::{Fields, JsonError, Value};

/// The maximum of every delay, in milliseconds.
pub(super) const MAX_DELAY_MS: u64 = 10 * 60 * 1000;

/// The maximum size of a rule, in bytes of JSON.
pub(super) const MAX_RULE_BYTES: usize = 1 << 20;

/// The fields of a rule.
const FIELDS: &[&str] = &[
    "method",
    "operation",
    "route",
    "skip",
    "times",
    "carry_out",
    "status",
    "headers",
    "body",
    "delay_ms",
    "reset_after_bytes",
    "truncate_after_bytes",
    "drip",
    "task",
];

/// A validated fault rule.
#[derive(Debug)]
pub(crate) struct Rule {
    /// The fields as the client sent them, each a name and raw JSON.
    fields: Vec<(String, String)>,
    method: Option<Method>,
    operation: Option<&'static OperationRoute>,
    route: Option<String>,
    /// How many matching requests are skipped first.
    pub(super) skip: u64,
    /// How many requests are affected after that, or `None` for all.
    pub(super) times: Option<u64>,
    /// Whether the request is executed.
    pub(super) carry_out: bool,
    status: Option<StatusCode>,
    headers: HeaderMap,
    body: Option<FaultBody>,
    pub(super) delay: Duration,
    pub(super) cut: Option<Cut>,
    pub(super) drip: Option<Drip>,
    /// What happens to the task that the request starts. A rule with this matches only requests that start a task.
    pub(super) task: Option<TaskFault>,
}

/// The response body of a rule.
#[derive(Debug)]
struct FaultBody {
    bytes: Bytes,
    is_json: bool,
}

/// Where a response is cut off, in bytes of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// By a TCP reset. With 0, this happens before the response head.
    Reset(u64),
    /// By closing the connection.
    Truncate(u64),
}

/// Sends the body in small chunks, with pauses between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Drip {
    pub(super) bytes: u64,
    pub(super) interval: Duration,
}

impl Rule {
    /// Reads and validates a rule.
    pub(crate) fn read(value: &Value<'_>) -> Result<Self, JsonError> {
        if value.text().len() > MAX_RULE_BYTES {
            return Err(value.error(format!("a rule has at most {MAX_RULE_BYTES} bytes")));
        }
        let fields = value.fields()?;
        fields.allow_only(FIELDS)?;
        let status = fields.optional("status").map(|value| status(&value)).transpose()?;
        let body = fields.optional("body").map(|value| body(&value)).transpose()?;
        let headers = fields.optional("headers").map(|value| headers(&value)).transpose()?;
        let drip = fields.optional("drip").map(|value| drip(&value)).transpose()?;
        let times = match fields.get("times") {
            None => Some(1),
            Some(value) if value.text() == "null" => None,
            Some(value) => Some(value.integer(1..=u64::MAX)?),
        };
        let number =
            |name, max| fields.optional(name).map(|value| value.integer(0..=max)).transpose();
        let replaces = status.is_some() || body.is_some();
        let rule = Self {
            method: fields.optional("method").map(|value| method(&value)).transpose()?,
            operation: fields.optional("operation").map(|value| operation(&value)).transpose()?,
            route: fields.optional("route").map(|value| route(&value)).transpose()?,
            skip: number("skip", u64::MAX)?.unwrap_or_default(),
            times,
            carry_out: match fields.optional("carry_out") {
                Some(value) => value.boolean()?,
                None => !replaces,
            },
            status,
            headers: headers.unwrap_or_default(),
            body,
            delay: Duration::from_millis(number("delay_ms", MAX_DELAY_MS)?.unwrap_or_default()),
            cut: cut(&fields)?,
            drip,
            task: fields.optional("task").map(|value| TaskFault::read(&value)).transpose()?,
            fields: fields.iter().map(|(name, value)| (name, value.text().to_owned())).collect(),
        };
        rule.check(&fields)?;
        Ok(rule)
    }

    /// Rejects combinations of fields that make no sense.
    fn check(&self, fields: &Fields<'_>) -> Result<(), JsonError> {
        if let (Some(operation), Some(method)) = (self.operation, &self.method)
            && !is_served_by(operation, method.as_str())
        {
            let message =
                format!("the method of `{}` is {}", operation.operation_id, operation.method);
            return Err(fields.error("method", message));
        }
        if let (Some(operation), Some(route)) = (self.operation, &self.route)
            && operation.path != route
        {
            let message =
                format!("the route of `{}` is `{}`", operation.operation_id, operation.path);
            return Err(fields.error("route", message));
        }
        let bodiless = self.status.is_some_and(|status| {
            matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        });
        if bodiless && self.body.is_some() {
            return Err(fields.error("body", "responses with this status have no body"));
        }
        let has_no_response = self.cut == Some(Cut::Reset(0));
        if !self.carry_out && !self.replaces() && !has_no_response {
            let message = "a request that is not executed needs a response: set `status` or `body`, or set \
                           `reset_after_bytes` to 0";
            return Err(fields.error("carry_out", message));
        }
        if self.task.is_some() {
            if self.operation.is_some_and(|operation| !starts_task(operation)) {
                let message = "this operation does not start a task; use an import such as `import_from_file`";
                return Err(fields.error("operation", message));
            }
            if !self.carry_out {
                let message = "a request that is not executed does not start a task";
                return Err(fields.error("task", message));
            }
        }
        let has_effect =
            self.replaces() || self.cut.is_some() || self.drip.is_some() || self.task.is_some();
        if !has_effect && self.headers.is_empty() && self.delay.is_zero() {
            let message = "the rule has no effect: expected at least one of the fields `status`, `headers`, `body`, \
                           `delay_ms`, `reset_after_bytes`, `truncate_after_bytes`, `drip` and `task`";
            return Err(fields.error("", message));
        }
        Ok(())
    }

    /// Returns about how much memory the rule takes, in bytes.
    pub(super) fn size(&self) -> usize {
        let fields: usize = self.fields.iter().map(|(name, text)| name.len() + text.len()).sum();
        // Headers and the body are kept in another form as well.
        1_024 + 2 * fields
    }

    /// Returns the fields as the client sent them, each a name and raw JSON.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Returns whether the rule matches a request.
    pub(super) fn matches(
        &self,
        method: &Method,
        route: &str,
        operation: Option<&'static OperationRoute>,
    ) -> bool {
        let id = |operation: &OperationRoute| operation.operation_id;
        self.method.as_ref().is_none_or(|wanted| wanted == method)
            && self.route.as_ref().is_none_or(|wanted| wanted == route)
            && self.operation.is_none_or(|wanted| operation.map(id) == Some(id(wanted)))
            && (self.task.is_none() || operation.is_some_and(starts_task))
    }

    /// Returns whether the rule decides what a response contains, other than an error of the API.
    pub(super) fn chooses_content(&self) -> bool {
        self.body.is_some() || !self.headers.is_empty()
    }

    /// Rejects a rule that is only for signed links and decides what they contain. Links are opened without a key, also by
    /// browsers, so the owner of a key could serve any page from the server's origin.
    pub(crate) fn check_links(&self) -> Result<(), ApiError> {
        let is_for_links = self.operation.is_some_and(|operation| operation.path == OPEN_LINK.path)
            || self.route.as_ref().is_some_and(|route| route == OPEN_LINK.path);
        if is_for_links && self.chooses_content() {
            return Err(ApiError::validation(
                "a rule for signed links cannot set `body` or `headers` on a server with configured API keys, because links \
                 are opened without a key",
            ));
        }
        Ok(())
    }

    /// Returns whether the rule replaces the response.
    pub(super) fn replaces(&self) -> bool {
        self.status.is_some() || self.body.is_some()
    }

    /// Returns the response of the rule. Its status defaults to `success`.
    pub(super) fn response(&self, success: StatusCode) -> Response {
        let status = self.status.unwrap_or(success);
        let Some(FaultBody { bytes, is_json }) = &self.body else {
            return match status.is_client_error() || status.is_server_error() {
                true => {
                    let message = "this response comes from a fault rule";
                    ApiError::new(status, ErrorCode::UnknownError, message).into_response()
                }
                false => (status, Body::empty()).into_response(),
            };
        };
        let media_type = if *is_json { "application/json" } else { "text/plain; charset=utf-8" };
        let mut response = Response::new(Body::from(bytes.clone()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        // A browser that shows the body must not run it with access to this server.
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
        response
    }

    /// Sets the rule's headers.
    pub(super) fn set_headers(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
    }
}

fn method(value: &Value<'_>) -> Result<Method, JsonError> {
    let text = value.string()?.to_ascii_uppercase();
    Method::from_bytes(text.as_bytes()).map_err(|_| value.error("expected an HTTP method"))
}

fn operation(value: &Value<'_>) -> Result<&'static OperationRoute, JsonError> {
    let name = value.string()?;
    operations().find(|operation| operation.operation_id == name).ok_or_else(|| {
        value.error("unknown operation; expected an operation id of the OpenAPI document, such as `create_record`")
    })
}

fn route(value: &Value<'_>) -> Result<String, JsonError> {
    let route = value.string()?;
    match operations().any(|operation| operation.path == route) {
        true => Ok(route),
        false => Err(value.error(
            "unknown route; expected a path of the OpenAPI document, such as \
             `/v1/observability/datasets/{dataset_id}`",
        )),
    }
}

fn status(value: &Value<'_>) -> Result<StatusCode, JsonError> {
    let status = value.integer(200..=599)?;
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    status.ok_or_else(|| value.error("expected an HTTP status"))
}

fn headers(value: &Value<'_>) -> Result<HeaderMap, JsonError> {
    let mut headers = HeaderMap::new();
    for (name, value) in value.fields()?.iter() {
        let parsed = HeaderName::from_bytes(name.as_bytes());
        let name = parsed.map_err(|_| value.error("invalid header name"))?;
        if [CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name) {
            return Err(value.error("this header cannot be set; the server sets it"));
        }
        let text = HeaderValue::from_str(&value.string()?);
        headers.insert(name, text.map_err(|_| value.error("invalid header value"))?);
    }
    Ok(headers)
}

/// Reads the body of a response: a string is sent verbatim, any other value as JSON.
fn body(value: &Value<'_>) -> Result<FaultBody, JsonError> {
    let is_json = !value.text().starts_with('"');
    let text = if is_json { value.text().to_owned() } else { value.any_string()? };
    Ok(FaultBody { bytes: text.into(), is_json })
}

fn cut(fields: &Fields<'_>) -> Result<Option<Cut>, JsonError> {
    let reset = fields.optional("reset_after_bytes");
    let truncate = fields.optional("truncate_after_bytes");
    Ok(match (reset, truncate) {
        (None, None) => None,
        (Some(value), None) => Some(Cut::Reset(value.integer(0..=u64::MAX)?)),
        (None, Some(value)) => Some(Cut::Truncate(value.integer(0..=u64::MAX)?)),
        (Some(_), Some(value)) => {
            return Err(value.error("cannot be combined with `reset_after_bytes`"));
        }
    })
}

fn drip(value: &Value<'_>) -> Result<Drip, JsonError> {
    let fields = value.fields()?;
    fields.allow_only(&["bytes", "interval_ms"])?;
    Ok(Drip {
        bytes: fields.required("bytes")?.integer(1..=u64::MAX)?,
        interval: Duration::from_millis(fields.required("interval_ms")?.integer(0..=MAX_DELAY_MS)?),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::find_operation;
    use crate::json::{Document, MAX_DEPTH};

    fn read(rule: serde_json::Value) -> Result<Rule, String> {
        let text = rule.to_string();
        let document = Document::read(text.as_bytes(), "the body", MAX_DEPTH).unwrap();
        let value = document.one_or_items(1).unwrap().next().unwrap();
        Rule::read(&value).map_err(|error| error.to_string())
    }

    #[test]
    fn omitted_fields_have_defaults() {
        let rejecting = read(json!({"status": 503})).unwrap();
        assert_eq!((rejecting.skip, rejecting.times, rejecting.carry_out), (0, Some(1), false));
        let cut = read(json!({"truncate_after_bytes": 3, "times": null})).unwrap();
        assert_eq!((cut.times, cut.carry_out, cut.cut), (None, true, Some(Cut::Truncate(3))));
        assert!(read(json!({"status": 500, "carry_out": true})).unwrap().carry_out);
        assert!(!read(json!({"reset_after_bytes": 0, "carry_out": false})).unwrap().carry_out);
    }

    #[test]
    fn errors_name_the_invalid_field() {
        for (rule, place) in [
            (json!(3), "expected an object"),
            (json!({}), "the rule has no effect"),
            (json!({"times": 2}), "the rule has no effect"),
            (json!({"statsu": 503}), "statsu: "),
            (json!({"status": 99}), "status: "),
            (json!({"status": 600}), "status: "),
            (json!({"status": "503"}), "status: "),
            (json!({"status": 503, "times": 0}), "times: "),
            (json!({"status": 503, "times": 1.5}), "times: "),
            (json!({"status": 503, "skip": -1}), "skip: "),
            (json!({"status": 503, "carry_out": "yes"}), "carry_out: "),
            (json!({"status": 204, "body": "text"}), "body: "),
            (json!({"delay_ms": 600_001}), "delay_ms: "),
            (json!({"delay_ms": 5, "carry_out": false}), "carry_out: "),
            (json!({"reset_after_bytes": 5, "carry_out": false}), "carry_out: "),
            (json!({"reset_after_bytes": 5, "truncate_after_bytes": 5}), "truncate_after_bytes: "),
            (json!({"drip": {"bytes": 0, "interval_ms": 1}}), "drip.bytes: "),
            (json!({"drip": {"bytes": 1}}), "drip.interval_ms: required"),
            (json!({"drip": {"bytes": 1, "interval_ms": 1, "x": 1}}), "drip.x: "),
            (json!({"headers": {"a b": "c"}}), "headers.a b: "),
            (json!({"headers": {"a": "b\nc"}}), "headers.a: "),
            (json!({"headers": {"a": 1}}), "headers.a: "),
            (json!({"headers": {"Content-Length": "3"}}), "headers.Content-Length: "),
            (json!({"status": 503, "method": "a b"}), "method: "),
            (json!({"status": 503, "operation": "createRecord"}), "operation: "),
            (json!({"status": 503, "operation": "create_record", "method": "GET"}), "method: "),
            (json!({"task": {}}), "task: expected at least one"),
            (json!({"task": {"stuck": false}}), "task: expected at least one"),
            (json!({"task": {"stuck": true, "fail": "why"}}), "task.fail: "),
            (json!({"task": {"fail": ""}}), "task.fail: "),
            (json!({"task": {"delay_ms": 600_001}}), "task.delay_ms: "),
            (json!({"task": {"delay": 1}}), "task.delay: unknown"),
            (json!({"task": {"stuck": true}, "operation": "list_tasks"}), "operation: "),
            (json!({"task": {"stuck": true}, "status": 503}), "task: "),
            (json!({"status": 503, "route": "/v1/files/5"}), "route: "),
            (json!({"status": 503, "route": "/v1/files", "operation": "open_link"}), "route: "),
        ] {
            let error = read(rule.clone()).expect_err(&rule.to_string());
            assert!(error.starts_with(place), "{rule}: {error}");
        }
    }

    #[test]
    fn the_size_of_a_rule_is_limited() {
        let rule = |bytes: usize| read(json!({"status": 500, "body": "x".repeat(bytes)}));
        let accepted = rule(MAX_RULE_BYTES - 100).unwrap();
        assert!(accepted.size() >= 2 * (MAX_RULE_BYTES - 100));
        assert_eq!(rule(MAX_RULE_BYTES).unwrap_err(), "a rule has at most 1048576 bytes");
    }

    #[test]
    fn rules_match_by_method_operation_and_route() {
        let records = "/v1/observability/datasets/{dataset_id}/records";
        let matches = |rule, method: Method, route: &str| {
            read(rule).unwrap().matches(&method, route, find_operation(route, &method))
        };
        assert!(matches(json!({"status": 500}), Method::PATCH, "/v1/files"));
        assert!(matches(json!({"status": 500, "method": "post"}), Method::POST, records));
        assert!(!matches(json!({"status": 500, "method": "post"}), Method::GET, records));
        let list = json!({"status": 500, "operation": "list_records"});
        assert!(matches(list.clone(), Method::GET, records));
        assert!(!matches(list.clone(), Method::POST, records));
        assert!(!matches(list, Method::GET, ""));
        let task = json!({"task": {"stuck": true}});
        let import = "/v1/observability/datasets/{dataset_id}/imports/from-file";
        assert!(matches(task.clone(), Method::POST, import));
        assert!(!matches(task, Method::POST, records));
        assert!(matches(json!({"status": 500, "route": records}), Method::POST, records));
        assert!(!matches(json!({"status": 500, "route": records}), Method::POST, "/v1/files"));
    }

    #[tokio::test]
    async fn error_statuses_without_a_body_get_an_error_response() {
        let response = |rule| read(rule).unwrap().response(StatusCode::CREATED);
        let failed = response(json!({"status": 429}));
        assert_eq!(failed.status(), 429);
        let body = axum::body::to_bytes(failed.into_body(), 1000).await.unwrap();
        assert!(body.starts_with(b"{\"detail\""));
        let custom = response(json!({"body": {"a": 1.0}}));
        assert_eq!(custom.status(), 201);
        assert_eq!(custom.headers()["content-type"], "application/json");
        let body = axum::body::to_bytes(custom.into_body(), 1000).await.unwrap();
        assert_eq!(body, "{\"a\":1.0}");
    }
}
