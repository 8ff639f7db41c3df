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

/** Matches escapes, quotes and numbers. Whole strings are not matched, because a long one would exhaust the stack. */
const TOKENS = /\\.|"|-?\d[\d.eE+-]*/g;

/** Returns the integers of a JSON text that JavaScript rounds, by the rounded number; null where several numbers become the same. */
function roundedIntegers(text) {
  const integers = new Map();
  const others = new Set();
  let isString = false;
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '"') isString = !isString;
    if (isString) continue;
    const number = Number(token);
    if (!Number.isInteger(number) || Number.isSafeInteger(number)) continue;
    if (!/^-?\d+$/.test(token)) {
      others.add(number);
      continue;
    }
    const isUnique = (integers.get(number) ?? token) === token && integers.get(number) !== null;
    integers.set(number, isUnique ? token : null);
  }
  for (const number of others) if (integers.has(number)) integers.set(number, null);
  return integers;
}

/**
 * Serializes an object that may have been parsed from a response. An unedited object becomes its original text, which preserves
 * integers beyond 2^53, escapes and whitespace. In an edited object, the integers that were not edited are preserved.
 *
 * @throws {InvalidValueError} If JSON cannot represent a value inside.
 */
function toJsonText(object) {
  const text = exactJson(object);
  const original = Parsed.text(object);
  if (original === undefined) return text;
  if (exactJson(JSON.parse(original)) === text) return original;
  const integers = roundedIntegers(original);
  return integers.size === 0 ? text : exactJson(object, integers);
}

module.exports = { rememberText, toJsonText };
