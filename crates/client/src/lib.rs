//! A client for Mistral's observability API: datasets of conversations with their records, imports and exports, files, chat completion
//! events, judges, campaigns, spans, traces and logs.
//!
//! Every operation is a method of a resource handle. Required inputs are arguments, optional inputs are methods of the call, and
//! `.await` sends the request:
//!
//! ```no_run
//! # async fn example() -> Result<(), mistral_datasets::Error> {
//! use mistral_datasets::Client;
//! use serde_json::json;
//!
//! let client = Client::from_env()?;
//! let dataset = client.datasets().create("Refund requests", "Tickets about refunds").await?;
//! client
//!     .datasets()
//!     .create_record(
//!         dataset.id,
//!         json!({"messages": [{"role": "user", "content": "Where is my money?"}]}),
//!         json!({"topic": "refund"}),
//!     )
//!     .await?;
//! let page = client.datasets().list_records(dataset.id).page_size(100).await?.records;
//! println!("{} of {} records", page.results.len(), page.count);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | default | purpose |
//! |---|---|---|
//! | `compression` | yes | Reads and writes JSONL that is compressed with gzip or zstd, and accepts compressed responses. |
//! | `rustls` | yes | TLS with rustls and the certificates of the system. ring is the cryptography provider, unless the program has installed another one for the process. |
//! | `rustls-no-provider` | | Like `rustls`, without ring: the program must install a provider before it builds a client. |
//! | `native-tls` | | TLS with the library of the system, if neither of the features for rustls is on. |
//! | `local` | | `Client::local`, which starts a server in this process, for tests and for working offline, and the `testing` module, with fault injection and access to the recorded requests. |
//! | `schemars` | | `schemars::JsonSchema` for the types of the API. |
//!
//! Without a feature for TLS, only `http://` servers can be called, unless the program gives the client its own
//! [`reqwest::Client`]; see [`ClientBuilder::http_client`].
//!
//! # Public dependencies
//!
//! These crates are part of the public API, so a new major version of one of them is a breaking change here: `bytes`
//! (contents), `chrono` (timestamps), `futures` (streams), `http` (headers), [`reqwest`] (re-exported; an HTTP client of the
//! program), `serde` (arguments), `serde_json` (errors of raw JSON), `tokio` (readers and writers), `tokio-util` (cancellation
//! tokens) and `uuid` (IDs); with the feature `local`, `mistral-datasets-server` (configuration), and with `schemars`, the crate
//! `schemars`. All others are private.
//!
//! # Guarantees
//!
//! - Payloads and properties are sent and returned unchanged, as [raw JSON](RawJson). A value that JSON cannot represent is
//!   rejected with its path.
//! - Responses are decoded leniently: unknown fields are collected in `extra`, and unknown enum values become `Other`.
//! - Arguments that violate a limit are rejected before anything is sent, with [`ErrorKind::Validation`].
//! - No error, log line or `Debug` output contains an API key, the query of a presigned link or conversation text.

#![cfg_attr(docsrs, feature(doc_cfg))]

// The modules form layers. A module uses only modules of its own layer and of the layers before it:
//
// 1. Values: strategy, error (with the reports of bulk calls), expression, non_finite, argument, checks, compression,
//    path, progress
// 2. config: options, retry policy, builder
// 3. transport: connections, TLS, retries, one request and its response
// 4. client: runs one call with its deadline and cancellation
// 5. pager, polling, task: paging through a listing, waiting for a task
// 6. calls (generated): resource handles and one call type per operation
// 7. files, bulk, export, find, judging: uploads, downloads and calls that send many requests
// 8. datasets, campaigns, judges: the hand-written methods of these handles
// 9. local, testing: clients with a server in the process

// Values
mod argument;
mod checks;
mod compression;
mod error;
pub mod expression;
mod non_finite;
mod path;
mod progress;
mod strategy;

mod config;
mod transport;

mod client;

mod pager;
mod polling;
mod task;

#[path = "generated/mod.rs"]
pub mod calls;

mod bulk;
mod export;
mod files;
mod find;
mod judging;

mod campaigns;
mod datasets;
mod judges;

#[cfg(feature = "local")]
mod local;
#[cfg(feature = "local")]
pub mod testing;

#[doc(hidden)]
pub use argument::parse_argument;
#[doc(hidden)]
pub use argument::sealed::Id as SealedId;
pub use argument::{IntoId, IntoOption};
pub use bulk::{
    CreateRecords, ImportJsonl, ImportSpans, IntoRecord, IntoSpanReference, Jsonl, NewRecord,
};
pub use campaigns::WaitForCampaign;
pub use client::Client;
pub use compression::Compression;
pub use config::{ClientBuilder, Options, RetryPolicy};
pub use error::{
    AnswerSummary, CreateReport, Error, ErrorKind, ImportReport, ImportedFile, ImportedSpans,
    InvalidLine, JudgingFailure, JudgingReport, Outcome, Report, ScoreSummary, SpanImportReport,
    UnknownFile,
};
pub use export::{Export, ExportReport, ExportedLines, ExportedRecord, ExportedRecords};
#[doc(hidden)]
pub use files::AtomicFile;
pub use files::{Download, Upload, UploadFile};
pub use judging::RunJudge;
#[cfg(feature = "local")]
pub use local::{LocalData, LocalOptions};
#[cfg(feature = "local")]
pub use mistral_datasets_server::JudgeEndpoint;
pub use mistral_datasets_types::{self as types, Extra, RawJson, filter};
pub use pager::{FeedPager, Items, Page, Pager, Pages};
#[doc(hidden)]
pub use path::looks_like_jsonl;
pub use progress::Progress;
pub use reqwest;
pub use strategy::Strategy;
pub use task::{RefreshTask, TaskHandle, Wait};
pub use transport::{RawResponse, SingleRequest, WithResponse};

/// The result type of every call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Runs the examples in the README.
#[cfg(all(doctest, feature = "local"))]
#[doc = include_str!("../README.md")]
struct Readme;
