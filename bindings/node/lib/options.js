// Options of clients and calls: validation and conversion for the native module.

"use strict";

const { callback, expected, milliseconds, string, unknownName } = require("./arguments.js");
const { configurationError } = require("./failure.js");

/** Validators of the options that clients and calls share. */
const COMMON = {
  apiKey: string,
  serverURL: (value) =>
    typeof value === "string" || value instanceof URL
      ? { value: String(value) }
      : expected("a URL", value),
  timeoutMs: positiveMilliseconds,
  deadlineMs: positiveMilliseconds,
  retries,
  headers,
};

const CLIENT_OPTIONS = {
  ...COMMON,
  // The name of `retries` in the official SDK.
  retryConfig: retries,
  proxy: COMMON.serverURL,
  caCertificates: certificates,
  logger,
};
const VARIANT_OPTIONS = { ...COMMON, logger };
const CALL_OPTIONS = { ...COMMON, signal };

/** Parses the options of a client. */
function parseClientOptions(options) {
  const { retryConfig, proxy, caCertificates, logger, ...common } = parse(options, CLIENT_OPTIONS);
  common.retries ??= retryConfig;
  const connectOptions = { proxy, caCertificates, userAgent: `node/${process.versions.node}` };
  return { connectOptions, options: toNative(common), log: logger };
}

/** Parses the options of `withOptions`. */
function parseVariantOptions(options) {
  const { logger, ...common } = parse(options, VARIANT_OPTIONS);
  return { options: toNative(common), log: logger };
}

/** Parses the options of a call, which may be undefined. */
function parseCallOptions(options) {
  if (options === undefined || options === null) return undefined;
  const { signal, ...common } = parse(options, CALL_OPTIONS);
  const hasOptions = Object.keys(common).length > 0;
  return { signal, options: hasOptions ? toNative(common) : undefined };
}

function toNative({ serverURL, headers = [], retries, ...rest }) {
  const { maxElapsedTime, ...policy } = retries ?? {};
  return {
    serverUrl: serverURL,
    headers,
    retries: retries && policy,
    ...rest,
    deadlineMs: rest.deadlineMs ?? maxElapsedTime,
  };
}

function parse(options, validators) {
  if (typeof options !== "object" || options === null) {
    throw configurationError(`options: ${expected("an object", options).problem}`);
  }
  const values = {};
  for (const [name, option] of Object.entries(options)) {
    if (!Object.hasOwn(validators, name)) {
      throw configurationError(unknownName("option", name, Object.keys(validators)));
    }
    // Undefined options fall back to the environment or to the client.
    if (option === undefined) continue;
    const { value, problem } = validators[name](option);
    if (problem !== undefined) throw configurationError(`${name}: ${problem}`);
    values[name] = value;
  }
  return values;
}

function positiveMilliseconds(value) {
  return Number.isFinite(value) && value > 0
    ? { value }
    : expected("a positive number of milliseconds", value);
}

/** Validators of the properties of a retry policy. */
const RETRY_POLICY = {
  maxRetries: (value) =>
    Number.isSafeInteger(value) && value >= 0 && value < 2 ** 32
      ? { value }
      : expected("an integer of at least 0", value),
  firstDelayMs: milliseconds,
  maxDelayMs: milliseconds,
  maxRetryAfterMs: milliseconds,
  retryUnavailableWrites: (value) =>
    typeof value === "boolean" ? { value } : expected("a boolean", value),
};

function retries(value) {
  if (typeof value === "number") return parsePolicy({ maxRetries: value }, (problem) => problem);
  if (typeof value !== "object" || value === null) {
    return expected("a number of retries or an object", value);
  }
  return parsePolicy(
    "strategy" in value ? fromOfficialConfig(value) : value,
    (problem, name) => `${name}: ${problem}`,
  );
}

function parsePolicy(properties, describeProblem) {
  const policy = {};
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    const validate = name === "maxElapsedTime" ? positiveMilliseconds : RETRY_POLICY[name];
    if (validate === undefined) {
      return { problem: unknownName("property", name, Object.keys(RETRY_POLICY)) };
    }
    const { problem } = validate(value);
    if (problem !== undefined) return { problem: describeProblem(problem, name) };
    policy[name] = value;
  }
  return { value: policy };
}

/** Converts a `RetryConfig` of the official SDK. */
function fromOfficialConfig({ strategy, backoff = {} }) {
  if (strategy === "none") return { maxRetries: 0 };
  const { initialInterval, maxInterval, maxElapsedTime } = backoff;
  return { firstDelayMs: initialInterval, maxDelayMs: maxInterval, maxElapsedTime };
}

function headers(value) {
  const iterable = value?.[Symbol.iterator] && typeof value !== "string";
  if (!iterable && (typeof value !== "object" || value === null)) {
    return expected("an object, a Headers or an array of pairs", value);
  }
  const flat = [];
  for (const pair of iterable ? value : Object.entries(value)) {
    if (!Array.isArray(pair) || pair.length !== 2) {
      return { problem: "expected pairs of name and value" };
    }
    if (!pair.every((part) => typeof part === "string")) {
      return { problem: "names and values must be strings" };
    }
    flat.push(...pair);
  }
  return { value: flat };
}

function certificates(value) {
  const parts = Array.isArray(value) ? value : [value];
  if (!parts.every((part) => typeof part === "string" || part instanceof Uint8Array)) {
    return expected("PEM certificates as a string, bytes, or an array of them", value);
  }
  return { value: Buffer.concat(parts.flatMap((part) => [Buffer.from(part), Buffer.from("\n")])) };
}

const LEVELS = ["debug", "info", "warn", "error"];

/** Converts a logger to the function that the native module calls for each event. */
function logger(value) {
  const missing = LEVELS.find((level) => callback(value?.[level]).problem !== undefined);
  if (missing !== undefined) {
    return {
      problem: `expected an object with the methods ${LEVELS.join(", ")}; \`${missing}\` is missing`,
    };
  }
  return { value: (level, message, fields) => log(value, level, message, fields) };
}

function log(logger, level, message, fields) {
  const facts = {};
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index].replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
    facts[name] = fields[index + 1];
  }
  try {
    logger[level](`mistral-datasets: ${message}`, facts);
  } catch {
    // An uncaught error here would end the process.
  }
}

function signal(value) {
  return value instanceof AbortSignal ? { value } : expected("an AbortSignal", value);
}

module.exports = { parseCallOptions, parseClientOptions, parseVariantOptions };
