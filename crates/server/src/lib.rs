//! A local server of Mistral's observability datasets API: every operation with real semantics, on SQLite, to run beside
//! tests, to embed in them, or to keep data in.
//!
//! [`Server::start`] starts one within a tokio runtime. It needs no network and no account, is ready within milliseconds, and
//! several of them live side by side in one process. The command `mistral-datasets serve` is a thin wrapper around it.
//!
//! What a request must hold follows the documented API; what is sent suits the readers of all its generations. Payloads and
//! properties are JSON text that is stored and sent exactly as it came. A write is answered once it is durable, and an import
//! is visible whole or not at all.
//!
//! Tests of what a client does about failures ask the server for faults (`POST /local/v1/faults`) and read which requests came
//! (`GET /local/v1/requests`); the README of the crate says how.

mod admin;
mod api;
mod config;
mod content;
mod data_dir;
mod disk_space;
mod housekeeping;
mod http;
mod imports;
#[doc(hidden)]
pub mod internal_fuzzing;
mod json;
mod keys;
#[cfg(test)]
mod layers;
mod limits;
mod net;
mod server;
mod sqlite;
mod storage;
mod testing;
mod time;
mod validate;

pub use admin::{Backup, BackupError, backup};
pub use config::{DataLocation, Generation, ServerConfig, Workspaces};
pub use keys::{ApiKey, KeyError, KeyFileError};
pub use limits::Limits;
pub use server::{RunningServer, Server, StartError};
pub use testing::SeedError;
