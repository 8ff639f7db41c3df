//! The result of a comparison, as text and JSON.

use std::fmt;

use serde::Serialize;

/// Who breaks if the service behaves as the published document says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Breaks {
    /// Readers of responses: a response may not be what our document promises.
    Readers,
    /// Writers of requests: a request that our document allows may be rejected or lose data.
    Writers,
}

/// A difference between our document and the published one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The place in the operation, such as `query page_size` or `response 200 · datasets.results[].slug`.
    pub place: String,
    /// The change, ours first, such as `maximum 100 → 200`.
    pub change: String,
    /// Who breaks.
    pub breaks: Option<Breaks>,
}

impl Difference {
    /// Creates a difference.
    pub fn new(
        place: impl Into<String>,
        change: impl Into<String>,
        breaks: Option<Breaks>,
    ) -> Self {
        Self { place: place.into(), change: change.into(), breaks }
    }
}

/// The differences of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OperationReport {
    /// The method in upper case.
    pub method: &'static str,
    /// The path, including the base path of the server.
    pub path: String,
    /// Our operation id, or theirs if we do not have the operation.
    pub operation_id: Option<String>,
    /// The differences of parameters, then the body, then responses.
    pub differences: Vec<Difference>,
}

/// The result of a comparison. `Display` formats it for people, `Serialize` for programs; both are deterministic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The number of operations in our document.
    pub compared: usize,
    /// The operations with differences, sorted by path and method.
    pub operations: Vec<OperationReport>,
    /// The differences in error responses, for all operations together.
    pub errors: Vec<Difference>,
    /// The numbers of differences.
    pub summary: Summary,
}

/// The numbers of differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// All differences.
    pub differences: usize,
    /// Differences that break readers.
    pub breaking_readers: usize,
    /// Differences that break writers.
    pub breaking_writers: usize,
}

impl Report {
    /// Creates a report and counts its differences.
    pub fn new(compared: usize, operations: Vec<OperationReport>, errors: Vec<Difference>) -> Self {
        let all = || operations.iter().flat_map(|operation| &operation.differences).chain(&errors);
        let breaking = |who| all().filter(|difference| difference.breaks == Some(who)).count();
        let summary = Summary {
            differences: all().count(),
            breaking_readers: breaking(Breaks::Readers),
            breaking_writers: breaking(Breaks::Writers),
        };
        Self { compared, operations, errors, summary }
    }

    /// Returns whether any difference breaks readers or writers.
    pub fn is_breaking(&self) -> bool {
        self.summary.breaking_readers + self.summary.breaking_writers > 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for OperationReport { method, path, operation_id, differences } in &self.operations {
            match operation_id {
                Some(id) => writeln!(f, "{method} {path} ({id})")?,
                None => writeln!(f, "{method} {path}")?,
            }
            write_differences(f, differences)?;
        }
        if !self.errors.is_empty() {
            writeln!(f, "Error responses of all operations")?;
            write_differences(f, &self.errors)?;
        }
        writeln!(f, "{} compared, {}", counted(self.compared, "operation"), self.summary)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { differences: 0, .. } = self else {
            return write!(
                f,
                "{}: breaking readers {}, breaking writers {}",
                counted(self.differences, "difference"),
                self.breaking_readers,
                self.breaking_writers,
            );
        };
        f.write_str("no differences")
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let marker = match self.breaks {
            Some(Breaks::Readers) => "breaks readers",
            Some(Breaks::Writers) => "breaks writers",
            None => "",
        };
        write!(f, "{marker:14}  {}: {}", self.place, self.change)
    }
}

fn write_differences(f: &mut fmt::Formatter<'_>, differences: &[Difference]) -> fmt::Result {
    for difference in differences {
        writeln!(f, "  {difference}")?;
    }
    writeln!(f)
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
