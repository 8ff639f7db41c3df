// The base class of responses.

"use strict";

const { inspect } = require("node:util");

/** Unknown fields by model. Not a property, because few models have unknown fields. */
const EXTRA = new WeakMap();

/** The properties that are not printed, by class. */
const HIDDEN = new Map();

/** The key of the method that returns the received text of a JSON property. */
const RECEIVED_TEXT = Symbol("received text");

/** A response, or an object in one. */
class Model {
  constructor(decoder) {
    const count = decoder.number();
    if (count === 0) return;
    const extra = [];
    for (let index = 0; index < count; index++) extra.push([decoder.string(), decoder.json()]);
    EXTRA.set(this, extra);
  }

  get extra() {
    // `fromEntries` instead of assignment, because a field may be called `__proto__`.
    return Object.fromEntries((EXTRA.get(this) ?? []).map(([name, json]) => [name, json.value]));
  }

  /** Returns the text of an unread JSON property as it was received, or undefined. */
  [RECEIVED_TEXT]() {
    return undefined;
  }

  [inspect.custom](depth, options, inspect) {
    const name = this.constructor.name;
    if (depth < 0) return options.stylize(`[${name}]`, "special");
    const shown = {};
    const hidden = HIDDEN.get(this.constructor);
    for (const name of Object.keys(this)) {
      if (!hidden?.has(name)) {
        shown[name] = withoutQuery(this[name]);
        continue;
      }
      // JSON is not parsed in order to be hidden.
      const text = this[RECEIVED_TEXT](name);
      shown[name] =
        text === undefined ? withoutContent(this[name], options) : redacted(text, options);
    }
    for (const [name, json] of EXTRA.get(this) ?? []) shown[name] = redacted(json.text, options);
    return `${name} ${inspect(shown, options)}`;
  }
}

/** Sets the properties of a model that are not printed, because they may be secret or part of a conversation. */
function hide(ModelClass, names) {
  HIDDEN.set(ModelClass, new Set(names));
}

/** Removes the query of a URL, which may contain a signature. */
function withoutQuery(value) {
  if (typeof value !== "string" || !/^https?:\/\/[^?]*\?/.test(value)) return value;
  return `${value.slice(0, value.indexOf("?"))}?…`;
}

/** Replaces a value that is not printed by its size. */
function withoutContent(value, options) {
  if (typeof value === "string" && value !== "") {
    return placeholder(`[${value.length} characters]`, options);
  }
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    return value.length === 0 ? value : placeholder(`[${value.length} items]`, options);
  }
  return placeholder("[JSON]", options);
}

/** Returns a placeholder for JSON, which may be a conversation. */
function redacted(text, options) {
  return text === null ? null : placeholder(`[${text.length} characters of JSON]`, options);
}

function placeholder(text, options) {
  const shown = options.stylize(text, "special");
  return { [inspect.custom]: () => shown };
}

module.exports = { Model, RECEIVED_TEXT, hide };
