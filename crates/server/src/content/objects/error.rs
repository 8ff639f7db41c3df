//! Errors of object stores. They are logged, so they name what is wrong, but neither credentials nor the queries of URLs.

use std::error::Error;
use std::{fmt, io};

use ::object_store::client::HttpError;

use super::http_client::{Unreachable, error_code};
use super::location::ObjectLocation;
use crate::content::ContentError;

/// The maximum length of what a store says about an error, in characters.
const MAX_DETAIL: usize = 200;

/// What was done when an error occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Read,
    Write,
    Delete,
    List,
}

/// A store could not be opened, because its configuration is invalid.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {store}: {detail}")]
pub(crate) struct OpenError {
    store: String,
    detail: String,
}

impl OpenError {
    pub(super) fn new(location: &ObjectLocation, error: &(dyn Error + 'static)) -> Self {
        Self { store: location.to_string(), detail: detail(error) }
    }
}

/// An operation on a store failed.
#[derive(Debug)]
pub(super) struct StoreError {
    operation: Operation,
    store: String,
    detail: String,
}

impl StoreError {
    pub(super) fn new(operation: Operation, store: &str, error: &::object_store::Error) -> Self {
        Self { operation, store: store.to_owned(), detail: detail(error) }
    }

    /// Returns the error of an operation that failed without an error of the store.
    pub(super) fn with_detail(operation: Operation, store: &str, detail: &str) -> Self {
        Self { operation, store: store.to_owned(), detail: detail.to_owned() }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, store, detail } = self;
        let verb = match operation {
            Operation::Read => "read from",
            Operation::Write => "write to",
            Operation::Delete => "delete from",
            Operation::List => "list",
        };
        write!(f, "cannot {verb} {store}: {detail}")
    }
}

impl Error for StoreError {}

impl From<StoreError> for ContentError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Converts the error of an operation on `store`, the URL of the store.
pub(super) fn content_error(
    operation: Operation,
    store: &str,
    error: &::object_store::Error,
) -> ContentError {
    let failed = StoreError::new(operation, store, error);
    // A missing bucket has the same status as a missing object. Writing and listing need only the bucket.
    let names_bucket =
        ["NoSuchBucket", "ContainerNotFound"].iter().any(|code| failed.detail.contains(code));
    let is_missing = matches!(error, ::object_store::Error::NotFound { .. });
    if is_missing && !names_bucket && matches!(operation, Operation::Read | Operation::Delete) {
        return ContentError::Missing;
    }
    let kind = root(error).downcast_ref::<io::Error>().map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => ContentError::Full,
        _ => failed.into(),
    }
}

/// Whether a request may have been executed although it failed: no response was received, or a retry found that nothing was left to
/// do.
pub(super) fn is_outcome_unknown(error: &::object_store::Error) -> bool {
    matches!(error, ::object_store::Error::NotFound { .. })
        || chain(error).any(|error| error.is::<HttpError>())
}

/// The errors from the outermost to the innermost.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    chain(error).last().unwrap_or(error)
}

/// Describes the innermost error. The outer ones repeat it after the URL of the request with its query.
fn detail(error: &(dyn Error + 'static)) -> String {
    // For example: a service account that is no JSON. The message may quote it.
    let is_quoting = |error: &(dyn Error + 'static)| error.is::<serde_json::Error>();
    if chain(error).any(is_quoting) {
        return "the credentials or the response are not the expected JSON".to_owned();
    }
    let text = chain(error)
        .find_map(|error| error.downcast_ref::<Unreachable>())
        .map_or_else(|| root(error).to_string(), ToString::to_string);
    // Some requests fail with status 200 and an error as the body.
    if let Some(code) = error_code(&text) {
        return format!("the response is an error: {code}");
    }
    let text = text.replace("Server returned non-2xx status code: ", "status ");
    let text = text.trim_end_matches([':', ' ']);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_DETAIL).collect()
}
