import type { Compression } from "./bulk.js";
import type { ConversationPayload, RecordProperties, RecordSource } from "./generated/models.js";
import { Model } from "./model.js";
import type { Progress } from "./progress.js";

/** What {@link DatasetsBase.export} takes. */
export interface ExportRequest {
  /** The dataset's id (a uuid), or its slug where the server gives datasets one. */
  datasetId: string;
  /**
   * Where the export goes: the path of a file, which appears when it is whole; a stream, which is closed in the end; or a
   * function that is given its bytes piece by piece.
   */
  to:
    | string
    | URL
    | NodeJS.WritableStream
    | WritableStream<Uint8Array>
    | ((piece: Uint8Array) => void | Promise<void>);
  /** How it is compressed. Default: `auto`, by the ending of a path (`.gz`, `.zst`), otherwise not at all. */
  compression?: Compression | undefined;
  /** What is told how far the export is. An error that it throws ends it. */
  onProgress?: ((progress: Progress) => void | Promise<void>) | undefined;
}

/** What an export wrote. */
export interface ExportReport {
  /** How many records. */
  readonly records: number;
  /** How many bytes, counted after compression. */
  readonly bytes: number;
  /** Where to, if it was a path. */
  readonly path: string | null;
}

/**
 * A record of an export. Its type parameters say what you know of its conversation; nothing is checked against them.
 */
export class ExportedRecord<
  Payload = ConversationPayload,
  Properties = RecordProperties,
> extends Model {
  private constructor();

  /** The record's id, where the export says it. */
  readonly id: string | null;
  /** The conversation. Parsed when it is first looked at. */
  readonly payload: Payload;
  /** The JSON text of {@link payload} as it came, to the last digit and blank. */
  readonly payloadText: string;
  /** What is said about the conversation. Parsed when it is first looked at. */
  readonly properties: Properties;
  /** The JSON text of {@link properties} as it came, to the last digit and blank. */
  readonly propertiesText: string;
  /** Where the record came from, where the export says it. */
  readonly source: RecordSource | null;
}
