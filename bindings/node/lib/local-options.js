// Options of servers in this process: validation and conversion for the native module.

"use strict";

const { fileURLToPath } = require("node:url");

const { expected, string } = require("./arguments.js");
const { configurationError } = require("./failure.js");
const native = require("./native.js");
const { parse, positiveMilliseconds, url } = require("./options.js");

const GENERATIONS = {
  any: native.ServedGeneration.Any,
  g1: native.ServedGeneration.G1,
  g2: native.ServedGeneration.G2,
  g3: native.ServedGeneration.G3,
};

const LOCAL_OPTIONS = {
  directory,
  judgeUrl: url,
  judgeKey: string,
  judgeTimeoutMs: positiveMilliseconds,
  judgeModels: models,
};
const TEST_SERVER_OPTIONS = { ...LOCAL_OPTIONS, generation };

/** Parses the argument of `Mistral.local`: options, or only the data directory. */
function parseLocalOptions(options = {}) {
  const isDirectory = typeof options === "string" || options instanceof URL;
  return toNative(parse(isDirectory ? { directory: options } : options, LOCAL_OPTIONS));
}

/** Parses the options of `startLocal`. */
function parseTestServerOptions(options = {}) {
  return toNative(parse(options, TEST_SERVER_OPTIONS));
}

function toNative({ directory, generation, judgeUrl, ...rest }) {
  const [unused] = Object.keys(rest);
  if (judgeUrl === undefined && unused !== undefined) {
    throw configurationError(`${unused}: requires \`judgeUrl\``);
  }
  const { judgeKey: key, judgeTimeoutMs: timeoutMs, judgeModels: models = [] } = rest;
  const judge = judgeUrl === undefined ? undefined : { url: judgeUrl, key, timeoutMs, models };
  return { directory, generation, judge };
}

function directory(value) {
  if (value instanceof URL) return { value: fileURLToPath(value) };
  return typeof value === "string" ? { value } : expected("a path", value);
}

function generation(value) {
  return Object.hasOwn(GENERATIONS, value)
    ? { value: GENERATIONS[value] }
    : expected('"any", "g1", "g2" or "g3"', value);
}

/** Returns the names alternating with those of the endpoint. */
function models(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return expected("an object of model names", value);
  }
  for (const [name, model] of Object.entries(value)) {
    const { problem } = string(model);
    if (problem !== undefined) return { problem: `${problem}, at \`${name}\`` };
  }
  return { value: Object.entries(value).flat() };
}

module.exports = { parseLocalOptions, parseTestServerOptions };
