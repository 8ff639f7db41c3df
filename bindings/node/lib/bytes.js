// Conversion and splitting of bytes.

"use strict";

/** Size of the chunks in which in-memory data is passed to the native module, in bytes. */
const CHUNK_SIZE = 256 * 1024;

/** Returns the bytes of a string, buffer or view; undefined for anything else. */
function toBytes(value) {
  if (typeof value === "string") return Buffer.from(value);
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
    return new Uint8Array(value);
  }
  return undefined;
}

/** Splits bytes into chunks. */
function* splitBytes(bytes) {
  for (let start = 0; start < bytes.byteLength; start += CHUNK_SIZE) {
    yield bytes.subarray(start, start + CHUNK_SIZE);
  }
}

/**
 * Converts and splits the chunks of a stream.
 *
 * @param {(chunk) => Error} invalidChunk Creates the error for a chunk that is not bytes or a string.
 */
async function* streamBytes(stream, invalidChunk) {
  for await (const chunk of stream) {
    const bytes = toBytes(chunk);
    if (bytes === undefined) throw invalidChunk(chunk);
    yield* splitBytes(bytes);
  }
}

module.exports = { CHUNK_SIZE, splitBytes, streamBytes, toBytes };
