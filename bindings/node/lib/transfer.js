// The two operations whose bytes stream, and so are written by hand: the upload and the download of a file. Links are
// opened the same way.

"use strict";

const { ReadableStream } = require("node:stream/web");

const { expected, text } = require("./arguments.js");
const { fed } = require("./feed.js");
const { ofCall } = require("./options.js");
const { Scope } = require("./scope.js");

/** The size of the pieces in which what lies in memory is sent. */
const PIECE = 256 * 1024;

/** Bytes on their way in: a `ReadableStream` that can also be read as a whole. */
class Download extends ReadableStream {
  #length;

  /**
   * @param receive Returns what the native module hands over, or throws the error of a failure.
   * @param end Is called when no more is wanted.
   */
  constructor(native, receive, end = () => {}) {
    const source = {
      async pull(controller) {
        const { bytes } = receive(await native.next());
        if (bytes !== undefined) return controller.enqueue(bytes);
        controller.close();
        end();
      },
      cancel() {
        native.cancel();
        end();
      },
    };
    // Nothing is read ahead of whoever reads.
    super(source, { highWaterMark: 0 });
    this.#length = native.length;
  }

  get length() {
    return this.#length;
  }

  async bytes() {
    const pieces = [];
    for await (const piece of this) pieces.push(piece);
    return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
  }

  async text() {
    return new TextDecoder().decode(await this.bytes());
  }
}

/** Carries out `download_file`. */
function downloadFile(native, operation, request, options) {
  return download(native, operation, request, options, (native, { fileId }) =>
    native.downloadFile(fileId),
  );
}

/** Begins a download. A signal breaks it off until its last byte is there. */
async function download(native, operation, request, options, open) {
  const values = operation.checked(request);
  const scope = new Scope(native, ofCall(options));
  const receive = (outcome) => {
    try {
      return operation.received(outcome, native);
    } catch (error) {
      scope.end();
      throw scope.explained(error);
    }
  };
  const opened = receive(await open(scope.native, values));
  return new Download(opened, receive, () => scope.end());
}

/** Carries out `upload_file`. */
function uploadFile(native, operation, request, options) {
  return operation.call(native, request, options, async (native, values) => {
    const { file, ...about } = values;
    const { pieces, ...details } = opened(file, operation);
    const upload = native.prepareUpload({ ...details, ...about });
    const push = (piece) => upload.push(piece);
    const { outcome, problem } = await fed(upload, pieces, push, () => upload.send());
    if (problem === undefined) return outcome;
    if (problem.cause instanceof Refusal) throw operation.invalid(problem.cause.message);
    throw operation.invalid("file: its content could not be read", problem);
  });
}

/** What is said about a file, and its content in pieces. */
function opened(file, operation) {
  if (file instanceof Blob) {
    // What has no name is called what web forms call it.
    const { name = "blob", type, size } = file;
    return {
      fileName: name,
      contentType: type === "" ? undefined : type,
      length: size,
      pieces: stream(file.stream()),
    };
  }
  const { fileName, content, contentType, ...unknown } = file;
  for (const name of Object.keys(unknown)) {
    throw operation.invalid(
      `file.${name}: is no argument; there is fileName, content, contentType`,
    );
  }
  for (const [name, value] of Object.entries({ fileName, contentType })) {
    if (value === undefined && name === "contentType") continue;
    const { problem } = value === undefined ? { problem: "is missing" } : text(value);
    if (problem !== undefined) throw operation.invalid(`file.${name}: ${problem}`);
  }
  const found = source(content);
  if (found.problem !== undefined) throw operation.invalid(`file.content: ${found.problem}`);
  return { fileName, contentType, ...found };
}

/** Where the bytes of a file come from: what is there already, or what comes bit by bit. */
function source(content) {
  if (content === undefined) return { problem: "is missing" };
  if (content instanceof Blob) return { length: content.size, pieces: stream(content.stream()) };
  const bytes = bytesOf(content);
  if (bytes !== undefined) return { length: bytes.byteLength, pieces: cut(bytes) };
  if (content?.[Symbol.asyncIterator] || (content?.[Symbol.iterator] && !Array.isArray(content))) {
    return { pieces: stream(content) };
  }
  return expected("bytes, text, a Blob or a stream", content);
}

/** The bytes of what is bytes or text. */
function bytesOf(value) {
  if (typeof value === "string") return Buffer.from(value);
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value))
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer)
    return new Uint8Array(value);
  return undefined;
}

function* cut(bytes) {
  for (let start = 0; start < bytes.byteLength; start += PIECE) {
    yield bytes.subarray(start, start + PIECE);
  }
}

async function* stream(content) {
  for await (const piece of content) {
    const bytes = bytesOf(piece);
    if (bytes === undefined)
      throw new Refusal(`file.content: ${expected("bytes or text", piece).problem}`);
    yield* cut(bytes);
  }
}

/** The content yielded what cannot be sent. */
class Refusal extends Error {}

module.exports = { Download, bytesOf, download, downloadFile, uploadFile };
