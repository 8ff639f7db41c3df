//! A rule: which requests it spoils, and how.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use mistral_datasets_types::ErrorCode;

use super::task::{TaskFault, begins_task};
use crate::api::{OperationRoute, is_served_by, operations};
use crate::http::ApiError;
use crate::json::{Fields, JsonError, Value};

/// Nothing waits longer than this for one step, in milliseconds.
pub(super) const LONGEST: u64 = 10 * 60 * 1000;

/// The fields of a rule.
const MEMBERS: &[&str] = &[
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

/// A rule as it was given, checked.
#[derive(Debug)]
pub(crate) struct Rule {
    /// The names of its fields, and their values as text.
    given: Vec<(String, String)>,
    method: Option<Method>,
    operation: Option<&'static OperationRoute>,
    route: Option<String>,
    /// So many matching requests pass before it applies.
    pub(super) skip: u64,
    /// To so many it then applies; to all where there is no number.
    pub(super) times: Option<u64>,
    pub(super) carry_out: bool,
    status: Option<StatusCode>,
    headers: HeaderMap,
    body: Option<Given>,
    pub(super) delay: Duration,
    pub(super) cut: Option<Cut>,
    pub(super) drip: Option<Drip>,
    /// What becomes of the task that the request begins. Such a rule speaks of no other requests.
    pub(super) task: Option<TaskFault>,
}

/// A body that was given.
#[derive(Debug)]
struct Given {
    bytes: Bytes,
    json: bool,
}

/// Where a response ends too early, counted in bytes of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// By a reset; after no bytes that is before the head.
    Reset(u64),
    /// By the end of the connection.
    Truncate(u64),
}

/// A response that comes in drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Drip {
    pub(super) bytes: u64,
    pub(super) interval: Duration,
}

impl Rule {
    /// Reads a rule.
    pub(crate) fn read(value: &Value<'_>) -> Result<Self, JsonError> {
        let fields = value.fields()?;
        fields.allow_only(MEMBERS)?;
        let status = fields.optional("status").map(|value| status(&value)).transpose()?;
        let body = fields.optional("body").map(|value| given(&value)).transpose()?;
        let headers = fields.optional("headers").map(|value| headers(&value)).transpose()?;
        let drip = fields.optional("drip").map(|value| drip(&value)).transpose()?;
        let times = match fields.get("times") {
            None => Some(1),
            Some(value) if value.text() == "null" => None,
            Some(value) => Some(value.integer(1..=u64::MAX)?),
        };
        let number =
            |name, most| fields.optional(name).map(|value| value.integer(0..=most)).transpose();
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
            delay: Duration::from_millis(number("delay_ms", LONGEST)?.unwrap_or_default()),
            cut: cut(&fields)?,
            drip,
            task: fields.optional("task").map(|value| TaskFault::read(&value)).transpose()?,
            given: fields.iter().map(|(name, value)| (name, value.text().to_owned())).collect(),
        };
        rule.check(&fields)?;
        Ok(rule)
    }

    /// Refuses what is well-formed but cannot be meant.
    fn check(&self, fields: &Fields<'_>) -> Result<(), JsonError> {
        if let (Some(operation), Some(method)) = (self.operation, &self.method)
            && !is_served_by(operation, method.as_str())
        {
            let message =
                format!("`{}` is asked for by {}", operation.operation_id, operation.method);
            return Err(fields.error("method", message));
        }
        if let (Some(operation), Some(route)) = (self.operation, &self.route)
            && operation.path != route
        {
            let message = format!("`{}` is at {}", operation.operation_id, operation.path);
            return Err(fields.error("route", message));
        }
        let bodiless = self.status.is_some_and(|status| {
            matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        });
        if bodiless && self.body.is_some() {
            return Err(fields.error("body", "a response of this status has none"));
        }
        let unheard = self.cut == Some(Cut::Reset(0));
        if !self.carry_out && !self.replaces() && !unheard {
            let message = "a request that is not carried out needs a response: give `status` or `body`, or \
                           `reset_after_bytes` of 0";
            return Err(fields.error("carry_out", message));
        }
        if self.task.is_some() {
            if self.operation.is_some_and(|operation| !begins_task(operation)) {
                let message = "it begins no task; the imports do, such as `import_from_file`";
                return Err(fields.error("operation", message));
            }
            if !self.carry_out {
                let message = "a request that is not carried out begins no task";
                return Err(fields.error("task", message));
            }
        }
        let spoils =
            self.replaces() || self.cut.is_some() || self.drip.is_some() || self.task.is_some();
        if !spoils && self.headers.is_empty() && self.delay.is_zero() {
            let message = "the rule does nothing: one of `status`, `headers`, `body`, `delay_ms`, \
                           `reset_after_bytes`, `truncate_after_bytes`, `drip` and `task` is needed";
            return Err(fields.error("", message));
        }
        Ok(())
    }

    /// The fields as they were given, each a name and JSON text.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.given.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Whether the rule speaks of such a request.
    pub(super) fn matches(
        &self,
        method: &Method,
        route: &str,
        operation: Option<&'static OperationRoute>,
    ) -> bool {
        let named = |operation: &OperationRoute| operation.operation_id;
        self.method.as_ref().is_none_or(|wanted| wanted == method)
            && self.route.as_ref().is_none_or(|wanted| wanted == route)
            && self.operation.is_none_or(|wanted| operation.map(named) == Some(named(wanted)))
            && (self.task.is_none() || operation.is_some_and(begins_task))
    }

    /// Whether the rule has a response of its own.
    pub(super) fn replaces(&self) -> bool {
        self.status.is_some() || self.body.is_some()
    }

    /// The rule's own response; `success` is the status where it names none.
    pub(super) fn response(&self, success: StatusCode) -> Response {
        let status = self.status.unwrap_or(success);
        let Some(Given { bytes, json }) = &self.body else {
            return match status.is_client_error() || status.is_server_error() {
                true => {
                    let message = "a fault rule of the workspace answered this";
                    ApiError::new(status, ErrorCode::UnknownError, message).into_response()
                }
                false => (status, Body::empty()).into_response(),
            };
        };
        let media_type = if *json { "application/json" } else { "text/plain; charset=utf-8" };
        let mut response = Response::new(Body::from(bytes.clone()));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
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
    Method::from_bytes(text.as_bytes()).map_err(|_| value.error("expected a method of HTTP"))
}

fn operation(value: &Value<'_>) -> Result<&'static OperationRoute, JsonError> {
    let name = value.string()?;
    operations().find(|operation| operation.operation_id == name).ok_or_else(|| {
        value.error("there is no such operation; the document names them, such as `create_record`")
    })
}

fn route(value: &Value<'_>) -> Result<String, JsonError> {
    let route = value.string()?;
    match operations().any(|operation| operation.path == route) {
        true => Ok(route),
        false => Err(value.error(
            "there is no such route; it is written as in the document, such as \
             `/v1/observability/datasets/{dataset_id}`",
        )),
    }
}

fn status(value: &Value<'_>) -> Result<StatusCode, JsonError> {
    let status = value.integer(200..=599)?;
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    status.ok_or_else(|| value.error("expected a status of HTTP"))
}

fn headers(value: &Value<'_>) -> Result<HeaderMap, JsonError> {
    let mut headers = HeaderMap::new();
    for (name, value) in value.fields()?.iter() {
        let parsed = HeaderName::from_bytes(name.as_bytes());
        let name = parsed.map_err(|_| value.error("this is no name of a header"))?;
        if [CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name) {
            return Err(value.error("the server itself says where a response ends"));
        }
        let text = HeaderValue::from_str(&value.string()?);
        headers.insert(name, text.map_err(|_| value.error("a header cannot have this value"))?);
    }
    Ok(headers)
}

/// Text is sent as it is, anything else as the JSON it is.
fn given(value: &Value<'_>) -> Result<Given, JsonError> {
    let json = !value.text().starts_with('"');
    let text = if json { value.text().to_owned() } else { value.any_string()? };
    Ok(Given { bytes: text.into(), json })
}

fn cut(fields: &Fields<'_>) -> Result<Option<Cut>, JsonError> {
    let reset = fields.optional("reset_after_bytes");
    let truncate = fields.optional("truncate_after_bytes");
    Ok(match (reset, truncate) {
        (None, None) => None,
        (Some(value), None) => Some(Cut::Reset(value.integer(0..=u64::MAX)?)),
        (None, Some(value)) => Some(Cut::Truncate(value.integer(0..=u64::MAX)?)),
        (Some(_), Some(value)) => {
            return Err(value.error("a response ends once: not together with `reset_after_bytes`"));
        }
    })
}

fn drip(value: &Value<'_>) -> Result<Drip, JsonError> {
    let fields = value.fields()?;
    fields.allow_only(&["bytes", "interval_ms"])?;
    Ok(Drip {
        bytes: fields.required("bytes")?.integer(1..=u64::MAX)?,
        interval: Duration::from_millis(fields.required("interval_ms")?.integer(0..=LONGEST)?),
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
        let values =
            Document::read(text.as_bytes(), "the body", MAX_DEPTH).unwrap().one_or_items().unwrap();
        Rule::read(&values[0]).map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_rule_leaves_out_is_what_is_mostly_meant() {
        let refused = read(json!({"status": 503})).unwrap();
        assert_eq!((refused.skip, refused.times, refused.carry_out), (0, Some(1), false));
        let cut = read(json!({"truncate_after_bytes": 3, "times": null})).unwrap();
        assert_eq!((cut.times, cut.carry_out, cut.cut), (None, true, Some(Cut::Truncate(3))));
        assert!(read(json!({"status": 500, "carry_out": true})).unwrap().carry_out);
        assert!(!read(json!({"reset_after_bytes": 0, "carry_out": false})).unwrap().carry_out);
    }

    #[test]
    fn a_rule_that_cannot_be_meant_is_refused_by_the_member() {
        for (rule, place) in [
            (json!(3), "expected an object"),
            (json!({}), "the rule does nothing"),
            (json!({"times": 2}), "the rule does nothing"),
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
            (json!({"task": {}}), "task: one of `delay_ms`"),
            (json!({"task": {"stuck": false}}), "task: one of `delay_ms`"),
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
    fn a_rule_matches_by_method_operation_and_route() {
        let records = "/v1/observability/datasets/{dataset_id}/records";
        let matches = |rule, method: Method, route: &str| {
            read(rule).unwrap().matches(&method, route, find_operation(route, &method))
        };
        assert!(matches(json!({"status": 500}), Method::PATCH, "/v1/files"));
        assert!(matches(json!({"status": 500, "method": "post"}), Method::POST, records));
        assert!(!matches(json!({"status": 500, "method": "post"}), Method::GET, records));
        let named = json!({"status": 500, "operation": "list_records"});
        assert!(matches(named.clone(), Method::GET, records));
        assert!(!matches(named.clone(), Method::POST, records));
        assert!(!matches(named, Method::GET, ""));
        let task = json!({"task": {"stuck": true}});
        let import = "/v1/observability/datasets/{dataset_id}/imports/from-file";
        assert!(matches(task.clone(), Method::POST, import));
        assert!(!matches(task, Method::POST, records));
        assert!(matches(json!({"status": 500, "route": records}), Method::POST, records));
        assert!(!matches(json!({"status": 500, "route": records}), Method::POST, "/v1/files"));
    }

    #[tokio::test]
    async fn a_response_without_a_body_is_the_envelope_where_it_is_a_failure() {
        let response = |rule| read(rule).unwrap().response(StatusCode::CREATED);
        let failed = response(json!({"status": 429}));
        assert_eq!(failed.status(), 429);
        let body = axum::body::to_bytes(failed.into_body(), 1000).await.unwrap();
        assert!(body.starts_with(b"{\"detail\""));
        let given = response(json!({"body": {"a": 1.0}}));
        assert_eq!(given.status(), 201);
        assert_eq!(given.headers()["content-type"], "application/json");
        let body = axum::body::to_bytes(given.into_body(), 1000).await.unwrap();
        assert_eq!(body, "{\"a\":1.0}");
    }
}
