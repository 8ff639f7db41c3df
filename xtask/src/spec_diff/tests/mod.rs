//! Tests with the documents in `testdata/spec_diff`.

mod command;
mod operations;
mod schemas;
mod spelling;

use std::path::PathBuf;

use super::document::{Document, load};
use super::{Error, Report, compare};

/// Returns the path of a test document.
fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "testdata", "spec_diff", name].iter().collect()
}

/// Compares two documents.
fn report(ours: &str, theirs: &str) -> Result<Report, Error> {
    let (our_text, their_text) = (load(&file(ours))?, load(&file(theirs))?);
    compare(&Document::new(ours, &our_text)?, &Document::new(theirs, &their_text)?)
}

/// Compares `CASE/ours.yaml` with `CASE/theirs.yaml`, and returns the report's lines about an operation.
fn lines(case: &str, method: &str, path: &str) -> Vec<String> {
    let report = report(&format!("{case}/ours.yaml"), &format!("{case}/theirs.yaml")).unwrap();
    let operation =
        report.operations.iter().find(|other| other.method == method && other.path == path);
    let differences = operation.map(|operation| operation.differences.as_slice());
    differences.unwrap_or_default().iter().map(ToString::to_string).collect()
}

/// Returns the lines about the body and the lines about the response of a case that uses one schema for both.
fn both_ways(case: &str) -> (Vec<String>, Vec<String>) {
    lines(case, "POST", "/v1/files").into_iter().partition(|line| line.contains("  body"))
}
