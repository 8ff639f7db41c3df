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
use crate::http::{ApiError, Caller, OtlpBody, UNCOUNTED_BYTES, json, off_runtime};
use crate::storage::{Pending, Sender};
use crate::telemetry::{self, DecodeError, Encoding, Items, Rejected, Reserve};

/// How many bytes of spans or records are written at once. It bounds how long other writes wait.
const WRITE_BYTES: u64 = 2 << 20;

/// Decoding takes longer than other work on as many bytes, so it runs off the runtime from this fraction of the usual size on.
const WORK_FACTOR: usize = 4;

pub(super) async fn traces(
    State(app): State<App>,
    caller: Caller,
    body: OtlpBody,
) -> Result<Response, ApiError> {
    let encoding = body.encoding();
    let decode = move |body: &[u8], reserve: Reserve<'_>| {
        telemetry::traces(body, encoding, caller.workspace, reserve)
    };
    let insert = |spans| app.storage.insert_spans(sender(caller), spans);
    let rejected = receive(&app, body, decode, insert).await?;
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
    let encoding = body.encoding();
    let decode = move |body: &[u8], reserve: Reserve<'_>| telemetry::logs(body, encoding, reserve);
    let insert = |records| app.storage.insert_logs(sender(caller), records);
    let rejected = receive(&app, body, decode, insert).await?;
    let response = ExportLogsServiceResponse {
        partial_success: rejected.reason.map(|reason| ExportLogsPartialSuccess {
            rejected_log_records: rejected.count,
            error_message: reason.to_owned(),
        }),
    };
    Ok(respond(encoding, "rejectedLogRecords", &rejected, &response))
}

/// Decodes a body and writes its items in parts. Returns which items are not stored.
async fn receive<T: Send + 'static>(
    app: &App,
    body: OtlpBody,
    decode: impl FnOnce(&[u8], Reserve<'_>) -> Result<Items<T>, DecodeError> + Send + 'static,
    insert: impl Fn(Vec<T>) -> Pending<()>,
) -> Result<Rejected, ApiError> {
    let work = body.bytes.len() * WORK_FACTOR;
    let OtlpBody { bytes, memory, .. } = body;
    let first = move || {
        let mut items =
            decode(&bytes, &|size| size <= UNCOUNTED_BYTES || memory.try_reserve(size))?;
        drop(bytes);
        let part = items.take(WRITE_BYTES);
        Ok::<_, DecodeError>((items, part))
    };
    let (mut items, mut part) = off_runtime(work, first).await??;
    while !part.is_empty() {
        insert(part).await?;
        app.telemetry_sync.request();
        let next = move || {
            let part = items.take(WRITE_BYTES);
            (items, part)
        };
        (items, part) = off_runtime(work, next).await?;
    }
    Ok(items.rejected().clone())
}

/// Accepts metrics without storing them, so that programs that export all signals log no errors.
pub(super) async fn metrics(_: Caller, body: OtlpBody) -> Response {
    // The response of a complete success is empty for every signal.
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
        match error {
            DecodeError::Invalid(_) => Self::bad_request(error.to_string()),
            DecodeError::NoMemory => Self::busy("large requests"),
            DecodeError::TooManyItems => Self::too_large(error.to_string()),
        }
    }
}
