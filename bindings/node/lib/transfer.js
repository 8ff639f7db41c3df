// File uploads, file downloads and presigned URLs.

"use strict";

const { ReadableStream } = require("node:stream/web");

const { expected, string, unknownName } = require("./arguments.js");
const { splitBytes, streamBytes, toBytes } = require("./bytes.js");
const { CallScope } = require("./call-scope.js");
const { parseCallOptions } = require("./options.js");
const { pump } = require("./pump.js");

/** A download as a `ReadableStream`, with methods to read it completely. */
class Download extends ReadableStream {
  #length;

  /**
   * @param unwrap Returns the value of a native call, or throws its failure.
   * @param end Called when the download has ended or was cancelled.
   */
  constructor(native, unwrap, end = () => {}) {
    const source = {
      async pull(controller) {
        const { bytes } = unwrap(await native.next());
        if (bytes !== undefined) return controller.enqueue(bytes);
        controller.close();
        end();
      },
      cancel() {
        native.cancel();
        end();
      },
    };
    // Disables read-ahead.
    super(source, { highWaterMark: 0 });
    this.#length = native.length;
  }

  get length() {
    return this.#length;
  }

  async bytes() {
    const chunks = [];
    for await (const chunk of this) chunks.push(chunk);
    return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
  }

  async text() {
    return new TextDecoder().decode(await this.bytes());
  }
}

/** Runs `download_file`. */
function downloadFile(native, operation, request, options) {
  return download(native, operation, request, options, (native, { fileId }) =>
    native.downloadFile(fileId),
  );
}

/** Starts a download. The abort signal stays connected until the last chunk. */
async function download(native, operation, request, options, open) {
  const values = operation.validate(request);
  const scope = new CallScope(native, parseCallOptions(options));
  const unwrap = (result) => {
    try {
      return operation.unwrap(result, native);
    } catch (error) {
      scope.end();
      throw scope.withAbortReason(error);
    }
  };
  const nativeDownload = unwrap(await open(scope.native, values));
  return new Download(nativeDownload, unwrap, () => scope.end());
}

/** Runs `upload_file`. */
function uploadFile(native, operation, request, options) {
  return operation.call(native, request, options, async (native, values) => {
    const { file, ...rest } = values;
    const { chunks, ...details } = openFile(file, operation);
    const upload = native.prepareUpload({ ...details, ...rest });
    const push = (chunk) => upload.push(chunk);
    const { result, sourceError } = await pump(upload, chunks, push, () => upload.run());
    if (sourceError === undefined) return result;
    const { cause } = sourceError;
    if (cause instanceof InvalidChunkError) throw operation.invalid(cause.message);
    throw operation.invalid("file.content: reading failed", { cause });
  });
}

/** Returns the metadata and the chunks of a file. */
function openFile(file, operation) {
  if (file instanceof Blob) {
    // "blob" is also the default name in `FormData`.
    const { name = "blob", type, size } = file;
    return {
      fileName: name,
      contentType: type === "" ? undefined : type,
      length: size,
      chunks: streamBytes(file.stream(), invalidChunk),
    };
  }
  const { fileName, content, contentType, ...unknown } = file;
  for (const name of Object.keys(unknown)) {
    const known = ["fileName", "content", "contentType"];
    throw operation.invalid(`file: ${unknownName("property", name, known)}`);
  }
  for (const [name, value] of Object.entries({ fileName, content })) {
    if (value === undefined) throw operation.invalid(`file: missing property \`${name}\``);
  }
  for (const [name, value] of Object.entries({ fileName, contentType })) {
    const { problem } = value === undefined ? {} : string(value);
    if (problem !== undefined) throw operation.invalid(`file.${name}: ${problem}`);
  }
  const source = openContent(content);
  if (source.problem !== undefined) throw operation.invalid(`file.content: ${source.problem}`);
  return { fileName, contentType, ...source };
}

/** Returns the chunks of a file's content, and its length if it is known. */
function openContent(content) {
  if (content instanceof Blob) {
    return { length: content.size, chunks: streamBytes(content.stream(), invalidChunk) };
  }
  const bytes = toBytes(content);
  if (bytes !== undefined) return { length: bytes.byteLength, chunks: splitBytes(bytes) };
  if (content?.[Symbol.asyncIterator] || (content?.[Symbol.iterator] && !Array.isArray(content))) {
    return { chunks: streamBytes(content, invalidChunk) };
  }
  return expected("bytes, a string, a Blob or a stream", content);
}

/** A chunk of the content has an unsupported type. */
class InvalidChunkError extends Error {}

function invalidChunk(chunk) {
  return new InvalidChunkError(`file.content: ${expected("bytes or a string", chunk).problem}`);
}

module.exports = { Download, download, downloadFile, uploadFile };
