// JSON that is sent as the text it is.

"use strict";

const { inspect } = require("node:util");

const { ValidationError } = require("./errors.js");

/** A JSON object as exact text: numbers keep every digit, members their order, escapes their spelling. */
class RawJson {
  #text;

  constructor(text) {
    this.#text = text;
  }

  static from(text) {
    if (typeof text !== "string") throw refused("expected text");
    // The other half could not be sent, and would silently become another character.
    if (!text.isWellFormed()) throw refused("the text holds half of a surrogate pair");
    try {
      JSON.parse(text);
    } catch {
      // What JavaScript says about it would quote the text.
      throw refused("the text is not JSON");
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
    throw new TypeError("a RawJson stands for a whole argument, not for a part of one");
  }

  [inspect.custom]() {
    return `RawJson [${this.#text.length} characters]`;
  }
}

function refused(problem) {
  return new ValidationError({ kind: "validation", message: `RawJson.from: ${problem}` });
}

module.exports = { RawJson };
