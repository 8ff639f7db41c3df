// File uploads, file downloads and presigned URLs.

"use strict";

const { ReadableStream } = require("node:stream/web");

const { expected, string, unknownName } = require("./arguments.js");
const { streamBytes, toBytes } = require("./bytes.js");
const { Call } = require("./call.js");
const { CallScope } = require("./call-scope.js");
const { parseCallOptions } = require("./options.js");
const { pushAll } = require("./pump.js");

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
function download(native, operation, request, options, open) {
  let values, callOptions;
  try {
    values = operation.validate(request);
    callOptions = parseCallOptions(options);
  } catch (error) {
    return Call.reject(error);
  }
  return Call.startMultiple(() => startDownload(native, operation, values, callOptions, open));
}

async function startDownload(native, operation, values, callOptions, open) {
  const scope = new CallScope(native, callOptions);
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
    const { bytes, open, ...details } = openFile(file, operation);
    const upload = native.prepareUpload({ ...details, ...rest }, bytes);
    const provider = new ContentProvider(open);
    provider.start(upload);
    const result = await upload.run();
    provider.stop("the call has ended");
    if (provider.failure === undefined || result.kind === undefined) return result;
    const { cause } = provider.failure;
    throw cause instanceof InvalidChunkError ? operation.invalid(cause.message) : cause;
  });
}

/** Pushes the content of a file for every attempt of an upload. */
class ContentProvider {
  #open;
  #content;
  /** `{ cause }` if the source failed. */
  failure;

  constructor(open) {
    this.#open = open;
  }

  async start(upload) {
    let content = upload.streamContent() ?? (await upload.nextContent());
    while (content) {
      // An earlier attempt may still read: its connection closes later.
      this.stop("the next attempt has started");
      this.#provide(content);
      content = await upload.nextContent();
    }
  }

  /** Stops reading the source. */
  stop(reason) {
    this.#content?.fail(reason);
  }

  async #provide(content) {
    this.#content = content;
    try {
      await pushAll(content, this.#open(), (chunk) => content.push(chunk));
    } catch (cause) {
      if (this.#content !== content) return;
      this.failure = { cause };
      this.stop("the source failed");
    }
  }
}

/** Returns the metadata of a file, and its content as `bytes` or as a function `open` that returns its chunks. */
function openFile(file, operation) {
  if (file instanceof Blob) {
    // "blob" is also the default name in `FormData`.
    const { name = "blob", type } = file;
    return {
      fileName: name,
      contentType: type === "" ? undefined : type,
      ...openContent(file),
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

/** Returns a file's content: bytes, or a function that returns its chunks, and its length if it is known. */
function openContent(content) {
  if (content instanceof Blob) {
    const open = () => streamBytes(content.stream(), invalidChunk);
    return { open, length: content.size, reopenable: true };
  }
  const bytes = toBytes(content);
  if (bytes !== undefined) return { bytes };
  if (content?.[Symbol.asyncIterator] || (content?.[Symbol.iterator] && !Array.isArray(content))) {
    return { open: () => streamBytes(content, invalidChunk) };
  }
  return expected("bytes, a string, a Blob or a stream", content);
}

/** A chunk of the content has an unsupported type. */
class InvalidChunkError extends Error {}

function invalidChunk(chunk) {
  return new InvalidChunkError(`file.content: ${expected("bytes or a string", chunk).problem}`);
}

module.exports = { Download, download, downloadFile, uploadFile };
