//! Judges an event.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::judging::{JudgeDefinition, JudgeError, Judging};
use crate::storage::EventDetails;
use crate::telemetry;

/// Returns the answer of a judge for an event, as JSON: a string or a number.
///
/// The judge sees the messages of the request followed by those of the response, and the metadata of the event as its properties. (An
/// assumption; the service does not document what a judge of a campaign sees.)
pub(super) async fn judge_event(
    judging: &Judging,
    judge: Arc<JudgeDefinition>,
    event: EventDetails,
) -> Result<String, JudgeError> {
    let invalid = |_| JudgeError::Conversation("the messages are not JSON".to_owned());
    let metadata = event.summary.metadata.unwrap_or_else(|| "{}".to_owned());
    let properties: Map<String, Value> = serde_json::from_str(&metadata).map_err(invalid)?;
    let [request, response] = telemetry::messages(event.messages);
    let mut messages: Vec<Value> = serde_json::from_str(&request).map_err(invalid)?;
    messages.extend(serde_json::from_str::<Vec<Value>>(&response).map_err(invalid)?);
    let judgement = judging.judge(judge, messages, properties).await?;
    Ok(Value::from(judgement.answer).to_string())
}

/// Returns whether a failure is due to the endpoint, so that other events are likely to fail as well.
pub(super) fn is_of_endpoint(error: &JudgeError) -> bool {
    match error {
        JudgeError::NoEndpoint
        | JudgeError::Timeout(_)
        | JudgeError::Endpoint(_)
        | JudgeError::Stopped => true,
        JudgeError::Conversation(_)
        | JudgeError::TemplateSyntax(_)
        | JudgeError::Template(_)
        | JudgeError::UndefinedAnswer(_) => false,
    }
}
