//! What the behaviour suites share: a local server with a client of it, and a server of canned replies.

mod canned;
mod fixture;

pub use canned::{Canned, Reply};
pub use fixture::{Fixture, plain_http};

/// The quick start of the project's README runs as it stands there.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
