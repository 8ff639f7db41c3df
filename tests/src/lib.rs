//! Shared pieces of the behaviour suites.
