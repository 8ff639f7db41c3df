// What all classes of responses share.

"use strict";

const { inspect } = require("node:util");

/** The members that the document does not know, by the object that has them. Few have any, so that none has a field. */
const EXTRA = new WeakMap();

/** A response, or a part of one. */
class Model {
  constructor(reader) {
    const unknown = reader.number();
    if (unknown === 0) return;
    const extra = [];
    for (let index = 0; index < unknown; index++) extra.push([reader.text(), reader.raw()]);
    EXTRA.set(this, extra);
  }

  get extra() {
    // Not by assignment, for a member may be called `__proto__`.
    return Object.fromEntries((EXTRA.get(this) ?? []).map(([name, raw]) => [name, raw.value]));
  }

  [inspect.custom](depth, options, inspect) {
    const name = this.constructor.name;
    if (depth < 0) return options.stylize(`[${name}]`, "special");
    const shown = {};
    for (const [member, value] of Object.entries(this)) shown[member] = withoutQuery(value);
    const late = getters(this);
    for (const member of late) {
      const text = `${member}Text`;
      if (late.has(text)) shown[member] = veiled(this[text], options);
      // The text itself is not shown, nor is it a member of its own.
      else if (!late.has(member.slice(0, -"Text".length))) shown[member] = this[member];
    }
    for (const [member, raw] of EXTRA.get(this) ?? []) shown[member] = veiled(raw.text, options);
    return `${name} ${inspect(shown, options)}`;
  }
}

/** The names of the getters of an object's class. */
function getters(object) {
  const members = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(object));
  return new Set(Object.keys(members).filter((name) => members[name].get !== undefined));
}

/** A link without its query, which may be a secret. */
function withoutQuery(value) {
  if (typeof value !== "string" || !/^https?:\/\/[^?]*\?/.test(value)) return value;
  return `${value.slice(0, value.indexOf("?"))}?…`;
}

/** What stands for somebody's conversation where things are printed. */
function veiled(text, options) {
  if (text === null) return null;
  const shown = options.stylize(`[${text.length} characters of JSON]`, "special");
  return { [inspect.custom]: () => shown };
}

module.exports = { Model };
