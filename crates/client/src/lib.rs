//! A client for Mistral's observability datasets API: datasets of conversations, their records, import tasks, exports and
//! the files that imports read.
//!
//! Every operation is a method on the handle of its resource. What an operation needs is an argument, what it can do
//! without is a setter, and `.await` sends it:
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
//! With the feature `local`, `Client::local` is the same client over a server in the same process, for tests and
//! for work without the service, and the module `testing` has what tests of your own code need: faults and a journal.
//!
//! # What to rely on
//!
//! - What you give is what is sent: payloads and properties travel as the JSON text you gave, and come back as the text
//!   the server sent ([`RawJson`]).
//! - Responses are read leniently: members this version does not know stay in `extra`, values an enum does not know become
//!   `Other`.
//! - Bad input is refused before anything is sent, with the kind [`ErrorKind::Validation`].
//! - No error, log line or `Debug` output shows a key, the query of a presigned link or the text of a conversation.

mod argument;
mod bulk;
#[path = "generated/mod.rs"]
pub mod calls;
mod check;
mod client;
mod config;
mod connecting;
mod download;
mod envelope;
mod error;
mod export;
mod files;
#[cfg(feature = "local")]
mod local;
mod options;
mod pager;
mod progress;
mod raw_response;
mod resume;
mod retry;
mod seen;
mod task;
#[cfg(feature = "local")]
pub mod testing;
mod tls;
mod transport;
mod upload;
mod whole_file;

pub use argument::{IntoId, IntoOption};
pub use bulk::{
    Compression, CreateRecords, CreateReport, ImportJsonl, ImportReport, ImportedFile, IntoRecord,
    InvalidLine, Jsonl, NewRecord, Outcome, Report, Strategy, UnknownFile,
};
pub use client::Client;
pub use config::ClientBuilder;
pub use download::Download;
pub use error::{Error, ErrorKind};
pub use export::{Export, ExportReport, ExportedLines, ExportedRecord, ExportedRecords};
#[cfg(feature = "local")]
pub use local::LocalData;
pub use mistral_datasets_types::{self as types, Extra, RawJson};
pub use options::Options;
pub use pager::{Items, Page, Pager, Pages};
pub use progress::Progress;
pub use raw_response::{RawResponse, WithResponse};
pub use retry::RetryPolicy;
pub use task::{TaskHandle, Wait};
pub use upload::Upload;

/// What every call returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The quick start of the crate's README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
