//! The hand-written methods of the `datasets` handle, each of which may send many requests.

use futures::stream::{self, Stream, StreamExt};
use mistral_datasets_types::SpanDatasetMappingContract;

use crate::argument::IntoId;
use crate::bulk::{CreateRecords, ImportJsonl, ImportSpans, IntoRecord, IntoSpanReference, Jsonl};
use crate::calls::Datasets;
use crate::export::Export;
use crate::task::TaskHandle;

impl Datasets {
    /// Returns a handle to an import task, given the ids that an import call returned. Sends no request.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// let task = client.datasets().import_from_file("refund-requests", "a file's id").await?;
    /// let done = client.datasets().task(task.dataset_id, task.id).wait().await?;
    /// println!("{}", done.status);
    /// # Ok(())
    /// # }
    /// ```
    pub fn task(&self, dataset_id: impl IntoId, task_id: impl IntoId) -> TaskHandle {
        TaskHandle::new(self.client.clone(), dataset_id.into_id(), task_id.into_id())
    }

    /// Creates many records from a stream, without creating any of them twice.
    ///
    /// Sends `POST /v1/observability/datasets/{dataset_id}/records` for each record, or uploads and imports files; see
    /// [`Strategy`](crate::Strategy).
    ///
    /// The stream is polled only as fast as records are sent. If a request fails but may have created its record, the outcome of
    /// the record is [`Unknown`](crate::Outcome::Unknown), and the record is not retried, not even by a
    /// [resumed](CreateRecords::resume) call. While the server is overloaded, fewer requests are sent concurrently, and none
    /// before its `Retry-After` has passed.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// use mistral_datasets::NewRecord;
    /// use serde_json::json;
    ///
    /// let questions = futures::stream::iter(["Where is my money?", "When do you open?"]);
    /// let records = futures::StreamExt::map(questions, |question| {
    ///     let payload = json!({"messages": [{"role": "user", "content": question}]});
    ///     NewRecord::new(payload, json!({}))
    /// });
    /// let report = client.datasets().create_records("refund-requests", records).concurrency(4).await?;
    /// println!("{} created", report.created());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// - The first failure of a record, unless [`continue_on_error`](CreateRecords::continue_on_error) is set.
    /// - A failure that affects every record, such as an invalid API key or a server that stays overloaded.
    /// - An error of the stream.
    /// - [`Validation`](crate::ErrorKind::Validation) if the stream yields nothing, unless its
    ///   [`size_hint`](Stream::size_hint) says so, as that of an empty list, or [`allow_empty`](CreateRecords::allow_empty) is set.
    ///
    /// Every error has a [`report`](crate::Error::report), from which a later call can resume.
    pub fn create_records<R: IntoRecord + 'static>(
        &self,
        dataset_id: impl IntoId,
        records: impl Stream<Item = R> + Send + 'static,
    ) -> CreateRecords {
        let (lower, upper) = records.size_hint();
        let total = upper.filter(|upper| *upper == lower);
        let records = records.map(IntoRecord::into_record);
        CreateRecords::new(self.client.clone(), dataset_id.into_id(), records, total)
    }

    /// Creates many records from an iterator; see [`create_records`](Self::create_records).
    ///
    /// The iterator runs on the runtime's threads and must not block for long. Run a blocking iterator in its own thread, and
    /// pass the receiving end of a channel to [`create_records`](Self::create_records).
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// use mistral_datasets::NewRecord;
    /// use serde_json::json;
    ///
    /// let records = (0..10_000).map(|n| {
    ///     NewRecord::new(json!({"messages": [{"role": "user", "content": "Hi"}]}), json!({"n": n}))
    /// });
    /// let report = client.datasets().create_records_iter("refund-requests", records).await?;
    /// println!("{} created ({}: {})", report.created(), report.strategy(), report.reason());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The errors of [`create_records`](Self::create_records).
    pub fn create_records_iter<I>(&self, dataset_id: impl IntoId, records: I) -> CreateRecords
    where
        I: IntoIterator<Item: IntoRecord + 'static, IntoIter: Send + 'static>,
    {
        self.create_records(dataset_id, stream::iter(records))
    }

    /// Imports JSONL into a dataset: validates every line, uploads the lines as one or more files, imports the files one
    /// after another, and waits for the imports.
    ///
    /// Sends `POST /v1/files` and `POST /v1/observability/datasets/{dataset_id}/imports/from-file` for each file.
    ///
    /// A line is one of `{"messages": […], "properties": {…}}`, where everything except the properties becomes the payload;
    /// `{"payload": {…}, "properties": {…}}`; or an array of messages. Properties are optional. JSON values are sent
    /// unchanged. Blank lines and byte order marks are skipped. An unknown key next to `payload` makes a line invalid; see
    /// [`allow_unknown_keys`](ImportJsonl::allow_unknown_keys).
    ///
    /// Nothing is sent before every line has been validated. Memory usage does not depend on the size of the source: an
    /// uncompressed file is uploaded directly where possible, anything else is copied to a temporary file in `TMPDIR`. Each uploaded file is
    /// imported completely or not at all, and nothing is imported twice; see [`resume`](ImportJsonl::resume).
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// use mistral_datasets::Jsonl;
    ///
    /// let jsonl = Jsonl::path("conversations.jsonl.gz");
    /// let report = client.datasets().import_jsonl("refund-requests", jsonl).lenient(true).await?;
    /// println!("{} records, {} invalid lines", report.records(), report.invalid_line_count());
    /// for invalid in report.invalid_lines() {
    ///     println!("line {}, column {}: {}", invalid.line, invalid.column, invalid.problem);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// - [`Validation`](crate::ErrorKind::Validation), before anything is sent, if the source cannot be read, is empty or is not
    ///   JSON Lines, or if a line is invalid (unless the call is [`lenient`](ImportJsonl::lenient)). The message contains line
    ///   and column.
    /// - [`TaskFailed`](crate::ErrorKind::TaskFailed) if the server fails an import. The uploaded file is then not deleted.
    /// - The errors that any call can return.
    ///
    /// Every error has a [`report`](crate::Error::report), from which a later call can resume.
    pub fn import_jsonl(&self, dataset_id: impl IntoId, jsonl: Jsonl) -> ImportJsonl {
        ImportJsonl::new(self.client.clone(), dataset_id.into_id(), jsonl)
    }

    /// Imports any number of spans into a dataset, one record per span, and waits for the imports.
    ///
    /// Sends `POST /v1/observability/datasets/{dataset_id}/imports/from-spans` for every 10,000 spans, one after another. Only
    /// servers of the third generation of the API have this operation.
    ///
    /// The spans are those that a search returns, or references to them. `mapping` says how a payload is built from the attributes
    /// of a span. A span that does not exist, or that may not be read, is skipped and counted in the report. The stream is polled
    /// while a part is read, so at most 10,000 references are in memory.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// use mistral_datasets::types::{
    ///     SpanDatasetMapping, SpanDatasetMappingContract, SpanDatasetSourceNamespace,
    ///     SpanDatasetSourceReference,
    /// };
    ///
    /// let messages = SpanDatasetSourceReference::new(
    ///     SpanDatasetSourceNamespace::SpanAttributes,
    ///     "gen_ai.input.messages",
    /// );
    /// let mapping = SpanDatasetMappingContract::new([SpanDatasetMapping::new("messages", messages)]);
    /// let search = client.spans().search_spans().search_expression("operation_name = 'chat'");
    /// let spans = search.pager().limit(25_000).items();
    /// let report = client.datasets().import_spans("refund-requests", spans, mapping).await?;
    /// println!("{} records, {} spans skipped", report.records(), report.skipped());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// - [`Validation`](crate::ErrorKind::Validation) if the stream yields nothing.
    /// - [`TaskFailed`](crate::ErrorKind::TaskFailed) if the server fails an import.
    /// - An error of the stream, and the errors that any call can return.
    ///
    /// Every error has a [`report`](crate::Error::report), from which a later call can resume.
    pub fn import_spans<S: IntoSpanReference + 'static>(
        &self,
        dataset_id: impl IntoId,
        spans: impl Stream<Item = S> + Send + 'static,
        mapping: impl Into<SpanDatasetMappingContract>,
    ) -> ImportSpans {
        let spans = spans.map(IntoSpanReference::into_span_reference).boxed();
        ImportSpans::new(self.client.clone(), dataset_id.into_id(), spans, mapping.into())
    }

    /// Exports a whole dataset as JSONL, one record per line: to a file, into a writer, or as a stream of lines or records.
    ///
    /// No request is sent until one of the methods of [`Export`] is called.
    ///
    /// ```no_run
    /// # async fn example(client: mistral_datasets::Client) -> Result<(), mistral_datasets::Error> {
    /// let report = client.datasets().export("refund-requests").to_path("refunds.jsonl.zst").await?;
    /// println!("{} records, {} bytes", report.records, report.bytes);
    /// # Ok(())
    /// # }
    /// ```
    pub fn export(&self, dataset_id: impl IntoId) -> Export {
        Export::new(self.client.clone(), dataset_id.into_id())
    }
}
