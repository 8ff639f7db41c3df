// JSON objects that are sent as exact text.

"use strict";

const { inspect } = require("node:util");

const { ValidationError } = require("./errors.js");

/** A JSON object as exact text. */
class RawJson {
  #text;

  constructor(text) {
    this.#text = text;
  }

  static from(text) {
    if (typeof text !== "string") throw invalid("expected a string");
    // UTF-8 cannot represent an unpaired surrogate, and Node-API would silently replace it.
    if (!text.isWellFormed()) throw invalid("the text contains an unpaired surrogate");
    try {
      JSON.parse(text);
    } catch {
      // The message of the SyntaxError would quote the text.
      throw invalid("the text is not valid JSON");
    }
    return new RawJson(text);
  }

  get text() {
    return this.#text;
  }

  parse() {
    return JSON.parse(this.#text);
  }

  toString() {
    return this.#text;
  }

  toJSON() {
    throw new TypeError("RawJson can only be used as a whole argument, not nested in an object");
  }

  [inspect.custom]() {
    return `RawJson [${this.#text.length} characters]`;
  }
}

function invalid(problem) {
  return new ValidationError(`RawJson.from: ${problem}`);
}

module.exports = { RawJson };
