//! Wire types of the Mistral observability datasets API: one type per schema of the OpenAPI document, open enums, and raw
//! JSON that is stored as text.
//!
//! Both the client and the local server use these types; most programs get them from `mistral_datasets::types`.
//!
//! - **Responses are decoded leniently.** Unknown fields are kept in `extra`, unknown enum values become `Other`, and optional
//!   fields may be missing or null.
//! - **Requests are serialized exactly.** Values are not changed, and optional fields that are not set are omitted.
//! - **Payloads and properties are raw JSON.** [`RawJson`] keeps key order, number formats and escapes, and is parsed only on
//!   demand.

#[doc(hidden)]
pub mod decode;
mod integer;
mod lazy_reader;
mod open_enum;
mod raw_json;
mod response_struct;
#[rustfmt::skip]
mod schemas;
mod shared_body;
#[doc(hidden)]
pub mod skip;
mod task_status;
mod timestamp;

pub use raw_json::RawJson;
pub use response_struct::Extra;
pub use schemas::*;
