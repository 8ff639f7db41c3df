//! The native module of the npm package `mistral-datasets`.
//!
//! This crate only converts: arguments into calls of the Rust client, responses into strings and buffers (`encode`), and
//! errors into plain objects (`failure`). The JavaScript in `lib` turns these into model classes and error classes.

// Most types here are handles for JavaScript, and Node-API's own types have no `Debug`.
#![allow(missing_debug_implementations)]

mod bulk;
mod client;
mod download;
mod encode;
mod export;
mod failure;
mod generated;
mod import_spans;
mod input_channel;
mod json;
mod local;
mod logger;
mod options;
mod pager;
mod progress;
mod record_outcome;
mod report;
mod runtime;
mod task;
mod upload;
