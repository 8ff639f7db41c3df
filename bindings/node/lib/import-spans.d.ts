import type { SpanDatasetMappingContract, TelemetrySpanReference } from "./generated/inputs.js";
import type { Progress } from "./progress.js";
import type { SpanImportReport } from "./report.js";

/** Request of {@link DatasetsBase.importSpans}. */
export interface ImportSpansRequest {
  /** ID of the dataset (a UUID), or its slug if the server assigns one. */
  datasetId: string;
  /** The spans: those that a search returns, or references to them. The iterable is consumed no faster than spans are imported. */
  spans: Iterable<TelemetrySpanReference> | AsyncIterable<TelemetrySpanReference>;
  /** How payloads are built from the attributes of a span. */
  mapping: SpanDatasetMappingContract;
  /** Maximum time to wait for each import, in milliseconds. Default: 1800000 (30 minutes). */
  waitTimeoutMs?: number | undefined;
  /** Report of an earlier call with the same spans and dataset. Spans whose import it has started are not imported again. */
  resume?: SpanImportReport | undefined;
  /** Callback for progress updates. If it throws, the call is cancelled and rejects with that error. */
  onProgress?: ((progress: Progress) => void | Promise<void>) | undefined;
}
