//! The native part of the npm package `mistral-datasets`.
//!
//! It holds no rules: a call converts its arguments, asks the Rust client, and hands over what came back as text and bytes
//! (`response`) or as the facts of a failure (`failure`). The JavaScript in `lib` makes objects and errors of them.

// What crosses to JavaScript is printed there, and Node-API's own types have no `Debug`.
#![allow(missing_debug_implementations)]

mod bulk;
mod client;
mod download;
mod export;
mod failure;
mod feed;
mod generated;
mod json;
mod lanes;
mod local;
mod logger;
mod options;
mod pager;
mod progress;
mod report;
mod response;
mod runtime;
mod settler;
mod task;
mod upload;
