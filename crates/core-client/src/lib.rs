//! The transport layer of mistral-datasets: the operations of the Mistral observability datasets API as progenitor
//! generates them from the OpenAPI document, and the wire types of its schemas.
//!
//! Most programs want the package `mistral-datasets`, which adds configuration, errors and the conveniences; this one
//! is its ground floor. Responses are read leniently: members the document does not know stay in `extra`, values an enum does
//! not know become `Other`, and what is optional may be missing. What is sent is exactly what was given.

mod body;
mod closing;
mod hooks;
mod lazy;
mod open_enum;
mod raw_json;
mod response;
mod task_status;
mod time;

#[rustfmt::skip]
#[allow(clippy::all, dead_code, missing_docs, missing_debug_implementations)]
mod generated;
#[rustfmt::skip]
pub mod types;

pub use body::SharedBody;
pub use generated::Client;
pub use hooks::{Exchange, Hooks};
pub use progenitor_client::{ByteStream, Error, ResponseValue};
pub use raw_json::RawJson;
pub use response::Extra;

/// Reads a response as the operations do, for the fuzzer: nothing where serde_json must say why it is none.
#[cfg(feature = "fuzzing")]
pub fn read_lazily<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    lazy::from_str(text).ok()
}
