// Remembers the text from which a JSON value was parsed, so that a value that was not edited is sent as it was received.

"use strict";

const { exactJson } = require("./exact-json.js");

/** Functions that return the original texts, by parsed value. */
const TEXTS = new WeakMap();

/**
 * Remembers the text of a parsed value.
 *
 * @param {() => string} text Returns the text. It is called only when the value is sent.
 */
function rememberText(value, text) {
  TEXTS.set(value, text);
}

/**
 * Serializes a value that may have been parsed from a response. An unedited value becomes its original text, which preserves
 * integers beyond 2^53, escapes and whitespace.
 *
 * @throws {InvalidValueError} If JSON cannot represent a value inside.
 */
function toJsonText(value) {
  const text = exactJson(value);
  const original = TEXTS.get(value)?.();
  return original !== undefined && exactJson(JSON.parse(original)) === text ? original : text;
}

module.exports = { rememberText, toJsonText };
