// Members that are made when somebody looks. Until then they are two numbers of their response: a record that is only counted,
// or of which one member is wanted, costs little.

"use strict";

const { DecodingError } = require("./errors.js");
const { Timestamp } = require("./timestamp.js");

/** The time at a place of a response's numbers, or null. */
function timeOf({ numbers }, at) {
  const milliseconds = numbers[at];
  return Number.isNaN(milliseconds) ? null : new Timestamp(milliseconds, numbers[at + 1]);
}

/** The text of the raw object at a place of a response's numbers, or null. */
function textOf({ numbers, bytes }, at) {
  const start = numbers[at];
  return Number.isNaN(start) ? null : bytes.toString("utf8", start, numbers[at + 1]);
}

/** What that text says. */
function parsed(response, at) {
  return parse(textOf(response, at));
}

/** What the text of a raw object says. */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    // What JavaScript says about it would quote the text.
    throw new DecodingError({ kind: "decoding", message: "the server sent what is no JSON" });
  }
}

module.exports = { parse, parsed, textOf, timeOf };
