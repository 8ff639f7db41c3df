//! Operations that judge a single conversation while the client waits.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use mistral_datasets_types::ErrorCode;
use serde_json::{Map, Value};

use super::judges;
use super::responses;
use super::state::App;
use crate::http::{
    ApiError, Caller, EventPath, JsonBody, JudgePath, RecordPath, RequestMemory, json,
};
use crate::judging::{JudgeDefinition, JudgeError};
use crate::telemetry;

/// The maximum size of a stored conversation that is judged, in bytes.
const MAX_BYTES: usize = 64 << 20;

/// How many times its size a conversation takes in memory while it is judged.
const COPIES: u64 = 6;

pub(super) async fn conversation(
    State(app): State<App>,
    caller: Caller,
    JudgePath(id): JudgePath,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let (messages, properties) = body
        .parse(|body| {
            let body = body.fields()?;
            let messages = body.required("messages")?;
            messages.require_objects()?;
            Ok((parse(messages.text())?, parse(&body.object_or_empty("properties")?)?))
        })
        .await?;
    let judge = app.storage.judge(caller.workspace, id).await?;
    respond(&app, judges::parse_definition(&judge)?, messages, properties).await
}

pub(super) async fn record(
    State(app): State<App>,
    caller: Caller,
    RecordPath(id): RecordPath,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let memory = body.memory();
    let definition = definition(body).await?;
    let records = app.storage.records_by_id(caller.workspace, vec![id], MAX_BYTES).await?;
    let record = records.into_iter().next();
    let record = record.ok_or(crate::storage::Missing::Record(id))?;
    memory.reserve((record.payload.len() + record.properties.len()) as u64 * COPIES).await?;
    let mut payload: Map<String, Value> = parse(&record.payload)?;
    let messages = match payload.remove("messages") {
        Some(Value::Array(messages)) => messages,
        _ => Vec::new(),
    };
    respond(&app, definition, messages, parse(&record.properties)?).await
}

pub(super) async fn event(
    State(app): State<App>,
    caller: Caller,
    EventPath(id): EventPath,
    memory: RequestMemory,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let definition = definition(body).await?;
    let event = app.storage.event_details(caller.workspace, id).await?;
    memory.reserve(event.size() as u64 * COPIES).await?;
    let properties = event.summary.metadata.unwrap_or_else(|| "{}".to_owned());
    let messages =
        telemetry::conversation_of(event.messages).map_err(|error| ApiError::internal(&error))?;
    respond(&app, definition, messages, parse(&properties)?).await
}

async fn definition(body: JsonBody) -> Result<JudgeDefinition, ApiError> {
    body.parse(|body| judges::definition(&body.fields()?.required("judge_definition")?.fields()?))
        .await
}

async fn respond(
    app: &App,
    definition: JudgeDefinition,
    messages: Vec<Value>,
    properties: Map<String, Value>,
) -> Result<Response, ApiError> {
    let turn = app.judging.turn().await?;
    let judgement = turn.judge(Arc::new(definition), messages, properties).await?;
    let body = responses::object(|object| {
        object.string("analysis", &judgement.analysis);
        object.raw("answer", judgement.answer.to_string());
    });
    Ok(json(StatusCode::OK, body))
}

/// Parses JSON that was validated when it arrived.
fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ApiError> {
    serde_json::from_str(text).map_err(|error| ApiError::internal(&error))
}

impl From<JudgeError> for ApiError {
    fn from(error: JudgeError) -> Self {
        let message = error.to_string();
        let (status, code) = match error {
            JudgeError::NoEndpoint => (StatusCode::BAD_REQUEST, ErrorCode::FeatureNotSupported),
            JudgeError::Conversation(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::JudgeConversationFormatError)
            }
            JudgeError::TemplateSyntax(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::TemplateSyntaxError)
            }
            JudgeError::Template(_) => (StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::TemplateError),
            JudgeError::Timeout(_) => {
                (StatusCode::REQUEST_TIMEOUT, ErrorCode::JudgeMistralApiTimeout)
            }
            // A status of 500 or more would make clients retry, and so ask the model again.
            JudgeError::Endpoint(_) | JudgeError::UndefinedAnswer(_) => {
                (StatusCode::BAD_REQUEST, ErrorCode::JudgeMistralApiError)
            }
            JudgeError::Stopped => return Self::busy("judgements"),
        };
        Self::new(status, code, message)
    }
}
