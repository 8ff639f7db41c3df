//! What the behaviour suites share: a local server with a client of it, and a server of canned responses.

pub mod bulk;
mod canned;
mod fixture;

pub use canned::{Canned, RawResponse};
pub use fixture::{Fixture, plain_http};

/// Says that a test has nothing to run on. It goes past the test runner, which shows what passing tests print to nobody.
pub fn say_skipped(why: &str) {
    use std::io::Write;

    // Where standard error is closed, nobody listens.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// The quick start of the project's README runs as it stands there.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The example of the manual of testing, too.
#[cfg(doctest)]
#[doc = include_str!("../../docs/testing.md")]
struct Testing;
