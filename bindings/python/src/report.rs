//! The reports of bulk operations, and the exceptions that carry them.
//!
//! Both are in one module because they contain each other: an exception has a report, and a report lists the errors of records.

use std::collections::BTreeMap;

use mistral_datasets::{Error, Outcome, Report};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyTuple};

use crate::convert::{self, ConvertContext, IntoPython};
use crate::error;
use crate::session::Session;

/// Returns the exception for the error of a call, with its task and report.
pub fn exception(context: ConvertContext<'_, '_>, error: &Error) -> PyErr {
    error::exception_with(context.py, error, |details| {
        if let Some(task) = error.task() {
            details.set_item("task", task.clone().into_python(context)?)?;
        }
        match error.report() {
            Some(Report::Create(report)) => {
                details.set_item("report", report.clone().into_python(context)?)
            }
            Some(Report::Import(report)) => {
                details.set_item("report", report.clone().into_python(context)?)
            }
            Some(Report::Spans(report)) => {
                details.set_item("report", report.clone().into_python(context)?)
            }
            // Python has no calls with other reports.
            Some(Report::Judging(_)) | None => Ok(()),
        }
    })
}

impl<T: IntoPython> IntoPython for Result<T, Error> {
    fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
        self.map_err(|error| exception(context, &error))?.into_python(context)
    }
}

/// Creates an instance of a named tuple in `mistral_datasets._reports`.
macro_rules! named_tuple {
    ($py:expr, $class:literal, $fields:expr) => {{
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        CLASS.import($py, "mistral_datasets._reports", $class)?.call1($fields)
    }};
}

pub(crate) use named_tuple;

/// Result of `create_records`.
#[pyclass(frozen, module = "mistral_datasets._native")]
pub struct CreateReport {
    report: mistral_datasets::CreateReport,
    session: Option<Session>,
}

impl IntoPython for mistral_datasets::CreateReport {
    fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
        let report = CreateReport { report: self, session: context.session.cloned() };
        Ok(Py::new(context.py, report)?.into_any())
    }
}

impl CreateReport {
    /// Returns the client's report, for `resume`.
    pub fn report(&self) -> &mistral_datasets::CreateReport {
        &self.report
    }
}

#[pymethods]
impl CreateReport {
    /// ID or slug of the dataset, as passed to the call.
    #[getter]
    fn dataset_id(&self) -> &str {
        self.report.dataset_id()
    }

    /// Outcome of each record, in input order. Records that were not read from the input are not included.
    #[getter]
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let context = ConvertContext { py, session: self.session.as_ref() };
        let items = self.report.items().iter().map(|outcome| {
            let (status, id, error) = match outcome {
                Outcome::Created(id) => ("created", Some(id.to_string()), None),
                Outcome::Imported => ("imported", None, None),
                Outcome::Failed(error) => ("failed", None, Some(error)),
                Outcome::Unknown(error) => ("unknown", None, Some(error)),
                Outcome::NotSent => ("not_sent", None, None),
            };
            let error = error.map(|error| exception(context, error).into_value(py));
            named_tuple!(py, "Outcome", (status, id, error))
        });
        PyList::new(py, items.collect::<PyResult<Vec<_>>>()?)
    }

    /// Number of records that were created, individually or by a file import.
    #[getter]
    fn created(&self) -> usize {
        self.report.created()
    }

    /// Number of records that were rejected or could not be sent.
    #[getter]
    fn failed(&self) -> usize {
        self.report.failed()
    }

    /// Number of records that may or may not have been created.
    #[getter]
    fn unknown(&self) -> usize {
        self.report.unknown()
    }

    /// Number of records that were read but not created: not sent, or part of a file whose import failed.
    #[getter]
    fn not_sent(&self) -> usize {
        self.report.not_sent()
    }

    /// Strategy that was used: the requested one, or the one that `auto` chose.
    #[getter]
    fn strategy(&self) -> &'static str {
        self.report.strategy().name()
    }

    /// Reason for the choice of strategy.
    #[getter]
    fn reason(&self) -> &str {
        self.report.reason()
    }

    /// Import task of the last file, if records were imported from files.
    #[getter]
    fn task(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let context = ConvertContext { py, session: self.session.as_ref() };
        self.report.task().map(|task| task.clone().into_python(context)).transpose()
    }

    /// Number of unknown keys that were ignored because `allow_unknown_keys` was set.
    #[getter]
    fn unknown_key_count(&self) -> u64 {
        self.report.unknown_key_count()
    }

    /// How often each unknown key was ignored, for the first 100 different keys.
    #[getter]
    fn unknown_keys(&self) -> BTreeMap<String, u64> {
        self.report.unknown_keys().clone()
    }

    /// Duration of the call in seconds.
    #[getter]
    fn elapsed(&self) -> f64 {
        self.report.elapsed().as_secs_f64()
    }

    /// Returns the report as JSON, from which `from_json` creates it again, also in another process or language.
    ///
    /// The JSON contains no part of a record and no response body.
    fn to_json(&self) -> String {
        self.report.to_json()
    }

    /// Creates a report from the JSON of `to_json`.
    ///
    /// Raises a `ValidationError` if the text is not such a report, or was written by a newer version whose format this
    /// version does not know. Tasks of the report have no client, so they cannot be refreshed.
    #[staticmethod]
    #[pyo3(signature = (text, /))]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        let report = mistral_datasets::CreateReport::from_json(text);
        let report = report.map_err(|error| error::exception(py, &error))?;
        Ok(Self { report, session: None })
    }

    /// Reports are equal if their JSON is.
    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = other.py();
        match other.cast::<Self>() {
            Ok(other) => (self.to_json() == other.get().to_json()).into_py_any(py),
            Err(_) => Ok(py.NotImplemented()),
        }
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        convert::reduce(slf.as_any(), slf.get().to_json())
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

/// Result of `import_jsonl`.
#[pyclass(frozen, module = "mistral_datasets._native")]
pub struct ImportReport {
    report: mistral_datasets::ImportReport,
    session: Option<Session>,
}

impl IntoPython for mistral_datasets::ImportReport {
    fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
        let report = ImportReport { report: self, session: context.session.cloned() };
        Ok(Py::new(context.py, report)?.into_any())
    }
}

impl ImportReport {
    /// Returns the client's report, for `resume`.
    pub fn report(&self) -> &mistral_datasets::ImportReport {
        &self.report
    }
}

#[pymethods]
impl ImportReport {
    /// ID or slug of the dataset, as passed to the call.
    #[getter]
    fn dataset_id(&self) -> &str {
        self.report.dataset_id()
    }

    /// Number of lines that were read, including blank and invalid lines.
    #[getter]
    fn lines(&self) -> u64 {
        self.report.lines()
    }

    /// Number of records in files whose import was started and did not fail.
    #[getter]
    fn records(&self) -> u64 {
        self.report.records()
    }

    /// Invalid lines in input order; at most the first 1,000.
    #[getter]
    fn invalid_lines<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let lines =
            self.report.invalid_lines().iter().map(|line| {
                named_tuple!(py, "InvalidLine", (line.line, line.column, &line.problem))
            });
        PyList::new(py, lines.collect::<PyResult<Vec<_>>>()?)
    }

    /// Number of invalid lines.
    #[getter]
    fn invalid_line_count(&self) -> u64 {
        self.report.invalid_line_count()
    }

    /// Number of unknown keys next to `payload` that were ignored because `allow_unknown_keys` or `lenient` was set.
    #[getter]
    fn unknown_key_count(&self) -> u64 {
        self.report.unknown_key_count()
    }

    /// How often each unknown key was ignored, for the first 100 different keys.
    #[getter]
    fn unknown_keys(&self) -> BTreeMap<String, u64> {
        self.report.unknown_keys().clone()
    }

    /// Files whose import was started and did not fail, in input order.
    #[getter]
    fn files<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let context = ConvertContext { py, session: self.session.as_ref() };
        let files = self.report.files().iter().map(|file| {
            let task = file.task.clone().into_python(context)?;
            let fields = (&file.file_id, file.first_line, file.lines, file.records, task);
            named_tuple!(py, "ImportedFile", fields)
        });
        PyList::new(py, files.collect::<PyResult<Vec<_>>>()?)
    }

    /// Files whose import may or may not have been started. Check the dataset's tasks.
    #[getter]
    fn unknown<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let files = self.report.unknown().iter().map(|file| {
            let fields = (&file.file_id, file.first_line, file.lines, file.records);
            named_tuple!(py, "UnknownFile", fields)
        });
        PyList::new(py, files.collect::<PyResult<Vec<_>>>()?)
    }

    /// Returns the report as JSON, from which `from_json` creates it again, also in another process or language.
    ///
    /// The JSON contains no part of a record and no response body.
    fn to_json(&self) -> String {
        self.report.to_json()
    }

    /// Creates a report from the JSON of `to_json`.
    ///
    /// Raises a `ValidationError` if the text is not such a report, or was written by a newer version whose format this
    /// version does not know. Tasks of the report have no client, so they cannot be refreshed.
    #[staticmethod]
    #[pyo3(signature = (text, /))]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        let report = mistral_datasets::ImportReport::from_json(text);
        let report = report.map_err(|error| error::exception(py, &error))?;
        Ok(Self { report, session: None })
    }

    /// Reports are equal if their JSON is.
    fn __eq__(&self, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = other.py();
        match other.cast::<Self>() {
            Ok(other) => (self.to_json() == other.get().to_json()).into_py_any(py),
            Err(_) => Ok(py.NotImplemented()),
        }
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        convert::reduce(slf.as_any(), slf.get().to_json())
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
