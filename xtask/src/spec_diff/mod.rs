//! Compares our document with a published one of the whole service, to learn what the service has
//! changed and whom it breaks.
//!
//! The two documents are written by different people: operations are matched by method and path
//! (the names of the path's parameters do not count), parameters by place and name, bodies by media
//! type, responses by status, and schemas by where they occur, so ids of operations and names of
//! schemas do not matter, and neither does which of OpenAPI 3.0 and 3.1 a document is written in.
//!
//! A difference breaks **writers** if a request that our document allows may be refused or lose
//! something on the way, and **readers** if a response may lack what our document promises or hold
//! what a reader of it cannot take. Readers are lenient: they keep fields that they do not know,
//! their enumerations are open, they check no limit, and no error body makes them fail.
//!
//! - [`mod@operations`], [`parameters`], [`messages`] and [`statuses`] find what belongs together;
//! - [`document`], [`flatten`] and [`shape`] turn a schema as written into one that can be compared;
//! - [`schemas`], [`pairing`], [`variants`], [`objects`] and [`limits`] compare two of them;
//! - [`failures`] looks at error responses, which are treated differently;
//! - [`flow`] decides who is broken, and [`report`] says so.

mod document;
mod error;
mod failures;
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
use self::operations::{Key, Operation, Side, is_in_our_part, operations};
use self::report::{Breaks, Difference, OperationReport};

/// How the report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines for people.
    Text,
    /// One JSON object for programs.
    Json,
}

/// What a comparison comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Whatever is different breaks nobody.
    Compatible,
    /// Something breaks readers or writers.
    Breaking,
}

/// The exit code of the command: 1 when something breaks. That documents cannot be compared is an
/// [`Error`], for which the command exits with 2.
impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Compatible => Self::SUCCESS,
            Outcome::Breaking => Self::from(1),
        }
    }
}

/// Compares our document with the one in a file and writes the report.
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
    Ok(if report.breaks() { Outcome::Breaking } else { Outcome::Compatible })
}

fn compare<'a>(ours: &Document<'a>, theirs: &Document<'a>) -> Result<Report, Error> {
    let our_operations = operations(ours, |_| true)?;
    let our_paths: BTreeSet<&str> = our_operations.keys().map(Key::path).collect();
    let their_operations =
        operations(theirs, |path| our_paths.contains(path) || is_in_our_part(path))?;
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
    let errors = failures::compare_values(matched.into_iter())?;
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
    differences.extend(failures::compare_statuses(ours.operation, theirs.operation));
    Ok(differences)
}
