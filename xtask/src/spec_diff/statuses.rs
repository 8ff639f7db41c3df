//! Matches responses by status.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::operations::Operation;

/// Matches all statuses that have no response of their own.
const DEFAULT: &str = "default";

/// Responses by status: `200`, `2XX`, `default`.
pub type ByStatus<'a> = BTreeMap<String, &'a Value>;

/// The responses of an operation.
#[derive(Debug, Default)]
pub struct Responses<'a> {
    /// Successful responses and redirects.
    pub successes: ByStatus<'a>,
    /// Error responses.
    pub errors: ByStatus<'a>,
}

/// The matched statuses of two sets of responses.
#[derive(Debug, Default)]
pub struct Statuses {
    /// Pairs of our status and theirs.
    pub both: BTreeSet<(String, String)>,
    /// Our statuses without a match.
    pub only_ours: Vec<String>,
    /// Their statuses without a match.
    pub only_theirs: Vec<String>,
}

impl<'a> Responses<'a> {
    /// Sorts the responses of an operation. `default` is an error if there is a successful response, and the successful response
    /// otherwise.
    pub fn of(operation: &Operation<'a>) -> Self {
        let mut responses = Self::default();
        let mut default = None;
        let written = operation.body.get("responses").and_then(Value::as_object);
        for (status, response) in written.into_iter().flatten() {
            // Some documents write `2xx` instead of `2XX`.
            let status = status.to_ascii_uppercase();
            match status.as_bytes() {
                b"DEFAULT" => default = Some(response),
                [b'1'..=b'3', ..] => {
                    responses.successes.insert(status, response);
                }
                [b'4' | b'5', ..] => {
                    responses.errors.insert(status, response);
                }
                // An extension.
                _ => {}
            }
        }
        if let Some(response) = default {
            let place = if responses.successes.is_empty() {
                &mut responses.successes
            } else {
                &mut responses.errors
            };
            place.insert(DEFAULT.to_owned(), response);
        }
        responses
    }
}

/// Matches the statuses of two sets of responses. A range or the default matches the statuses it covers that have no response of
/// their own.
pub fn pair(ours: &ByStatus<'_>, theirs: &ByStatus<'_>) -> Statuses {
    let matches_of_ours =
        ours.keys().filter_map(|status| Some((status, covering(theirs, status)?)));
    let matches_of_theirs =
        theirs.keys().filter_map(|status| Some((covering(ours, status)?, status)));
    let both: BTreeSet<(String, String)> = matches_of_ours
        .chain(matches_of_theirs)
        .map(|(our, their)| (our.clone(), their.clone()))
        .collect();

    let mut only_ours: Vec<String> = ours.keys().cloned().collect();
    only_ours.retain(|status| both.iter().all(|(our, _)| our != status));
    let mut only_theirs: Vec<String> = theirs.keys().cloned().collect();
    only_theirs.retain(|status| both.iter().all(|(_, their)| their != status));
    Statuses { both, only_ours, only_theirs }
}

/// Returns whether a status is a range or the default.
pub fn is_range(status: &str) -> bool {
    status == DEFAULT || status.ends_with("XX")
}

fn covering<'r>(responses: &'r ByStatus<'_>, status: &str) -> Option<&'r String> {
    let range = format!("{}XX", status.get(..1).unwrap_or_default());
    [status, range.as_str(), DEFAULT]
        .into_iter()
        .find_map(|status| responses.get_key_value(status))
        .map(|(status, _)| status)
}
