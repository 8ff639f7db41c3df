//! Judges the events of campaigns.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Map, Value};

use super::{JudgeDefinition, JudgeError, Judging};
use crate::campaigns::{Answer, EventJudge, JudgedEvent, JudgingFailure};
use crate::telemetry;

impl EventJudge for Judging {
    fn judge(
        &self,
        judge: Arc<str>,
        event: JudgedEvent,
    ) -> BoxFuture<'_, Result<Answer, JudgingFailure>> {
        async move {
            let definition: JudgeDefinition =
                serde_json::from_str(&judge).map_err(|_| JudgingFailure::Event)?;
            let [request, response] = telemetry::messages(event.messages);
            let mut messages: Vec<Value> =
                serde_json::from_str(&request).map_err(|_| JudgingFailure::Event)?;
            let response: Vec<Value> =
                serde_json::from_str(&response).map_err(|_| JudgingFailure::Event)?;
            messages.extend(response);
            let properties: Map<String, Value> =
                serde_json::from_str(&event.properties).unwrap_or_default();
            match Judging::judge(self, Arc::new(definition), messages, properties).await {
                Ok(judgement) => Ok(Answer(judgement.answer.to_string())),
                Err(
                    JudgeError::Endpoint(_)
                    | JudgeError::Timeout(_)
                    | JudgeError::NoEndpoint
                    | JudgeError::Stopped,
                ) => Err(JudgingFailure::Endpoint),
                Err(
                    JudgeError::Conversation(_)
                    | JudgeError::TemplateSyntax(_)
                    | JudgeError::Template(_)
                    | JudgeError::UndefinedAnswer(_),
                ) => Err(JudgingFailure::Event),
            }
        }
        .boxed()
    }
}
