/**
 * The content of a file: bytes, a string, or a stream, which is read no faster than it is sent. A stream can be sent once only, so
 * its upload is never retried. If it throws, the call rejects with that exception. A stream that yields nothing was probably read
 * before and is an error; pass empty bytes to upload an empty file.
 */
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
      /** Name of the file. */
      fileName: string;
      /** Content of the file. Node.js streams, such as that of `fs.createReadStream`, are supported. */
      content: FileContent;
      /** Media type, such as `application/jsonl`. */
      contentType?: string | undefined;
    };

/**
 * A download as a `ReadableStream`, with methods to read it completely. It can be read once. Data is requested only when it is
 * read; cancelling the stream, or leaving a `for await` loop, closes the connection.
 *
 * @example
 * ```js
 * const download = await mistral.openLink((await mistral.datasets.exportToJsonl({ datasetId })).fileUrl);
 * await pipeline(download, createWriteStream("export.jsonl"));
 * ```
 */
export class Download extends ReadableStream<Uint8Array> {
  private constructor();

  /** Content length in bytes, if the server sent it. */
  get length(): number | null;

  /** Reads everything into memory. */
  bytes(): Promise<Uint8Array>;

  /** Reads everything into memory and decodes it as UTF-8. */
  text(): Promise<string>;
}
