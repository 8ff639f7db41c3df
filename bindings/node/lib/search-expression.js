// Helpers for search expressions, the text by which spans, traces, log records and evaluations are searched.

"use strict";

const { expected, string, timestamp } = require("./arguments.js");
const { ValidationError } = require("./errors.js");

/**
 * A template tag that quotes the values of a search expression.
 *
 * @param {TemplateStringsArray} parts The parts of the expression between the values.
 */
function expression(parts, ...values) {
  if (!Array.isArray(parts?.raw)) throw invalid("use it as a template tag: expression`a = ${b}`");
  // The raw text, because backslashes belong to the expression.
  return parts.raw
    .map((part, index) => (index < values.length ? part + literal(values[index]) : part))
    .join("");
}

/** Quotes a text: in single quotes, with a backslash before quotes and backslashes. */
function text(value) {
  const { problem } = string(value);
  if (problem !== undefined) throw invalid(problem);
  return `'${value.replace(/['\\]/g, "\\$&")}'`;
}

/** Returns the field for a key of a map. */
function key(map, name) {
  const { problem } = string(map);
  if (problem !== undefined) throw invalid(problem);
  return `${map}[${text(name)}]`;
}

Object.assign(expression, { key, text });

/** Writes a value as a literal of a search expression. */
function literal(value) {
  if (typeof value === "string") return text(value);
  if (typeof value === "bigint" || Number.isFinite(value)) return String(value);
  if (value instanceof Date) {
    const { value: written, problem } = timestamp(value);
    if (problem !== undefined) throw invalid(problem);
    return text(written);
  }
  if (Array.isArray(value) && value.length > 0) return value.map(literal).join(", ");
  throw invalid(expected("a string, a finite number, a Date or an array of them", value).problem);
}

function invalid(problem) {
  return new ValidationError(`expression: ${problem}`);
}

module.exports = { expression };
