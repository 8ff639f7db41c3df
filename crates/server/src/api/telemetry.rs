//! The intake of OpenTelemetry data over OTLP/HTTP. These routes are not operations of the document.
//!
//! A request is acknowledged once its spans or records are committed. They are synced to disk within a second.

use axum::extract::State;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;

use super::state::App;
use crate::http::{ApiError, Caller, OtlpBody, json, off_runtime};
use crate::storage::{NewLog, NewSpan, Sender};
use crate::telemetry::{self, DecodeError, Encoding, Rejected};

/// How many bytes of spans or records are written at once. It bounds how long other writes wait.
const WRITE_BYTES: u64 = 2 << 20;

/// Decoding takes longer than other work on as many bytes, so it runs off the runtime from this fraction of the usual size on.
const WORK_FACTOR: usize = 4;

pub(super) async fn traces(
    State(app): State<App>,
    caller: Caller,
    body: OtlpBody,
) -> Result<Response, ApiError> {
    let (encoding, work) = (body.encoding(), body.bytes.len() * WORK_FACTOR);
    let decode = move || telemetry::traces(&body.bytes, encoding, caller.workspace);
    let (spans, rejected) = off_runtime(work, decode).await??;
    for part in parts(spans, NewSpan::bytes) {
        app.storage.insert_spans(sender(caller), part).await?;
        app.telemetry_sync.request();
    }
    let response = ExportTraceServiceResponse {
        partial_success: rejected.reason.map(|reason| ExportTracePartialSuccess {
            rejected_spans: rejected.count,
            error_message: reason.to_owned(),
        }),
    };
    Ok(respond(encoding, "rejectedSpans", &rejected, &response))
}

pub(super) async fn logs(
    State(app): State<App>,
    caller: Caller,
    body: OtlpBody,
) -> Result<Response, ApiError> {
    let (encoding, work) = (body.encoding(), body.bytes.len() * WORK_FACTOR);
    let decode = move || telemetry::logs(&body.bytes, encoding);
    let (logs, rejected) = off_runtime(work, decode).await??;
    for part in parts(logs, NewLog::bytes) {
        app.storage.insert_logs(sender(caller), part).await?;
        app.telemetry_sync.request();
    }
    let response = ExportLogsServiceResponse {
        partial_success: rejected.reason.map(|reason| ExportLogsPartialSuccess {
            rejected_log_records: rejected.count,
            error_message: reason.to_owned(),
        }),
    };
    Ok(respond(encoding, "rejectedLogRecords", &rejected, &response))
}

/// Accepts metrics without storing them, so that programs that export all signals log no errors.
pub(super) async fn metrics(_: Caller, body: OtlpBody) -> Response {
    // The response of a complete success is empty, whatever the signal.
    respond(body.encoding(), "", &Rejected::default(), &ExportTraceServiceResponse::default())
}

impl OtlpBody {
    fn encoding(&self) -> Encoding {
        if self.is_json { Encoding::Json } else { Encoding::Protobuf }
    }
}

fn sender(caller: Caller) -> Sender {
    Sender { workspace: caller.workspace, user: caller.user }
}

/// Divides items into parts that are written at once.
fn parts<T>(items: Vec<T>, bytes: impl Fn(&T) -> u64) -> Vec<Vec<T>> {
    let (mut parts, mut part, mut size) = (Vec::new(), Vec::new(), 0);
    for item in items {
        let added = bytes(&item);
        if !part.is_empty() && size + added > WRITE_BYTES {
            parts.push(std::mem::take(&mut part));
            size = 0;
        }
        size += added;
        part.push(item);
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

/// Returns the response in the encoding of the request. `count` is the name of the number of rejected items in JSON.
fn respond(
    encoding: Encoding,
    count: &str,
    rejected: &Rejected,
    response: &impl Message,
) -> Response {
    match encoding {
        Encoding::Protobuf => {
            let mut response = json(StatusCode::OK, response.encode_to_vec());
            let protobuf = HeaderValue::from_static("application/x-protobuf");
            response.headers_mut().insert(CONTENT_TYPE, protobuf);
            response
        }
        Encoding::Json => {
            let body = match rejected.reason {
                None => serde_json::json!({}),
                Some(reason) => serde_json::json!({
                    "partialSuccess": {count: rejected.count.to_string(), "errorMessage": reason}
                }),
            };
            json(StatusCode::OK, body.to_string())
        }
    }
}

impl From<DecodeError> for ApiError {
    fn from(error: DecodeError) -> Self {
        Self::bad_request(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_divided_by_size() {
        let sizes = [1, WRITE_BYTES, 3, 4, WRITE_BYTES - 5];
        assert_eq!(
            parts(sizes.to_vec(), |size| *size),
            [vec![1], vec![WRITE_BYTES], vec![3, 4], vec![WRITE_BYTES - 5]]
        );
        assert!(parts(Vec::<u64>::new(), |size| *size).is_empty());
    }
}
