// The base class of responses.

"use strict";

const { inspect } = require("node:util");

/** Unknown fields by model. Not a property, because few models have unknown fields. */
const EXTRA = new WeakMap();

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

  [inspect.custom](depth, options, inspect) {
    const name = this.constructor.name;
    if (depth < 0) return options.stylize(`[${name}]`, "special");
    const shown = {};
    for (const name of Object.keys(this)) {
      // JSON is not parsed in order to be hidden.
      const text = this[`${name}Text`];
      shown[name] = text === undefined ? withoutQuery(this[name]) : redacted(text, options);
    }
    for (const [name, json] of EXTRA.get(this) ?? []) shown[name] = redacted(json.text, options);
    return `${name} ${inspect(shown, options)}`;
  }
}

/** Removes the query of a URL, which may contain a signature. */
function withoutQuery(value) {
  if (typeof value !== "string" || !/^https?:\/\/[^?]*\?/.test(value)) return value;
  return `${value.slice(0, value.indexOf("?"))}?…`;
}

/** Returns a placeholder for JSON, which may be a conversation. */
function redacted(text, options) {
  if (text === null) return null;
  const shown = options.stylize(`[${text.length} characters of JSON]`, "special");
  return { [inspect.custom]: () => shown };
}

module.exports = { Model };
