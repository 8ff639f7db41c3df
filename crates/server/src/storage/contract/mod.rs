//! Tests that every storage must pass, by concern.

pub(crate) mod imported_records;
pub(crate) mod imports;
