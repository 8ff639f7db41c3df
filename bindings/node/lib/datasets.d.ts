import type { CreateRecordsRequest, ImportJsonlRequest } from "./bulk.js";
import type { ExportedRecord, ExportReport, ExportRequest } from "./export.js";
import type { ConversationPayload, RecordProperties } from "./generated/models.js";
import type { CallOptions } from "./options.js";
import type { CreateReport, ImportReport } from "./report.js";
import type { TaskHandle } from "./task.js";

/** What datasets can do beyond single operations. */
export abstract class DatasetsBase {
  protected constructor();

  /**
   * A handle of an import task, by ids that were saved or that an import returned. Nothing is sent.
   *
   * @throws {ValidationError} When an id is missing or no text.
   * @example
   * ```js
   * await mistral.datasets.task({ datasetId, taskId }).wait();
   * ```
   */
  task(request: { datasetId: string; taskId: string }): TaskHandle;

  /**
   * Creates many records, several at a time, taken from their source only as fast as they are sent.
   *
   * Nothing is sent twice: a record whose request failed so that it may have been carried out is `unknown` in the report, and
   * no call sends it again. A server that is too busy is given time.
   *
   * @returns What became of every record, in the order of the source.
   * @throws {MistralError} The first failure of a record, unless `onError` is `continue`, and in any case one that every
   * record would meet, and that of the source. Its `report` says what was done, and is what a later call resumes from.
   * @example
   * ```js
   * const records = conversations.map((messages) => ({ payload: { messages }, properties: {} }));
   * const report = await mistral.datasets.createRecords({ datasetId, records });
   * console.log(report.created, report.strategy, report.reason);
   * ```
   */
  createRecords(request: CreateRecordsRequest, options?: CallOptions): Promise<CreateReport>;

  /**
   * Imports JSONL: every line is checked, and then, if none is bad, uploaded and imported, in several files where the service
   * takes no larger one. It is never held in memory.
   *
   * @returns What was imported.
   * @throws {ValidationError} When a line is bad: with its number and its column, and nothing was sent.
   * @throws {TaskFailedError} When an import failed.
   * @throws {MistralError} As the server and the connection have it. Its `report` is what a later call resumes from.
   * @example
   * ```js
   * const report = await mistral.datasets.importJsonl({ datasetId, source: "conversations.jsonl.gz" });
   * console.log(report.records);
   * ```
   */
  importJsonl(request: ImportJsonlRequest, options?: CallOptions): Promise<ImportReport>;

  /**
   * Gets a whole dataset out as JSONL, a record a line. A connection that breaks is made again and goes on where it stopped,
   * an expired link is asked for again, and in the end the lines are counted.
   *
   * @throws {DecodingError} When records are missing from the export.
   * @throws {MistralError} As the server and the connection have it. What a stream or a function throws ends the export.
   * @example
   * ```js
   * const { records } = await mistral.datasets.export({ datasetId, to: "refunds.jsonl.zst" });
   * ```
   */
  export(request: ExportRequest, options?: CallOptions): Promise<ExportReport>;

  /**
   * The records of an export, without a file: faster than {@link Datasets.iterRecords} for a whole dataset. Nothing is sent
   * before the first record is asked for, and leaving the loop stops everything.
   *
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
