//! A local server for Mistral's observability datasets API, to run next to tests, embed in them, or store data in.
//!
//! [`Server::start`] starts a server on a tokio runtime. It needs no network access and no account, is ready within
//! milliseconds, and several servers can run in one process. The command `mistral-datasets serve` is a thin wrapper around it.
//!
//! - The server has the operations of all generations of the API, or of [one](Generation). Requests are validated as the documented API
//!   validates them; responses are valid in all generations.
//! - Judges ask a model behind any OpenAI-compatible chat API, the [`JudgeEndpoint`].
//! - Payloads and properties are stored and returned byte for byte as they were received.
//! - A write is acknowledged once it is durable. The records of an import become visible atomically.
//!
//! To test how a client handles failures, inject faults with `POST /local/v1/faults` and read the received requests with
//! `GET /local/v1/requests`. The README of the crate describes both.
//!
//! # Features
//!
//! - `explorer`: serves `/docs`, a page for reading and trying the API (Swagger UI). Off by default, because it adds 490 kB to a
//!   program; on in the command `mistral-datasets`. Without it, `/docs` is an unknown route.
//! - `scale-out`: file contents in object stores, for several servers that share them. Off by default; on in the command. No option
//!   uses it yet.

#![cfg_attr(docsrs, feature(doc_cfg))]

// Layers, from top to bottom. A module imports only from those below it; `layers.rs` checks this.
//
//     server            starts and stops everything; the only module that knows all others
//     testing           fault injection, request journal, fixtures and seeds; mounted on top through hooks
//     net               connections, limits, timeouts, CORS, request log
//     admin             health, readiness, metrics; backup, restore, verify and compact data directories
//     api               the operations, one file per resource
//     http              building blocks of handlers: authentication, errors, extractors, responses
//     campaigns         the campaign queue and its workers
//     judging           judges, which ask a model
//     imports           the import queue, its workers and sources
//     housekeeping      removes and erases in the background
//     content           file contents, signed links; only `content::directory`, `content::objects` and `server` know where they are
//     telemetry         decodes OTLP, and projects spans and log records to the fields of the API
//     sqlite            the storage on SQLite; known to `admin` (for data directories) and `server` only
//     postgres          the storage on PostgreSQL
//     storage           the storage interface: traits and errors
//     search            search expressions, and the fields of spans, traces, log records and evaluations
//     validate, config, limits, keys, json, data_dir, directory_lock, temporary_directory, private_files, disk_space, time, options,
//                       pattern, tls
//                       small modules that others use

mod admin;
mod api;
mod campaigns;
mod config;
mod content;
mod data_dir;
mod directory_lock;
mod disk_space;
mod housekeeping;
mod http;
mod imports;
#[doc(hidden)]
pub mod internal_fuzzing;
mod json;
mod judging;
mod keys;
#[cfg(test)]
mod layers;
mod limits;
mod net;
mod options;
mod pattern;
#[cfg(feature = "scale-out")]
mod postgres;
mod private_files;
mod search;
mod server;
mod sqlite;
mod storage;
mod telemetry;
mod temporary_directory;
mod testing;
mod time;
mod tls;
mod validate;

pub use admin::{
    Backup, BackupError, CompactError, Compaction, Problem, RestoreError, Verification,
    VerifyError, VerifyProgress, backup, compact, restore, verify,
};
#[cfg(feature = "scale-out")]
pub use config::SharedData;
pub use config::{DataLocation, Generation, JudgeEndpoint, ServerConfig, Workspaces};
pub use keys::{ApiKey, KeyError, KeyFileError};
pub use limits::Limits;
pub use server::{RunningServer, Server, StartError};
pub use testing::SeedError;
