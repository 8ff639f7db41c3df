import type { Compression } from "./bulk.js";
import type { ConversationPayload, RecordProperties, RecordSource } from "./generated/models.js";
import { Model } from "./model.js";
import type { Progress } from "./progress.js";

/** Request of {@link DatasetsBase.export}. */
export interface ExportRequest {
  /** ID of the dataset (a UUID), or its slug if the server assigns one. */
  datasetId: string;
  /**
   * The destination: the path of a file, which is created when the export is complete; a stream, which is closed at the end; or
   * a function that receives the chunks.
   */
  to:
    | string
    | URL
    | NodeWritable
    | WritableStream<Uint8Array>
    | ((chunk: Uint8Array) => void | Promise<void>);
  /** Compression of the output. Default: `auto`, by the extension of a path (`.gz`, `.zst`), otherwise none. */
  compression?: Compression | undefined;
  /** Callback for progress updates. If it throws, the export is cancelled and rejects with that error. */
  onProgress?: ((progress: Progress) => void | Promise<void>) | undefined;
}

/** A Node.js `Writable`, or a stream of a library that is compatible with it. */
export interface NodeWritable {
  write(chunk: Uint8Array): boolean;
  end(): unknown;
  on(event: string, listener: (...values: any[]) => void): unknown;
}

/** Report of an export. */
export interface ExportReport {
  /** Number of records. */
  readonly records: number;
  /** Number of bytes written, after compression. */
  readonly bytes: number;
  /** Path of the file, if the destination was a path. */
  readonly path: string | null;
}

/** A record of an export. The type parameters describe the conversation; they are not validated at run time. */
export class ExportedRecord<
  Payload = ConversationPayload,
  Properties = RecordProperties,
> extends Model {
  private constructor();

  /** The record's ID, if the export contains it. */
  readonly id: string | null;
  /** The conversation. Parsed on first access. May be edited or replaced. */
  payload: Payload;
  /** The exact JSON text of {@link payload}, as received. */
  readonly payloadText: string;
  /** Properties of the conversation. Parsed on first access. May be edited or replaced. */
  properties: Properties;
  /** The exact JSON text of {@link properties}, as received. */
  readonly propertiesText: string;
  /** Where the record came from, if the export contains it. */
  readonly source: RecordSource | null;
}
