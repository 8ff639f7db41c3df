/** The content of a file: bytes or text that is there already, or a stream that is read as fast as it can be sent. */
export type FileContent =
  | string
  | ArrayBuffer
  | ArrayBufferView
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array>;

/**
 * A file to upload: a `File`, a `Blob`, or a name with content.
 *
 * @example
 * ```js
 * await mistral.files.upload({ file: { fileName: "records.jsonl", content: createReadStream("records.jsonl") } });
 * await mistral.files.upload({ file: await openAsBlob("records.jsonl") });
 * ```
 */
export type FileInput =
  | Blob
  | {
      /** The name under which the file is stored. */
      fileName: string;
      /** What is in it. A Node.js stream can be given, such as what `fs.createReadStream` returns. */
      content: FileContent;
      /** Its media type, such as `application/jsonl`. */
      contentType?: string | undefined;
    };

/**
 * Bytes on their way in: a `ReadableStream` that can also be read as a whole. It is read once. Nothing is fetched ahead of
 * whoever reads; cancelling it, or leaving a `for await`, closes the connection.
 *
 * @example
 * ```js
 * const download = await mistral.openLink((await mistral.datasets.exportToJsonl({ datasetId })).fileUrl);
 * await pipeline(download, createWriteStream("export.jsonl"));
 * ```
 */
export class Download extends ReadableStream<Uint8Array> {
  private constructor();

  /** How many bytes will come, where the server says it. */
  get length(): number | null;

  /** Reads everything into memory. */
  bytes(): Promise<Uint8Array>;

  /** Reads everything into memory, as UTF-8. */
  text(): Promise<string>;
}
