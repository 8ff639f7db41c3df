//! What a comparison found, and how it reads.

use std::fmt;

use serde::Serialize;

/// Who stops working when the service behaves as the published document says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Breaks {
    /// Those who read responses: what comes may not be what our document promises.
    Readers,
    /// Those who build requests: what our document allows may be refused or lost.
    Writers,
}

/// One difference between our document and the published one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where in the operation: `query page_size`, `response 200 · datasets.results[].slug`.
    pub place: String,
    /// What is different, ours first: `maximum 100 → 200`.
    pub change: String,
    /// Who is broken by it, if anybody is.
    pub breaks: Option<Breaks>,
}

impl Difference {
    /// Describes a difference.
    pub fn new(
        place: impl Into<String>,
        change: impl Into<String>,
        breaks: Option<Breaks>,
    ) -> Self {
        Self { place: place.into(), change: change.into(), breaks }
    }
}

/// The differences of one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OperationReport {
    /// The method in capitals.
    pub method: &'static str,
    /// The path with the server's base path in front.
    pub path: String,
    /// The operation's id: ours, or theirs where we lack the operation.
    pub operation_id: Option<String>,
    /// What is different, in the order of the message: parameters, body, responses.
    pub differences: Vec<Difference>,
}

/// All that a comparison found. Its `Display` is the text for people, its `Serialize` the one for
/// programs; both are the same from run to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many operations our document has.
    pub compared: usize,
    /// The operations with differences, by path and method.
    pub operations: Vec<OperationReport>,
    /// What is different in the error responses of all operations together.
    pub errors: Vec<Difference>,
    /// How much was found.
    pub summary: Summary,
}

/// How much a comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// All differences.
    pub differences: usize,
    /// Those that break readers.
    pub breaking_readers: usize,
    /// Those that break writers.
    pub breaking_writers: usize,
}

impl Report {
    /// Puts a report together and counts what is in it.
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

    /// Whether anything in it breaks anybody.
    pub fn breaks(&self) -> bool {
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
