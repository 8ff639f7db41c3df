// The checks of arguments. Each returns the value as the native module takes it, or the problem with it; none repeats the
// value, which may be somebody's conversation.

"use strict";

const { RawJson } = require("./raw-json.js");

/** Text, ids included. */
function text(value) {
  if (typeof value !== "string") return expected("text", value);
  // The other half could not be sent, and would silently become another character.
  if (!value.isWellFormed()) return { problem: "holds half of a surrogate pair" };
  return { value };
}

/** A list of texts. */
function texts(value) {
  if (!Array.isArray(value)) return expected("a list of texts", value);
  for (const [index, item] of value.entries()) {
    const { problem } = text(item);
    if (problem !== undefined) return { problem: `${problem}, at index ${index}` };
  }
  return { value };
}

/** A whole number. */
function integer(value) {
  return Number.isSafeInteger(value) ? { value } : expected("a whole number", value);
}

/** How many there are of something. */
function size(value) {
  return Number.isSafeInteger(value) && value >= 0
    ? { value }
    : expected("a whole number that is not negative", value);
}

/** A time that something may take. */
function milliseconds(value) {
  return Number.isFinite(value) && value >= 0
    ? { value }
    : expected("a number of milliseconds", value);
}

/** What is called. */
function listener(value) {
  return typeof value === "function" ? { value } : expected("a function", value);
}

/** A number. */
function number(value) {
  return Number.isFinite(value) ? { value } : expected("a number", value);
}

/** True or false. */
function boolean(value) {
  return typeof value === "boolean" ? { value } : expected("true or false", value);
}

/** An object to send as JSON. It crosses as its text. */
function json(value) {
  if (value instanceof RawJson) {
    return value.text.trimStart().startsWith("{")
      ? { value: value.text }
      : { problem: "expected an object" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return expected("an object", value);
  }
  try {
    const written = JSON.stringify(value);
    return written?.startsWith("{") ? { value: written } : { problem: "expected an object" };
  } catch (error) {
    return { problem: unwritable(error) };
  }
}

/** Why JavaScript cannot write an object as JSON. */
function unwritable(error) {
  const words = String(error?.message);
  if (words.includes("BigInt")) {
    return "holds a BigInt, which JavaScript cannot write as JSON; give the exact text with RawJson.from(text)";
  }
  if (words.includes("circular")) return "holds itself, and so has no end as JSON";
  return `cannot be written as JSON: ${words}`;
}

/** A file. `transfer.js` looks at what is in it. */
function file(value) {
  return typeof value === "object" && value !== null ? { value } : expected("a file", value);
}

/** The same check, but the argument may be left out, or null. */
function optional(check) {
  const checked = (value) => (value === null ? { value: undefined } : check(value));
  checked.optional = true;
  return checked;
}

function expected(what, value) {
  return { problem: `expected ${what}, found ${kindOf(value)}` };
}

/** What a value is, in words. */
function kindOf(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  switch (typeof value) {
    case "string":
      return "text";
    case "number":
      return String(value);
    case "bigint":
      return "a BigInt";
    case "object": {
      const name = value.constructor?.name;
      return name && name !== "Object" ? `a ${name}` : "an object";
    }
    default:
      return `a ${typeof value}`;
  }
}

module.exports = {
  boolean,
  expected,
  file,
  integer,
  json,
  kindOf,
  listener,
  milliseconds,
  number,
  optional,
  size,
  text,
  texts,
};
