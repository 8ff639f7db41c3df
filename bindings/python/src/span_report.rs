//! The report of `import_spans`.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyList;

use crate::convert::{ConvertContext, IntoPython};
use crate::report::named_tuple;
use crate::session::Session;

/// Result of `import_spans`.
#[pyclass(frozen, module = "mistral_datasets._native")]
pub struct SpanImportReport {
    report: mistral_datasets::SpanImportReport,
    session: Option<Session>,
}

impl IntoPython for mistral_datasets::SpanImportReport {
    fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
        let report = SpanImportReport { report: self, session: context.session.cloned() };
        Ok(Py::new(context.py, report)?.into_any())
    }
}

impl SpanImportReport {
    /// Returns the client's report, for `resume`.
    pub fn report(&self) -> &mistral_datasets::SpanImportReport {
        &self.report
    }
}

#[pymethods]
impl SpanImportReport {
    /// ID or slug of the dataset, as passed to the call.
    #[getter]
    fn dataset_id(&self) -> &str {
        self.report.dataset_id()
    }

    /// Parts whose import was started, or may have been started, in order. Each has at most 10,000 spans.
    #[getter]
    fn parts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let context = ConvertContext { py, session: self.session.as_ref() };
        let parts = self.report.parts().iter().map(|part| {
            let task = part.task.as_ref().map(|task| task.clone().into_python(context));
            named_tuple!(py, "ImportedSpans", (part.first, part.spans, task.transpose()?))
        });
        PyList::new(py, parts.collect::<PyResult<Vec<_>>>()?)
    }

    /// Number of spans in the parts.
    #[getter]
    fn spans(&self) -> u64 {
        self.report.spans()
    }

    /// Number of records that were created, as reported by the tasks that have completed.
    #[getter]
    fn records(&self) -> u64 {
        self.report.records()
    }

    /// Number of spans that were skipped, because they do not exist or may not be read.
    #[getter]
    fn skipped(&self) -> u64 {
        self.report.skipped()
    }

    fn __repr__(&self) -> String {
        format!(
            "SpanImportReport(spans={}, records={}, skipped={}, parts=<{}>)",
            self.spans(),
            self.records(),
            self.skipped(),
            self.report.parts().len()
        )
    }
}
