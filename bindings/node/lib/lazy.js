// Lazily decoded values. A record keeps two numbers of its response per timestamp and JSON object, and creates the value on
// first access. Iterating over records without reading them therefore costs little.

"use strict";

const { DecodingError } = require("./errors.js");
const { Timestamp } = require("./timestamp.js");

/** Returns the timestamp at an offset of the response's numbers, or null. */
function timestampAt({ numbers }, offset) {
  const milliseconds = numbers[offset];
  return Number.isNaN(milliseconds) ? null : new Timestamp(milliseconds, numbers[offset + 1]);
}

/** Returns the text of the JSON object at an offset of the response's numbers, or null. */
function jsonTextAt({ numbers, json }, offset) {
  const start = numbers[offset];
  return Number.isNaN(start) ? null : json.toString("utf8", start, numbers[offset + 1]);
}

/** Returns the parsed JSON object at an offset of the response's numbers, or null. */
function jsonAt(source, offset) {
  return parse(jsonTextAt(source, offset));
}

/** JSON that is parsed on first access. */
class LazyJson {
  #buffer;
  #start;
  #end;
  #value;

  constructor(buffer, start, end) {
    this.#buffer = buffer;
    this.#start = start;
    this.#end = end;
  }

  get text() {
    return this.#buffer.toString("utf8", this.#start, this.#end);
  }

  get value() {
    return (this.#value ??= parse(this.text));
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    // The message of the SyntaxError would quote the text.
    throw new DecodingError({ kind: "decoding", message: "the response contains invalid JSON" });
  }
}

module.exports = { LazyJson, jsonAt, jsonTextAt, timestampAt };
