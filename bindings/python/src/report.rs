//! What bulk calls have done.

use mistral_datasets::{Outcome, Report};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyList;

use crate::error;
use crate::model::Source;
use crate::runtime::Response;
use crate::session::Session;

/// The report of an error.
pub fn object(source: Source<'_, '_>, report: &Report) -> PyResult<Py<PyAny>> {
    match report {
        Report::Create(report) => report.clone().into_object(source),
        Report::Import(report) => report.clone().into_object(source),
    }
}

/// Makes an object of one of the classes in `mistral_datasets._reports`.
macro_rules! reported {
    ($py:expr, $class:literal, $members:expr) => {{
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        CLASS.import($py, "mistral_datasets._reports", $class)?.call1($members)
    }};
}

/// What `create_records` did.
#[pyclass(frozen, module = "mistral_datasets._native")]
pub struct CreateReport {
    report: mistral_datasets::CreateReport,
    session: Option<Session>,
}

impl Response for mistral_datasets::CreateReport {
    fn into_object(self, source: Source<'_, '_>) -> PyResult<Py<PyAny>> {
        let report = CreateReport { report: self, session: source.session.cloned() };
        Ok(Py::new(source.py, report)?.into_any())
    }
}

impl CreateReport {
    /// The client's own.
    pub fn report(&self) -> &mistral_datasets::CreateReport {
        &self.report
    }
}

#[pymethods]
impl CreateReport {
    /// What became of each record, in the order of the source.
    #[getter]
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let session = self.session.as_ref();
        let items = self.report.items().iter().map(|outcome| {
            let (status, id, error) = match outcome {
                Outcome::Created(id) => ("created", Some(id.to_string()), None),
                Outcome::Imported => ("imported", None, None),
                Outcome::Failed(error) => ("failed", None, Some(error)),
                Outcome::Unknown(error) => ("unknown", None, Some(error)),
                Outcome::NotSent => ("not_sent", None, None),
            };
            let error = error.map(|error| error::exception(py, session, error).into_value(py));
            reported!(py, "Outcome", (status, id, error))
        });
        PyList::new(py, items.collect::<PyResult<Vec<_>>>()?)
    }

    /// How many records were created.
    #[getter]
    fn created(&self) -> usize {
        self.report.created()
    }

    /// How many were refused or could not be sent.
    #[getter]
    fn failed(&self) -> usize {
        self.report.failed()
    }

    /// How many may have been created or not.
    #[getter]
    fn unknown(&self) -> usize {
        self.report.unknown()
    }

    /// How many were taken from the source and surely not created, without a failure of their own.
    #[getter]
    fn not_sent(&self) -> usize {
        self.report.not_sent()
    }

    /// The strategy that was used.
    #[getter]
    fn strategy(&self) -> &'static str {
        self.report.strategy().name()
    }

    /// Why this strategy, in words.
    #[getter]
    fn reason(&self) -> &str {
        self.report.reason()
    }

    /// The import task of the last file, where records went by files.
    #[getter]
    fn task(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let source = Source { py, session: self.session.as_ref() };
        self.report.task().map(|task| task.clone().into_object(source)).transpose()
    }

    /// How many seconds the call took.
    #[getter]
    fn elapsed(&self) -> f64 {
        self.report.elapsed().as_secs_f64()
    }

    fn __repr__(&self) -> String {
        format!(
            "CreateReport(created={}, failed={}, unknown={}, not_sent={}, strategy='{}')",
            self.created(),
            self.failed(),
            self.unknown(),
            self.not_sent(),
            self.strategy()
        )
    }
}

/// What `import_jsonl` did.
#[pyclass(frozen, module = "mistral_datasets._native")]
pub struct ImportReport {
    report: mistral_datasets::ImportReport,
    session: Option<Session>,
}

impl Response for mistral_datasets::ImportReport {
    fn into_object(self, source: Source<'_, '_>) -> PyResult<Py<PyAny>> {
        let report = ImportReport { report: self, session: source.session.cloned() };
        Ok(Py::new(source.py, report)?.into_any())
    }
}

impl ImportReport {
    /// The client's own.
    pub fn report(&self) -> &mistral_datasets::ImportReport {
        &self.report
    }
}

#[pymethods]
impl ImportReport {
    /// How many lines were read, blank and bad ones included.
    #[getter]
    fn lines(&self) -> u64 {
        self.report.lines()
    }

    /// How many records the files have whose imports were begun and did not fail.
    #[getter]
    fn records(&self) -> u64 {
        self.report.records()
    }

    /// The lines that cannot be imported, in their order; the first 1,000 of them.
    #[getter]
    fn invalid_lines<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let lines = self
            .report
            .invalid_lines()
            .iter()
            .map(|bad| reported!(py, "InvalidLine", (bad.line, bad.column, &bad.problem)));
        PyList::new(py, lines.collect::<PyResult<Vec<_>>>()?)
    }

    /// How many lines cannot be imported.
    #[getter]
    fn invalid_line_count(&self) -> u64 {
        self.report.invalid_line_count()
    }

    /// The files whose imports were begun and did not fail, in their order.
    #[getter]
    fn files<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let source = Source { py, session: self.session.as_ref() };
        let files = self.report.files().iter().map(|file| {
            let task = file.task.clone().into_object(source)?;
            let members = (&file.file_id, file.first_line, file.lines, file.records, task);
            reported!(py, "ImportedFile", members)
        });
        PyList::new(py, files.collect::<PyResult<Vec<_>>>()?)
    }

    /// The files whose imports may have been begun or not.
    #[getter]
    fn unknown<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let files = self.report.unknown().iter().map(|file| {
            let members = (&file.file_id, file.first_line, file.lines, file.records);
            reported!(py, "UnknownFile", members)
        });
        PyList::new(py, files.collect::<PyResult<Vec<_>>>()?)
    }

    fn __repr__(&self) -> String {
        format!(
            "ImportReport(lines={}, records={}, invalid_line_count={}, files=<{}>)",
            self.lines(),
            self.records(),
            self.invalid_line_count(),
            self.report.files().len()
        )
    }
}
