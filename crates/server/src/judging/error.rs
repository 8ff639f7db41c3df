//! Why a judgement fails.

use std::time::Duration;

/// An error of a judgement. No variant contains a prompt or an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JudgeError {
    /// The server was started without an endpoint.
    #[error(
        "judging needs a model: start the server with `--judge-url URL`, the base URL of an OpenAI-compatible API such as \
         `https://api.mistral.ai/v1`"
    )]
    NoEndpoint,
    /// The messages cannot be judged.
    #[error("{0}")]
    Conversation(String),
    /// The instructions are not a valid template.
    #[error("instructions: {0}")]
    TemplateSyntax(String),
    /// The instructions cannot be rendered.
    #[error("instructions: {0}")]
    Template(String),
    /// The endpoint did not respond in time.
    #[error("the judge's model did not answer within {} seconds", .0.as_secs_f64())]
    Timeout(Duration),
    /// The endpoint failed.
    #[error("the judge's model cannot be asked: {0}")]
    Endpoint(String),
    /// The model answered with something that is not an answer of the judge.
    #[error("the judge's model gave an undefined answer: {0}")]
    UndefinedAnswer(&'static str),
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopped,
}

impl JudgeError {
    /// Returns whether the endpoint failed or did not respond, so that other judgements are likely to fail as well.
    pub(crate) fn is_of_endpoint(&self) -> bool {
        match self {
            Self::NoEndpoint | Self::Timeout(_) | Self::Endpoint(_) | Self::Stopped => true,
            Self::Conversation(_)
            | Self::TemplateSyntax(_)
            | Self::Template(_)
            | Self::UndefinedAnswer(_) => false,
        }
    }
}
