//! Tests that every storage must pass.
