import type { MistralError, ValidationError } from "./errors.js";
import type { ImportTask } from "./generated/models.js";

/** Report of {@link DatasetsBase.createRecords}. {@link reportOf} returns it for errors of that call. */
export class CreateReport {
  private constructor();

  /** ID of the dataset, or its slug, as passed to the call. */
  readonly datasetId: string;
  /** The outcome of each record taken from the source, in source order. */
  get items(): readonly Outcome[];
  /** Number of records created. */
  readonly created: number;
  /** Number of records that were rejected or could not be sent. */
  readonly failed: number;
  /** Number of records that may or may not have been created. Calls that resume from this report skip them. */
  readonly unknown: number;
  /** Number of records that were read but not created: they were not sent, or the import of their file failed. */
  readonly notSent: number;
  /** How the records were sent; `auto` if the call ended before a strategy was chosen. */
  readonly strategy: "auto" | "single" | "file";
  /** Why this strategy was chosen. */
  readonly reason: string;
  /** Number of unknown properties that were ignored because `allowUnknownKeys` was set. */
  readonly unknownKeyCount: number;
  /** How often each unknown property was ignored, for the first 100 different ones. */
  readonly unknownKeys: Readonly<Record<string, number>>;
  /** Duration of the call in milliseconds. */
  readonly elapsedMs: number;
  /** Import task of the last file, if records were sent as files. */
  readonly task: ImportTask | null;

  /**
   * Returns the report as an object for `JSON.stringify`, from which {@link CreateReport.fromJSON} creates it again, also in another
   * process or language. It contains no part of a record and no response body.
   *
   * @example
   * ```js
   * await writeFile("report.json", JSON.stringify(reportOf(error)));
   * const resume = CreateReport.fromJSON(await readFile("report.json", "utf8"));
   * ```
   */
  toJSON(): object;

  /**
   * Creates a report from the JSON of {@link CreateReport.toJSON}, as text or parsed. Tasks of the report have no client, so they cannot
   * be refreshed.
   *
   * @throws {@link ValidationError} if this is not such a report, or was written by a newer version whose format this version
   *   does not know.
   */
  static fromJSON(json: string | object): CreateReport;
}

/** The outcome of one record. */
export type Outcome =
  | { readonly status: "created"; readonly id: string }
  | { readonly status: "imported" | "notSent" }
  | { readonly status: "failed" | "unknown"; readonly error: MistralError };

/** Report of {@link DatasetsBase.importJsonl}. {@link reportOf} returns it for errors of that call. */
export class ImportReport {
  private constructor();

  /** ID of the dataset, or its slug, as passed to the call. */
  readonly datasetId: string;
  /** Number of lines read, including blank and invalid ones. */
  readonly lines: number;
  /** Number of records in {@link files}. */
  readonly records: number;
  /** The first 1000 invalid lines. */
  readonly invalidLines: readonly InvalidLine[];
  /** Number of invalid lines. */
  readonly invalidLineCount: number;
  /** Number of unknown keys next to `payload` that were ignored because `allowUnknownKeys` or `lenient` was set. */
  readonly unknownKeyCount: number;
  /** How often each unknown key was ignored, for the first 100 different ones. */
  readonly unknownKeys: Readonly<Record<string, number>>;
  /** Files whose import was started and has not failed. */
  readonly files: readonly ImportedFile[];
  /** Files whose import may or may not have been started. List the dataset's tasks to find out. */
  readonly unknown: readonly UnknownFile[];

  /**
   * Returns the report as an object for `JSON.stringify`, from which {@link ImportReport.fromJSON} creates it again, also in another
   * process or language. It contains no part of a record and no response body.
   *
   * @example
   * ```js
   * await writeFile("report.json", JSON.stringify(reportOf(error)));
   * const resume = ImportReport.fromJSON(await readFile("report.json", "utf8"));
   * ```
   */
  toJSON(): object;

  /**
   * Creates a report from the JSON of {@link ImportReport.toJSON}, as text or parsed. Tasks of the report have no client, so they cannot
   * be refreshed.
   *
   * @throws {@link ValidationError} if this is not such a report, or was written by a newer version whose format this version
   *   does not know.
   */
  static fromJSON(json: string | object): ImportReport;
}

/** A line that cannot be imported. */
export interface InvalidLine {
  /** Line number, from 1. */
  readonly line: number;
  /** Position of the error in characters, from 1. */
  readonly column: number;
  /** What is wrong, without quoting the line. */
  readonly problem: string;
}

/** An uploaded file whose import was started. */
export interface ImportedFile {
  /** File ID. The file is deleted when its import has succeeded. */
  readonly fileId: string;
  /** First source line of the file. */
  readonly firstLine: number;
  /** Number of source lines that the file covers. */
  readonly lines: number;
  /** Number of records in the file. */
  readonly records: number;
  /** The import task. */
  readonly task: ImportTask;
}

/** An uploaded file whose import may or may not have been started. */
export interface UnknownFile {
  /** File ID. */
  readonly fileId: string;
  /** First source line of the file. */
  readonly firstLine: number;
  /** Number of source lines that the file covers. */
  readonly lines: number;
  /** Number of records in the file. */
  readonly records: number;
}

/** Report of {@link DatasetsBase.importSpans}. {@link reportOf} returns it for errors of that call. */
export class SpanImportReport {
  private constructor();

  /** ID of the dataset, or its slug, as passed to the call. */
  readonly datasetId: string;
  /** Number of spans in {@link parts}. */
  readonly spans: number;
  /** Number of records created, as reported by the tasks that have completed. */
  readonly records: number;
  /** Number of spans that were skipped, because they do not exist or may not be read. */
  readonly skipped: number;
  /** The parts whose import was started, or may have been started, in source order. Each has at most 10,000 spans. */
  readonly parts: readonly ImportedSpans[];
}

/** Spans that were imported by one task. */
export interface ImportedSpans {
  /** Index of the first span in the source, from 0. */
  readonly first: number;
  /** Number of spans. */
  readonly spans: number;
  /**
   * The import task. It has completed, unless the wait was interrupted. Null if it is unknown whether the import was started: the
   * request was sent, but then the connection was lost, the server failed or its response was invalid.
   */
  readonly task: ImportTask | null;
}
