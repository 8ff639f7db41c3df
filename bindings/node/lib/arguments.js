// Validators of arguments. Each returns `{ value }`, the value for the native module, or `{ problem }`. Problems never quote
// strings or objects, which may be part of a conversation. If the problem is inside the argument, `location` is the path there.

"use strict";

const { InvalidValueError } = require("./exact-json.js");
const { toJsonText } = require("./original-json.js");
const { RawJson } = require("./raw-json.js");
const { Timestamp } = require("./timestamp.js");

function string(value) {
  if (typeof value !== "string") return expected("a string", value);
  // UTF-8 cannot represent an unpaired surrogate, and Node-API would silently replace it.
  if (!value.isWellFormed()) return { problem: "contains an unpaired surrogate" };
  return { value };
}

function strings(value) {
  if (!Array.isArray(value)) return expected("an array of strings", value);
  for (const [index, item] of value.entries()) {
    const { problem } = string(item);
    if (problem !== undefined) return { problem: `${problem}, at index ${index}` };
  }
  return { value };
}

function integer(value) {
  return Number.isSafeInteger(value) ? { value } : expected("an integer", value);
}

function size(value) {
  return Number.isSafeInteger(value) && value >= 0
    ? { value }
    : expected("a non-negative integer", value);
}

function milliseconds(value) {
  return Number.isFinite(value) && value >= 0
    ? { value }
    : expected("a non-negative number of milliseconds", value);
}

function callback(value) {
  return typeof value === "function" ? { value } : expected("a function", value);
}

function number(value) {
  return Number.isFinite(value) ? { value } : expected("a number", value);
}

function boolean(value) {
  return typeof value === "boolean" ? { value } : expected("a boolean", value);
}

/** A timestamp in the format of RFC 3339. */
const RFC3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;

/** Validates a `Date` or a string in the format of RFC 3339, and converts it to that format. */
function timestamp(value) {
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) return { problem: "the date is invalid" };
    return { value: value instanceof Timestamp ? value.toRFC3339() : value.toISOString() };
  }
  if (typeof value !== "string") return expected("a Date or a string", value);
  return RFC3339.test(value) && !Number.isNaN(Date.parse(value))
    ? { value }
    : { problem: "expected a timestamp such as 2026-09-01T12:30:00Z" };
}

/** Validates an object and serializes it to JSON. An unedited object from a response becomes its original text. */
function json(value) {
  if (value instanceof RawJson) {
    return value.text.trimStart().startsWith("{")
      ? { value: value.text }
      : { problem: "expected a JSON object" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return expected("an object", value);
  }
  try {
    const text = toJsonText(value);
    return text?.startsWith("{") ? { value: text } : { problem: "expected a JSON object" };
  } catch (error) {
    if (error instanceof InvalidValueError) {
      return { location: error.location, problem: error.problem };
    }
    return { problem: `cannot be serialized as JSON: ${error?.message}` };
  }
}

/** Validates an object and serializes it to JSON. Null is the same as an empty object. */
function jsonOrNull(value) {
  return value === null ? { value: "null" } : json(value);
}

/** Validates the type of a file. `transfer.js` validates its properties. */
function file(value) {
  return typeof value === "object" && value !== null ? { value } : expected("a file", value);
}

/** Makes an argument optional: it may be missing or null. */
function optional(validate) {
  const validateOptional = (value) => (value === null ? { value: undefined } : validate(value));
  validateOptional.optional = true;
  validateOptional.step = (name) => validate.step?.(name);
  return validateOptional;
}

function expected(what, value) {
  return { problem: `expected ${what}, found ${describe(value)}` };
}

/** Describes a value by its type. */
function describe(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  switch (typeof value) {
    case "string":
      return "a string";
    case "number":
      return String(value);
    case "bigint":
      return "a BigInt";
    case "undefined":
      return "undefined";
    case "object": {
      const name = value.constructor?.name;
      return name && name !== "Object" ? `a ${name}` : "an object";
    }
    default:
      return `a ${typeof value}`;
  }
}

/** Returns the message for an unknown name. It suggests a similar known name, or lists all. */
function unknownName(kind, name, known) {
  const plain = (text) => text.replaceAll("_", "").toLowerCase();
  const distances = known.map((candidate) => editDistance(plain(name), plain(candidate)));
  const best = Math.min(...distances);
  const hint =
    best <= Math.max(2, Math.ceil(name.length / 3))
      ? `did you mean \`${known[distances.indexOf(best)]}\`?`
      : `expected one of ${known.map((candidate) => `\`${candidate}\``).join(", ")}`;
  return `unknown ${kind} \`${name}\`; ${hint}`;
}

/** Returns the Levenshtein distance between two strings. */
function editDistance(left, right) {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const substitution = row[j - 1] + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[right.length];
}

module.exports = {
  boolean,
  callback,
  describe,
  expected,
  file,
  integer,
  json,
  jsonOrNull,
  milliseconds,
  number,
  optional,
  size,
  string,
  strings,
  timestamp,
  unknownName,
};
