// Serializes values as JSON exactly, or refuses them. `JSON.stringify` silently changes values that JSON does not have: NaN becomes
// null, a Map becomes {}, and functions disappear.

"use strict";

const { types } = require("node:util");

/** Nesting depth up to which a value may be plain. A deeper one may contain itself. */
const MAX_PLAIN_DEPTH = 64;

/** Maximum length of a property name in a location, in characters. */
const MAX_NAME = 64;

/** A value that JSON cannot represent. */
class InvalidValueError extends Error {
  /**
   * @param {string} location The path of the value inside the serialized one, such as `.messages[0].score`. Empty for the whole.
   * @param {string} problem What is wrong with the value, without quoting it.
   */
  constructor(location, problem) {
    super(problem);
    this.location = location;
    this.problem = problem;
  }
}

/**
 * Serializes an object or array as JSON. Properties that are undefined are omitted, and `toJSON` methods are called.
 *
 * @param {Map<number, string | null>} integers The texts of integers that JavaScript has rounded, by the rounded number; null for
 *   a number that stands for several of the text.
 * @throws {InvalidValueError} If JSON cannot represent a value inside.
 */
function exactJson(value, integers = NO_INTEGERS) {
  if (integers.size === 0 && isPlain(value, 0)) return JSON.stringify(value);
  try {
    return write(value, "", "", { parents: new Set(), integers });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InvalidValueError("", "nested too deeply");
  }
}

const NO_INTEGERS = new Map();

/** Whether `JSON.stringify` writes a value exactly. Most values are, and checking that is fast. */
function isPlain(value, depth) {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0);
    case "object":
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (depth > MAX_PLAIN_DEPTH || value.toJSON !== undefined) return false;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      if (!isPlain(value[index], depth + 1)) return false;
    }
    return true;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const name in value) {
    const item = value[name];
    if (item !== undefined && !isPlain(item, depth + 1)) return false;
  }
  return true;
}

/**
 * Writes any value, step by step as `JSON.stringify` does. Returns undefined for undefined.
 *
 * @param {string} key The key of the value in its parent.
 * @param {string} location The path of the value.
 * @param {{ parents: Set<object>, integers: Map }} context The objects that contain the value, and the rounded integers.
 */
function write(value, key, location, context) {
  const refuse = (problem) => new InvalidValueError(location, problem);
  const refused = refusal(value);
  if (refused !== undefined) throw refuse(refused);
  if (typeof value?.toJSON === "function") {
    try {
      value = value.toJSON(key);
    } catch (error) {
      throw refuse(`cannot be serialized as JSON: ${error?.message}`);
    }
    const refused = refusal(value);
    if (refused !== undefined) throw refuse(refused);
  }
  if (types.isBoxedPrimitive(value)) value = value.valueOf();
  switch (typeof value) {
    case "undefined":
      return undefined;
    case "number":
      if (!Number.isFinite(value)) throw refuse(`${value} is not a JSON number`);
      if (context.integers.has(value)) return writeInteger(value, location, context);
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
      throw refuse(
        "a BigInt is not a JSON value; convert it to a number or a string, or pass the exact JSON with RawJson.from(text)",
      );
    case "function":
    case "symbol":
      throw refuse(`a ${typeof value} is not a JSON value`);
    case "object":
      break;
    default:
      return JSON.stringify(value);
  }
  if (value === null) return "null";
  if (context.parents.has(value)) throw refuse("the value contains itself");
  context.parents.add(value);
  const text = Array.isArray(value)
    ? writeArray(value, location, context)
    : writeObject(value, location, context);
  context.parents.delete(value);
  return text;
}

/** Writes an integer as it was before JavaScript rounded it. */
function writeInteger(value, location, { integers }) {
  const text = integers.get(value);
  if (text !== null) return text;
  throw new InvalidValueError(
    location,
    "several numbers of the original text are this JavaScript number; pass the exact JSON with RawJson.from(text)",
  );
}

function writeArray(value, location, context) {
  const items = [];
  for (let index = 0; index < value.length; index++) {
    const itemLocation = `${location}[${index}]`;
    const text = write(value[index], String(index), itemLocation, context);
    if (text === undefined) {
      throw new InvalidValueError(itemLocation, "undefined is not a JSON value; use null");
    }
    items.push(text);
  }
  return `[${items.join(",")}]`;
}

function writeObject(value, location, context) {
  const properties = [];
  for (const name of Object.keys(value)) {
    const text = write(value[name], name, location + member(name), context);
    if (text !== undefined) properties.push(`${JSON.stringify(name)}:${text}`);
  }
  return `{${properties.join(",")}}`;
}

/** Built-in objects that `JSON.stringify` would write without their content or in a different form, and what to do instead. */
const REFUSED = [
  [types.isMap, "convert it with Object.fromEntries"],
  [types.isSet, "convert it to an array"],
  [types.isArrayBufferView, "convert it to an array or a string"],
  [types.isAnyArrayBuffer, "convert it to an array or a string"],
  [types.isPromise, "await it"],
  [types.isRegExp, "convert it to a string"],
  [types.isNativeError, "convert it to a string"],
  [types.isWeakMap],
  [types.isWeakSet],
  [types.isGeneratorObject, "convert it to an array"],
  [types.isMapIterator, "convert it to an array"],
  [types.isSetIterator, "convert it to an array"],
];

/** Returns why a value is refused, or undefined. */
function refusal(value) {
  if (typeof value !== "object" || value === null) return undefined;
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? "the date is invalid" : undefined;
  // Others may have a JSON form of their own, but that of a Buffer is not its content.
  for (const [is, remedy] of REFUSED) {
    if (!is(value)) continue;
    if (typeof value.toJSON === "function" && !types.isArrayBufferView(value)) return undefined;
    const name = value.constructor?.name ?? "object";
    const article = /^[AEIOU]/.test(name) && !name.startsWith("Uint") ? "an" : "a";
    return `${article} ${name} is not a JSON value${remedy === undefined ? "" : `; ${remedy}`}`;
  }
  return undefined;
}

/** Formats a property name for a location. */
function member(name) {
  if (name.length <= MAX_NAME && /^[A-Za-z_$][\w$-]*$/.test(name)) return `.${name}`;
  return `[${JSON.stringify(name.length <= MAX_NAME ? name : `${name.slice(0, MAX_NAME)}…`)}]`;
}

module.exports = { InvalidValueError, exactJson };
