//! Judges: evaluates conversations with a model behind an OpenAI-compatible chat endpoint.
//!
//! [`definition`] describes a judge, [`template`] renders its instructions, [`endpoint`] asks the model, and [`answer`] reads and checks
//! what it answers. Prompts and answers never appear in errors or logs.

mod answer;
mod definition;
mod endpoint;
mod error;
mod template;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::{Semaphore, SemaphorePermit};

pub(crate) use answer::Judgement;
pub(crate) use definition::{JudgeDefinition, JudgeOutput};
pub(crate) use endpoint::EndpointError;
pub(crate) use error::JudgeError;
pub(crate) use template::check as check_template;

use crate::config::JudgeEndpoint;
use endpoint::Endpoint;

/// Judges conversations. Clones share the limit on concurrent judgements.
#[derive(Clone)]
pub(crate) struct Judging(Option<Arc<Parts>>);

struct Parts {
    endpoint: Endpoint,
    timeout: Duration,
    running: Semaphore,
}

impl Judging {
    /// Evaluates up to `concurrency` conversations at a time. Without an endpoint, every judgement fails with
    /// [`JudgeError::NoEndpoint`].
    pub(crate) fn new(
        endpoint: Option<JudgeEndpoint>,
        concurrency: usize,
    ) -> Result<Self, EndpointError> {
        let Some(config) = endpoint else { return Ok(Self(None)) };
        let timeout = config.timeout;
        let endpoint = Endpoint::new(config)?;
        let running = Semaphore::new(concurrency);
        Ok(Self(Some(Arc::new(Parts { endpoint, timeout, running }))))
    }

    /// Fails if there is no endpoint, so that a task that would need it need not be started.
    pub(crate) fn require_endpoint(&self) -> Result<(), JudgeError> {
        self.0.as_ref().map(|_| ()).ok_or(JudgeError::NoEndpoint)
    }

    /// Waits until a judgement may run. What it needs in memory should be read afterwards.
    pub(crate) async fn turn(&self) -> Result<Turn<'_>, JudgeError> {
        let parts = self.0.as_ref().ok_or(JudgeError::NoEndpoint)?;
        let permit = parts.running.acquire().await.map_err(|_| JudgeError::Stopped)?;
        Ok(Turn { parts, _permit: permit })
    }
}

/// The right to run one judgement.
pub(crate) struct Turn<'a> {
    parts: &'a Parts,
    _permit: SemaphorePermit<'a>,
}

impl Turn<'_> {
    /// Judges a conversation. `messages` are those of a chat, `properties` those of the record. The timeout includes retries.
    pub(crate) async fn judge(
        self,
        definition: Arc<JudgeDefinition>,
        messages: Vec<Value>,
        properties: Map<String, Value>,
    ) -> Result<Judgement, JudgeError> {
        let template = Arc::clone(&definition);
        // A template may use all of its fuel.
        let rendering =
            tokio::task::spawn_blocking(move || template::render(&template, &messages, properties));
        let prompt =
            rendering.await.map_err(|_| JudgeError::Template("rendering failed".into()))??;
        let Parts { endpoint, timeout, .. } = self.parts;
        let text = tokio::time::timeout(*timeout, endpoint.ask(&definition, &prompt))
            .await
            .map_err(|_| JudgeError::Timeout(*timeout))??;
        answer::read(&text, &definition.output)
    }
}
