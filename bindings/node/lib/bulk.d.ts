import type {
  ConversationPayloadInput,
  DatasetRecord,
  RecordPropertiesInput,
} from "./generated/models.js";
import type { ExportedRecord } from "./export.js";
import type { Progress } from "./progress.js";
import type { RawJson } from "./raw-json.js";
import type { CreateReport, ImportReport } from "./report.js";
import type { FileContent } from "./transfer.js";

/**
 * A record to create: a payload with properties beside it, a payload alone, or a record that was read. A payload that has
 * `properties` of its own is taken apart, as the lines of files are.
 */
export type NewRecord =
  | { payload: ConversationPayloadInput; properties?: RecordPropertiesInput | undefined }
  | { messages: readonly object[]; properties?: RecordPropertiesInput | undefined }
  | DatasetRecord
  | ExportedRecord
  | RawJson;

/** What {@link DatasetsBase.createRecords} takes. */
export interface CreateRecordsRequest {
  /** The dataset's id (a uuid), or its slug where the server gives datasets one. */
  datasetId: string;
  /** The records, taken only as fast as they are sent. */
  records: Iterable<NewRecord> | AsyncIterable<NewRecord>;
  /** How many requests may be under way at once; with 1, records are created in their order. Limits: 1 to 64. Default: 8. */
  concurrency?: number | undefined;
  /**
   * How records are sent: `single`, a request for each; `file`, by uploading and importing files, which is faster for many and
   * tells no ids; `auto`, by a file when there are more than 1000. Default: `auto`.
   */
  strategy?: "auto" | "single" | "file" | undefined;
  /** Whether records are sent after one has failed. Default: `stop`. */
  onError?: "stop" | "continue" | undefined;
  /** Goes on after an earlier call with the same records: what was created, or may have been, is passed over. */
  resume?: CreateReport | undefined;
  /** What is told how far the call is. An error that it throws ends the call. */
  onProgress?: ((progress: Progress) => void | Promise<void>) | undefined;
}

/** What {@link DatasetsBase.importJsonl} takes. */
export interface ImportJsonlRequest {
  /** The dataset's id (a uuid), or its slug where the server gives datasets one. */
  datasetId: string;
  /**
   * Where the lines come from: the path of a file, bytes, a `Blob`, a stream whose pieces may begin and end anywhere, or an
   * iterable of lines, each as text or as an object. A line is `{"payload", "properties"}` or `{"messages", "properties"}`.
   */
  source:
    | string
    | URL
    | Exclude<FileContent, string>
    | Iterable<string | Uint8Array | object>
    | AsyncIterable<string | Uint8Array | object>;
  /** The name under which it is uploaded. Default: the file's, otherwise `records.jsonl`. */
  name?: string | undefined;
  /** Whether bad lines are left out and told in the report, instead of ending the call. Default: false. */
  lenient?: boolean | undefined;
  /** How the source is compressed. Default: `auto`, by its first bytes. */
  compression?: Compression | undefined;
  /** The most bytes an uploaded file may have; more becomes several files. Default: 536870912, the service's limit. */
  maxFileBytes?: number | undefined;
  /** Whether to wait for the imports to end. Default: true. */
  wait?: boolean | undefined;
  /** How long to wait for each file's import, in milliseconds. Default: 1800000, which is half an hour. */
  timeoutMs?: number | undefined;
  /** Goes on after an earlier call with the same source: what was imported, or may have been, is passed over. */
  resume?: ImportReport | undefined;
  /** What is told how far the call is. An error that it throws ends the call. */
  onProgress?: ((progress: Progress) => void | Promise<void>) | undefined;
}

/** How JSONL is compressed; `auto` goes by the first bytes of what is read, and by the ending of a path that is written. */
export type Compression = "auto" | "none" | "gzip" | "zstd";
