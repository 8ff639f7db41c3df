//! Generated operations of the Mistral observability datasets API.
//!
//! progenitor generates [`Client`] from the OpenAPI document, with one method per operation, over the types of
//! `mistral-datasets-types`. The client has no retries and no error handling: the `mistral-datasets` crate, which most
//! programs should use instead, adds them through [`Hooks`].

mod body;
mod hooks;
mod path;

#[rustfmt::skip]
#[allow(clippy::all, dead_code, missing_docs, missing_debug_implementations)]
mod generated;

pub use body::SharedBody;
pub use generated::Client;
pub use hooks::{Hooks, SendRequest};
pub use mistral_datasets_types as types;
pub use progenitor_client::{ByteStream, Error, ResponseValue};
