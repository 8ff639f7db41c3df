//! Shared helpers of the test suites: a local server with a client, and a server of canned responses.

pub mod bulk;
mod canned;
mod chat_server;
mod fixture;
pub mod tls;

pub use canned::{CannedResponse, CannedServer};
pub use chat_server::{ChatServer, REPLY};
pub use fixture::{Fixture, plain_http};

/// Reports that a test was skipped. Writes to standard error directly, since the test runner hides the output of passing tests.
pub fn print_skipped(reason: &str) {
    use std::io::Write;

    // Standard error may be closed; that is fine.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
}

/// Runs the quick start of the project's README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// Runs the examples of the testing guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/testing.md")]
struct Testing;
