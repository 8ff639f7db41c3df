//! The bulk call `import_spans`. JavaScript pushes references to the spans.

use std::future::IntoFuture;
use std::sync::Mutex;

use futures::StreamExt;
use mistral_datasets::ImportSpans;
use mistral_datasets::types::{SpanDatasetMappingContract, TelemetrySpanReference};
use napi_derive::napi;

use crate::bulk::{resume, take};
use crate::client::NativeClient;
use crate::failure::{CallResult, call_result};
use crate::input_channel::InputChannel;
use crate::json::parse_value;
use crate::options::from_milliseconds;
use crate::progress::{NativeProgress, ProgressReceiver, progress_channel};
use crate::report::NativeSpanImportReport;

/// Number of references buffered before the source has to wait.
const REFERENCE_BUFFER: usize = 256;

/// Options of `import_spans`. Missing ones keep their defaults.
#[napi(object, object_to_js = false)]
pub struct ImportSpansOptions {
    /// Maximum time to wait for each import.
    pub timeout_ms: Option<f64>,
    /// Whether to send progress updates.
    pub track_progress: bool,
}

/// An `import_spans` call and the channel for its spans.
#[napi]
pub struct NativeSpanImport {
    native: NativeClient,
    call: Mutex<Option<ImportSpans>>,
    references: InputChannel<TelemetrySpanReference>,
    progress: ProgressReceiver,
}

#[napi]
impl NativeClient {
    /// Prepares `import_spans`.
    #[napi]
    pub fn prepare_span_import(
        &self,
        dataset_id: String,
        mapping: String,
        options: ImportSpansOptions,
    ) -> napi::Result<NativeSpanImport> {
        let mapping: SpanDatasetMappingContract = parse_value(mapping)?;
        let (references, stream) = InputChannel::new(REFERENCE_BUFFER);
        let mut call = self.client.datasets().import_spans(dataset_id, stream.boxed(), mapping);
        if let Some(timeout) = options.timeout_ms {
            call = call.wait_timeout(from_milliseconds(timeout));
        }
        let (sender, progress) = progress_channel();
        if options.track_progress {
            call = call.on_progress(move |progress| sender.send(progress));
        }
        let call = Mutex::new(Some(call));
        Ok(NativeSpanImport { native: self.clone(), call, references, progress })
    }
}

#[napi]
impl NativeSpanImport {
    /// Resumes from the report of an earlier call.
    #[napi]
    pub fn resume(&self, report: &NativeSpanImportReport) {
        resume(&self.call, |call| call.resume(report.report.clone()));
    }

    /// Pushes a reference. Returns `false` if the caller must wait for [`ready`](Self::ready).
    #[napi]
    pub fn push(&self, trace_id: String, span_id: String) -> bool {
        self.references.push(TelemetrySpanReference::new(trace_id, span_id))
    }

    /// Waits until another reference can be pushed. Returns `false` if no more are needed.
    #[napi]
    pub async fn ready(&self) -> bool {
        self.references.ready().await
    }

    /// Marks the source as complete.
    #[napi]
    pub fn end(&self) {
        self.references.end();
    }

    /// Reports that the source failed, or that no more spans are needed.
    #[napi]
    pub fn fail(&self, message: String) {
        self.references.fail(message);
    }

    /// Returns the next progress update, or `undefined` when the call has ended.
    #[napi]
    pub async fn progress(&self) -> Option<NativeProgress> {
        self.progress.next().await
    }

    /// Runs the call. May be called once.
    #[napi]
    pub async fn run(&self) -> napi::Result<CallResult<NativeSpanImportReport>> {
        let report = self.native.run(take(&self.call)?.into_future()).await;
        Ok(call_result(report.map(|report| NativeSpanImportReport { report })))
    }
}
