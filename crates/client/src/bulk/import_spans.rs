//! The `import_spans` call.

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt};
use mistral_datasets_types::{
    GetSpan, ImportTask, SpanDatasetMappingContract, TelemetrySpanReference,
};

use super::record::source_error;
use super::{empty_source, may_have_been_applied, require_same_dataset};
use crate::checks::Checks;
use crate::client::Client;
use crate::error::{Error, ErrorKind, ImportedSpans, Report, SpanImportReport};
use crate::progress::{Progress, ProgressReporter};
use crate::task::TaskHandle;

/// The operation that errors report.
const OPERATION: &str = "import_spans";

/// The maximum number of references of one task.
const MAX_REFERENCES: usize = 10_000;

/// An item of a source of spans: a span that a search returned, a reference to one, or a `Result` of either.
///
/// An error means that the source has failed, and ends the call.
///
/// This trait is sealed: other crates cannot implement it.
pub trait IntoSpanReference: sealed::Reference {
    /// Returns the reference.
    ///
    /// # Errors
    /// The error of the source.
    fn into_span_reference(self) -> Result<TelemetrySpanReference, Error>;
}

mod sealed {
    use mistral_datasets_types::{GetSpan, TelemetrySpanReference};

    /// Seals [`IntoSpanReference`](super::IntoSpanReference).
    pub trait Reference {}

    impl Reference for TelemetrySpanReference {}
    impl Reference for GetSpan {}
    impl Reference for &GetSpan {}
    impl<T: Reference, E> Reference for Result<T, E> {}
}

impl IntoSpanReference for TelemetrySpanReference {
    fn into_span_reference(self) -> Result<TelemetrySpanReference, Error> {
        Ok(self)
    }
}

impl IntoSpanReference for GetSpan {
    fn into_span_reference(self) -> Result<TelemetrySpanReference, Error> {
        Ok(TelemetrySpanReference::new(self.trace_id, self.span_id))
    }
}

impl IntoSpanReference for &GetSpan {
    fn into_span_reference(self) -> Result<TelemetrySpanReference, Error> {
        Ok(TelemetrySpanReference::new(&*self.trace_id, &*self.span_id))
    }
}

impl<T, E> IntoSpanReference for Result<T, E>
where
    T: IntoSpanReference,
    E: StdError + Send + Sync + 'static,
{
    fn into_span_reference(self) -> Result<TelemetrySpanReference, Error> {
        self.map_err(|error| source_error(error, "spans", OPERATION))?.into_span_reference()
    }
}

/// An [`import_spans`](crate::calls::Datasets::import_spans) call. Nothing is read until it is awaited. Dropping the future
/// cancels everything except the import that is running on the server.
#[must_use = "a call is sent when it is awaited"]
pub struct ImportSpans {
    importer: SpanImporter,
    spans: BoxStream<'static, Result<TelemetrySpanReference, Error>>,
    resume: Option<SpanImportReport>,
}

impl ImportSpans {
    pub(crate) fn new(
        client: Client,
        dataset_id: String,
        spans: BoxStream<'static, Result<TelemetrySpanReference, Error>>,
        mapping: SpanDatasetMappingContract,
    ) -> Self {
        let reporter = ProgressReporter::default();
        let importer = SpanImporter { client, dataset_id, mapping, timeout: None, reporter };
        Self { importer, spans, resume: None }
    }

    /// Sets how long to wait for the import of each part. Default: 30 minutes.
    pub fn wait_timeout(mut self, timeout: Duration) -> Self {
        self.importer.timeout = Some(timeout);
        self
    }

    /// Resumes an earlier call with the same spans in the same order, and the same dataset. Spans whose import was started are not
    /// imported again. If an import was still running, the call waits for it.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// # let mapping = mistral_datasets::types::SpanDatasetMappingContract::new(
    /// #     Vec::<mistral_datasets::types::SpanDatasetMapping>::new(),
    /// # );
    /// # let references: Vec<mistral_datasets::types::TelemetrySpanReference> = Vec::new();
    /// use futures::stream;
    /// use mistral_datasets::Report;
    ///
    /// let spans = || stream::iter(references.clone());
    /// let datasets = client.datasets();
    /// if let Err(error) = datasets.import_spans("refund-requests", spans(), mapping.clone()).await {
    ///     let Some(Report::Spans(report)) = error.report() else { return Err(error) };
    ///     datasets.import_spans("refund-requests", spans(), mapping).resume(report.clone()).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn resume(mut self, report: SpanImportReport) -> Self {
        self.resume = Some(report);
        self
    }

    /// Sets a progress callback. There is one phase, `import`, for each part.
    pub fn on_progress(mut self, on_progress: impl FnMut(&Progress) + Send + 'static) -> Self {
        self.importer.reporter = ProgressReporter::new(on_progress);
        self
    }

    async fn run(mut self) -> Result<SpanImportReport, Error> {
        let mut report = self.resume.take().unwrap_or_default();
        let client = self.importer.client.clone();
        let result = client.until_cancelled(OPERATION, self.import(&mut report)).await;
        match result {
            Ok(()) => Ok(report),
            Err(error) => Err(error.with_operation(OPERATION).with_report(Report::Spans(report))),
        }
    }

    async fn import(self, report: &mut SpanImportReport) -> Result<(), Error> {
        let Self { importer, mut spans, .. } = self;
        Checks::new(OPERATION).segment("dataset_id", &importer.dataset_id)?;
        require_same_dataset(OPERATION, &report.dataset_id, &importer.dataset_id)?;
        report.dataset_id.clone_from(&importer.dataset_id);
        importer.finish_earlier_imports(report).await?;

        let mut to_skip = report.spans();
        let (mut is_empty, mut part) = (true, Vec::new());
        while let Some(reference) = spans.next().await {
            let reference = reference?;
            is_empty = false;
            if to_skip > 0 {
                to_skip -= 1;
                continue;
            }
            part.push(reference);
            if part.len() == MAX_REFERENCES {
                importer.import_part(std::mem::take(&mut part), report).await?;
            }
        }
        if is_empty {
            return Err(empty_source(OPERATION, ""));
        }
        if to_skip > 0 {
            let message = "resume: the report belongs to a different source";
            return Err(Error::invalid(OPERATION, message.to_owned()));
        }
        if part.is_empty() { Ok(()) } else { importer.import_part(part, report).await }
    }
}

/// Imports parts into a dataset.
#[derive(Debug)]
struct SpanImporter {
    client: Client,
    dataset_id: String,
    mapping: SpanDatasetMappingContract,
    /// The maximum time to wait. If `None`, the default of [`Wait`](crate::Wait) applies.
    timeout: Option<Duration>,
    reporter: ProgressReporter,
}

impl SpanImporter {
    /// Waits for the imports that were running when an earlier call ended.
    async fn finish_earlier_imports(&self, report: &mut SpanImportReport) -> Result<(), Error> {
        for part in &mut report.parts {
            let Some(task) = part.task.as_mut().filter(|task| !task.status.is_success()) else {
                continue;
            };
            match self.wait_for(task, part.spans).await {
                Ok(ended) => *task = ended,
                Err(error) => {
                    if let Some(last) = error.task() {
                        *task = last.clone();
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Imports at most [`MAX_REFERENCES`] spans and adds them to the report.
    async fn import_part(
        &self,
        references: Vec<TelemetrySpanReference>,
        report: &mut SpanImportReport,
    ) -> Result<(), Error> {
        let first = report.spans();
        let spans = references.len() as u64;
        let datasets = self.client.datasets();
        let started =
            datasets.import_from_spans(&self.dataset_id, references, self.mapping.clone()).await;
        let task = match started {
            Ok(task) => task,
            Err(error) if may_have_been_applied(&error) => {
                report.parts.push(ImportedSpans { first, spans, task: None });
                let context = format!(
                    "the import of the spans {} to {} may have started",
                    first + 1,
                    first + spans
                );
                return Err(error.in_context(&context).with_ambiguity(true));
            }
            Err(error) => return Err(error),
        };
        report.parts.push(ImportedSpans { first, spans, task: Some(task.clone()) });
        match self.wait_for(&task, spans).await {
            Ok(ended) => {
                if let Some(part) = report.parts.last_mut() {
                    part.task = Some(ended);
                }
                Ok(())
            }
            // A failed import leaves no records behind, so its spans can be imported again.
            Err(error) if error.kind() == ErrorKind::TaskFailed => {
                report.parts.pop();
                let context = format!("spans {} to {}", first + 1, first + spans);
                Err(error.in_context(&context))
            }
            Err(error) => {
                if let (Some(part), Some(last)) = (report.parts.last_mut(), error.task()) {
                    part.task = Some(last.clone());
                }
                Err(error)
            }
        }
    }

    /// Waits for an import to succeed.
    async fn wait_for(&self, task: &ImportTask, spans: u64) -> Result<ImportTask, Error> {
        self.reporter.start_phase("import", None, Some(spans));
        let reporter = self.reporter.clone();
        let (dataset_id, task_id) = (task.dataset_id.to_string(), task.id.to_string());
        let handle = TaskHandle::new(self.client.clone(), dataset_id, task_id);
        let mut wait = handle.wait().on_progress(move |task: &ImportTask| {
            let percent = u64::try_from(task.progress.unwrap_or(0)).unwrap_or(0).min(100);
            reporter.update(|progress| {
                progress.records = progress.records.max(spans * percent / 100);
            });
        });
        if let Some(timeout) = self.timeout {
            wait = wait.timeout(timeout);
        }
        let task = wait.await?;
        self.reporter.update(|progress| progress.records = spans);
        self.reporter.end_phase();
        Ok(task)
    }
}

impl IntoFuture for ImportSpans {
    type Output = Result<SpanImportReport, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for ImportSpans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportSpans").field("importer", &self.importer).finish_non_exhaustive()
    }
}
