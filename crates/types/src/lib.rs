//! Wire types of the Mistral observability datasets API: one type per schema of the OpenAPI document, open enums, and raw
//! JSON that is stored as text.
//!
//! Both the client and the local server use these types; most programs get them from `mistral_datasets::types`.
//!
//! - **Responses are decoded leniently.** Unknown fields are kept in `extra`, unknown enum values become `Other`, and optional
//!   fields may be absent.
//! - **Requests are serialized exactly.** Values are not changed, and optional fields that are not set are omitted.
//! - **Payloads and properties are raw JSON.** [`RawJson`] keeps key order, number formats and escapes, and is parsed only on
//!   demand.
//!
//! # Values for tests
//!
//! The structs are `#[non_exhaustive]`, because the API may gain fields at any time. Programs read their fields; tests make
//! responses with `from_json` or `empty`, and requests with `new`, which takes the required fields:
//!
//! ```
//! use mistral_datasets_types::{CreateDatasetRequest, Dataset, UpdateDatasetRequest};
//!
//! let mut dataset = Dataset::empty();
//! dataset.name = "Refund requests".to_owned();
//!
//! let json = serde_json::to_string(&dataset)?;
//! assert_eq!(Dataset::from_json(&json)?, dataset);
//!
//! let request = CreateDatasetRequest::new("Refund requests", "Tickets about refunds");
//! assert_eq!(request.name, dataset.name);
//! let request = UpdateDatasetRequest::new().description("Refunds");
//! assert_eq!(request.name, None);
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! A struct expression does not compile, since it would break with every new field:
//!
//! ```compile_fail,E0639
//! use mistral_datasets_types::CreateDatasetRequest;
//!
//! let request = CreateDatasetRequest { name: String::new(), description: String::new() };
//! ```
//!
//! # Features
//!
//! - `schemars`: implements `schemars::JsonSchema` for all types, and adds `schemas`, which returns the JSON schemas.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc(hidden)]
pub mod decode;
mod empty;
pub mod filter;
mod integer;
#[doc(hidden)]
pub mod json_path;
mod lazy_reader;
mod object_union;
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

/// Compiles the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
