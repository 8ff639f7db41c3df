import type { CreateRecordsRequest, ImportJsonlRequest } from "./bulk.js";
import type { ExportedRecord, ExportReport, ExportRequest } from "./export.js";
import type { ConversationPayload, RecordProperties } from "./generated/models.js";
import type { ImportSpansRequest } from "./import-spans.js";
import type { CallOptions } from "./options.js";
import type { CreateReport, ImportReport, SpanImportReport } from "./report.js";
import type { TaskHandle } from "./task.js";

/** Methods of `datasets` that combine several requests. */
export abstract class DatasetsBase {
  protected constructor();

  /**
   * Returns a handle for an import task, given saved IDs. No request is sent.
   *
   * @throws {ValidationError} If an ID is missing or not a string.
   * @example
   * ```js
   * await mistral.datasets.task({ datasetId, taskId }).wait();
   * ```
   */
  task(request: { datasetId: string; taskId: string }): TaskHandle;

  /**
   * Creates many records concurrently.
   *
   * No record is sent twice: if a request fails and may have been carried out, the record is reported as `unknown`, and calls
   * that resume from the report skip it. The number of concurrent requests adapts to the load of the server.
   *
   * @returns The outcome of every record, in source order.
   * @throws {MistralError} The first failed record, unless `onError` is `continue`; an error that affects all records.
   * An exception of the source is rethrown as it is. {@link reportOf} returns the partial report of either, which a later call
   * can resume from.
   * @example
   * ```js
   * const records = conversations.map((messages) => ({ payload: { messages }, properties: {} }));
   * const report = await mistral.datasets.createRecords({ datasetId, records });
   * console.log(report.created, report.strategy, report.reason);
   * ```
   */
  createRecords(request: CreateRecordsRequest, options?: CallOptions): Promise<CreateReport>;

  /**
   * Imports JSONL of any size. All lines are validated first; then the source is uploaded and imported, as several files if it
   * exceeds the size limit. The source is streamed and never held in memory.
   *
   * @returns The imported files and the invalid lines.
   * @throws {ValidationError} If a line is invalid, with its line number and column. Nothing is uploaded.
   * @throws {TaskFailedError} If an import fails.
   * @throws {MistralError} If a request fails. An exception of the source is rethrown as it is. {@link reportOf} returns the
   * partial report of either, which a later call can resume from.
   * @example
   * ```js
   * const report = await mistral.datasets.importJsonl({ datasetId, source: "conversations.jsonl.gz" });
   * console.log(report.records);
   * ```
   */
  importJsonl(request: ImportJsonlRequest, options?: CallOptions): Promise<ImportReport>;

  /**
   * Imports any number of spans, one record per span, and waits for the imports. Every 10,000 spans are imported by a task of their
   * own, one after another. Only servers of the third generation of the API have this operation.
   *
   * A span that does not exist, or that may not be read, is skipped and counted in the report.
   *
   * @returns The parts that were imported.
   * @throws {ValidationError} If an argument is invalid, or if the source yields nothing.
   * @throws {TaskFailedError} If an import fails.
   * @throws {MistralError} If a request fails. An exception of the source is rethrown as it is. {@link reportOf} returns the
   * partial report of either, which a later call can resume from.
   * @example
   * ```js
   * const source = { namespace: "span_attributes", key: "gen_ai.input.messages" };
   * const report = await mistral.datasets.importSpans({
   *   datasetId,
   *   spans: mistral.spans.iterSpans({ searchExpression: "operation_name = 'chat'" }),
   *   mapping: { mappings: [{ targetField: "messages", sourceField: source }] },
   * });
   * console.log(report.records, report.skipped);
   * ```
   */
  importSpans(request: ImportSpansRequest, options?: CallOptions): Promise<SpanImportReport>;

  /**
   * Exports a whole dataset as JSONL, one record per line. After a connection loss the download continues where it stopped,
   * an expired URL is renewed, and the number of records is checked at the end.
   *
   * @returns The number of records and bytes written.
   * @throws {DecodingError} If records are missing from the export.
   * @throws {MistralError} If a request fails. Errors of the destination stream or function are rethrown unchanged.
   * @example
   * ```js
   * const { records } = await mistral.datasets.export({ datasetId, to: "refunds.jsonl.zst" });
   * ```
   */
  export(request: ExportRequest, options?: CallOptions): Promise<ExportReport>;

  /**
   * Iterates over the records of an export without writing a file. For whole datasets this is faster than
   * {@link Datasets.iterRecords}. No request is sent before the first record is requested, and leaving the loop cancels the
   * export.
   *
   * @throws {ValidationError} If `datasetId` is missing or not a string.
   * @throws {MistralError} If a request fails. Thrown by the iteration.
   * @example
   * ```js
   * for await (const { payload } of mistral.datasets.exportRecords({ datasetId })) console.log(payload.messages.length);
   * ```
   */
  exportRecords<Payload = ConversationPayload, Properties = RecordProperties>(
    request: { datasetId: string },
    options?: CallOptions,
  ): AsyncIterable<ExportedRecord<Payload, Properties>>;
}
