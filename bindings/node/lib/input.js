// Combinators that convert nested arguments from objects with camelCase properties to the JSON of the API. A converter returns
// `{ value }`, the JSON text, or `{ problem, location }`, like the validators of arguments.js, which are converters if they return
// JSON.

"use strict";

const { expected, unknownName } = require("./arguments.js");
const { InvalidValueError, exactJson } = require("./exact-json.js");
const { Model } = require("./model.js");
const { toJsonText } = require("./original-json.js");
const { RawJson } = require("./raw-json.js");
const { UnknownVariant } = require("./unknown-variant.js");

/** The number of objects inside each other that are accepted. The API accepts no deeper ones. */
const MAX_DEPTH = 100;

let depth = 0;

/** Converts a string, number, boolean or timestamp, given its validator. */
function scalar(validate) {
  return (value) => {
    const result = validate(value);
    return result.problem === undefined ? { value: exactJson(result.value) } : result;
  };
}

/** Converts a string that has only one possible value. */
function constant(only) {
  const text = JSON.stringify(only);
  return (value) => (value === only ? { value: text } : expected(text, value));
}

/** Converts any value that JSON can represent. */
function anyJson(value) {
  if (value instanceof RawJson) return { value: value.text };
  try {
    const isObject = typeof value === "object" && value !== null;
    const text = isObject ? toJsonText(value) : exactJson(value);
    return text === undefined ? { problem: "undefined is not a JSON value" } : { value: text };
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    return { location: error.location, problem: error.problem };
  }
}

/** Converts an array, given the converter of its items. */
function array(convert) {
  const convertArray = (value) => {
    if (!Array.isArray(value)) return expected("an array", value);
    const items = [];
    // By index, because `for of` and the methods of arrays treat holes differently.
    for (let index = 0; index < value.length; index++) {
      const item = convert(value[index]);
      if (item.problem !== undefined) return inside(`[${index}]`, item);
      items.push(item.value);
    }
    return { value: `[${items.join(",")}]` };
  };
  convertArray.step = () => ({ convert });
  return convertArray;
}

/** Makes a value nullable. */
function nullable(convert) {
  const convertNullable = (value) => (value === null ? { value: "null" } : convert(value));
  convertNullable.step = (name) => convert.step?.(name);
  return convertNullable;
}

/** Makes a property of an object optional: it may be missing, undefined or null. */
function omittable(convert) {
  const convertOmittable = (value) => (value === null ? { value: undefined } : convert(value));
  convertOmittable.optional = true;
  convertOmittable.step = (name) => convert.step?.(name);
  return convertOmittable;
}

/**
 * Converts an object.
 *
 * @param {Record<string, [string, Function]>} properties The name in the API and the converter of each property.
 */
function object(properties) {
  const entries = Object.entries(properties);
  const names = Object.keys(properties);
  const isKnown = (name) => Object.hasOwn(properties, name);

  const convertObject = (value) => {
    if (!isObject(value)) return expected("an object", value);
    const ownNames = Object.keys(value);
    const isModel = value instanceof Model;
    const unknown = ownNames.find((name) => !isKnown(name) && value[name] !== undefined);
    if (unknown !== undefined && !isModel) {
      return { problem: unknownName("property", unknown, names) };
    }
    const members = [];
    for (const [name, [wireName, convert]] of entries) {
      const property = value[name];
      if (property === undefined) {
        if (convert.optional) continue;
        return { problem: `missing property \`${name}\`` };
      }
      const member = convert(property);
      if (member.problem !== undefined) return inside(`.${name}`, member);
      if (member.value !== undefined) members.push(`${JSON.stringify(wireName)}:${member.value}`);
    }
    // An object that was read is sent with the fields that this version does not know.
    if (isModel && unknown === undefined) {
      for (const [name, field] of Object.entries(value.extra)) {
        members.push(`${JSON.stringify(name)}:${exactJson(field)}`);
      }
    }
    return { value: `{${members.join(",")}}` };
  };

  const bounded = (value) => {
    if (depth >= MAX_DEPTH) return { problem: "nested too deeply" };
    depth += 1;
    try {
      return convertObject(value);
    } finally {
      depth -= 1;
    }
  };
  bounded.names = names;
  bounded.step = (wireName) => {
    const found = entries.find(([, [name]]) => name === wireName);
    return found && { name: found[0], convert: found[1][1] };
  };
  return bounded;
}

/**
 * Converts a union of objects, one of which is selected by the value of a property.
 *
 * @param {string} discriminator The property.
 * @param {() => Record<string, Function>} variants Returns the converters by value of the property.
 */
function tagged(discriminator, variants) {
  const convertTagged = (value) => {
    const refused = notSendable(value);
    if (refused !== undefined) return refused;
    const tag = value[discriminator];
    const converters = variants();
    if (tag === undefined) return { problem: `missing property \`${discriminator}\`` };
    if (typeof tag === "string" && Object.hasOwn(converters, tag)) return converters[tag](value);
    const tags = Object.keys(converters).map((tag) => JSON.stringify(tag));
    return inside(`.${discriminator}`, expected(tags.join(" or "), tag));
  };
  convertTagged.step = (name) => firstStep(Object.values(variants()), name);
  return convertTagged;
}

/**
 * Converts a union of objects that are told apart by their properties. An object with unknown properties is treated as the variant
 * that has most of them, whose error is the most helpful one.
 *
 * @param {() => Function[]} variants Returns the converters, the one without required properties last.
 */
function untagged(variants) {
  const convertUntagged = (value) => {
    const refused = notSendable(value);
    if (refused !== undefined) return refused;
    const converters = variants();
    const known = ({ names }) => names.filter((name) => value[name] !== undefined).length;
    const most = Math.max(...converters.map(known));
    if (most === 0) return converters.at(-1)(value);
    return converters.find((convert) => known(convert) === most)(value);
  };
  convertUntagged.step = (name) => firstStep(variants(), name);
  return convertUntagged;
}

/** Returns why a value cannot be sent as a variant of a union, or undefined if it can. */
function notSendable(value) {
  if (value instanceof UnknownVariant) {
    return { problem: "this version does not know the object's type, so it cannot be sent" };
  }
  return isObject(value) ? undefined : expected("an object", value);
}

function firstStep(converters, name) {
  for (const convert of converters) {
    const step = convert.step(name);
    if (step !== undefined) return step;
  }
  return undefined;
}

/** Adds a step to the location of a problem. */
function inside(step, { location = "", problem }) {
  return { location: step + location, problem };
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Converts the path of a value inside an argument from the names of the API to those of the converters, such as
 * `.output.min_description` to `.output.minDescription`. Names that converters do not have, such as those of payloads, are kept.
 */
function propertyPath(convert, path) {
  let result = "";
  while (path !== "") {
    const [step, wireName] = /^(?:\.([\w-]+)|\[\d+\])/.exec(path) ?? [];
    if (step === undefined) return result + path;
    const next = convert?.step?.(wireName);
    result += wireName === undefined ? step : `.${next?.name ?? wireName}`;
    convert = next?.convert;
    path = path.slice(step.length);
  }
  return result;
}

module.exports = {
  anyJson,
  array,
  constant,
  nullable,
  object,
  omittable,
  propertyPath,
  scalar,
  tagged,
  untagged,
};
