// Remembers the text from which a JSON object was parsed, so that an object that was not edited is sent as it was received.

"use strict";

const { exactJson } = require("./exact-json.js");

/** Returns its argument from the constructor, so that the fields of a derived class are added to an existing object. */
class Existing {
  constructor(object) {
    return object;
  }
}

/**
 * Adds the source of the text to a parsed object as a private field, which nobody else can see. A `WeakMap` would keep objects
 * alive until the next major garbage collection, which makes reading a page several times slower.
 */
class Parsed extends Existing {
  #source;

  constructor(object, source) {
    super(object);
    this.#source = source;
  }

  /** Returns the original text of an object, or undefined. */
  static text(object) {
    return #source in object ? object.#source.text() : undefined;
  }
}

/**
 * Remembers the text of a parsed object.
 *
 * @param {{ text: () => string }} source Returns the text. It is asked only when the object is sent.
 */
function rememberText(object, source) {
  new Parsed(object, source);
}

/**
 * Serializes an object that may have been parsed from a response. An unedited object becomes its original text, which preserves
 * integers beyond 2^53, escapes and whitespace.
 *
 * @throws {InvalidValueError} If JSON cannot represent a value inside.
 */
function toJsonText(object) {
  const text = exactJson(object);
  const original = Parsed.text(object);
  return original !== undefined && exactJson(JSON.parse(original)) === text ? original : text;
}

module.exports = { rememberText, toJsonText };
