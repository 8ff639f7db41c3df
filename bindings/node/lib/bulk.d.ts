import type {
  ConversationPayloadInput,
  DatasetRecord,
  RecordPropertiesInput,
} from "./generated/models.js";
import type { ExportedRecord } from "./export.js";
import type { Progress } from "./progress.js";
import type { CreateReport, ImportReport } from "./report.js";
import type { FileContent } from "./transfer.js";

/**
 * A record to create: a payload with properties, a payload alone, or an existing record or a copy of one. If a bare payload has a
 * `properties` property, its value becomes the record's properties, as in JSONL files. Null properties are the same as an empty
 * object.
 *
 * Payloads and properties of existing records are sent as their exact original text, unless they were edited.
 *
 * Values that JSON cannot represent, such as NaN, a `Map` or a function, are rejected with their path.
 */
export type NewRecord =
  | { payload: ConversationPayloadInput; properties?: RecordPropertiesInput | null | undefined }
  | ConversationPayloadInput
  | DatasetRecord<unknown, unknown>
  | ExportedRecord<unknown, unknown>;

/** Request of {@link DatasetsBase.createRecords}. */
export interface CreateRecordsRequest {
  /** ID of the dataset (a UUID), or its slug if the server assigns one. */
  datasetId: string;
  /**
   * The records. The iterable is consumed no faster than records are sent. A generator or stream that yields nothing was probably
   * read before and is an error; an empty array is accepted.
   */
  records: Iterable<NewRecord> | AsyncIterable<NewRecord>;
  /** Maximum number of concurrent requests. With 1, records are created in order. Limits: 1 to 64. Default: 8. */
  concurrency?: number | undefined;
  /**
   * How records are sent: `single` sends one request per record; `file` uploads and imports files, which is faster for many
   * records but does not return their IDs; `auto` uses `file` for more than 1000 records or 32 MiB. To decide, `auto` reads up
   * to that many records, for at most 5 seconds, before it sends any. Default: `auto`.
   */
  strategy?: "auto" | "single" | "file" | undefined;
  /** Whether to continue after a record has failed. Default: `stop`. */
  onError?: "stop" | "continue" | undefined;
  /**
   * Whether to ignore properties beside `payload` that a record does not have, and to count them in the report. Otherwise a
   * record with such a property fails. Default: false.
   */
  allowUnknownKeys?: boolean | undefined;
  /**
   * Report of an earlier call with the same records and dataset. Records that it created, or may have created, are skipped. The
   * report of another process is created by {@link CreateReport.fromJSON}.
   */
  resume?: CreateReport | undefined;
  /** Callback for progress updates. If it throws, the call is cancelled and rejects with that error. */
  onProgress?: ((progress: Progress) => void | Promise<void>) | undefined;
}

/** Request of {@link DatasetsBase.importJsonl}. */
export interface ImportJsonlRequest {
  /** ID of the dataset (a UUID), or its slug if the server assigns one. */
  datasetId: string;
  /**
   * The JSONL: the path of a file, bytes, a `Blob`, a stream of chunks, or an iterable of lines, each a string or an object. A
   * line is `{"payload", "properties"}` or `{"messages", "properties"}`.
   */
  source:
    | string
    | URL
    | Exclude<FileContent, string>
    | Iterable<string | Uint8Array | object>
    | AsyncIterable<string | Uint8Array | object>;
  /** Name of the uploaded file. Default: the name of the source file, or `records.jsonl`. */
  name?: string | undefined;
  /**
   * Whether to skip invalid lines and list them in the report instead of failing. Unknown keys are then ignored, too. A source
   * that is empty or not JSON Lines at all fails in any case. Default: false.
   */
  lenient?: boolean | undefined;
  /**
   * Whether to ignore keys beside `payload` that a record does not have, and to count them in the report. Otherwise a line with
   * such a key is invalid. Keys beside `messages` belong to the payload. Default: false.
   */
  allowUnknownKeys?: boolean | undefined;
  /** Compression of the source. Default: `auto`, which detects it from the first bytes. */
  compression?: Compression | undefined;
  /** Maximum size of an uploaded file, in bytes. Larger sources are split. Default: 536870912, the limit of the service. */
  maxFileBytes?: number | undefined;
  /** Whether to wait for the imports to finish. Default: true. */
  wait?: boolean | undefined;
  /** Maximum time to wait for each file's import, in milliseconds. Default: 1800000 (30 minutes). */
  waitTimeoutMs?: number | undefined;
  /**
   * Report of an earlier call with the same source and dataset. Lines that it imported, or may have imported, are skipped. The
   * report of another process is created by {@link ImportReport.fromJSON}.
   */
  resume?: ImportReport | undefined;
  /** Callback for progress updates. If it throws, the call is cancelled and rejects with that error. */
  onProgress?: ((progress: Progress) => void | Promise<void>) | undefined;
}

/** Compression of JSONL. `auto` detects it from the first bytes when reading, and from the file extension when writing. */
export type Compression = "auto" | "none" | "gzip" | "zstd";
