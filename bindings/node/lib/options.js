// Options of clients and calls: validation and conversion for the native module.

"use strict";

const {
  boolean,
  callback,
  expected,
  milliseconds,
  string,
  unknownName,
} = require("./arguments.js");
const { configurationError } = require("./failure.js");

/** Validators of the options that clients and calls share. */
const COMMON = {
  apiKey: string,
  serverURL: url,
  timeoutMs: positiveMilliseconds,
  deadlineMs: positiveMilliseconds,
  maxRetries,
  retry,
  // Aliases of `retry`, for calls and clients of the official SDK.
  retries: retry,
  retryConfig: retry,
  headers,
};

const CLIENT_OPTIONS = {
  ...COMMON,
  proxy: url,
  caCertificates: certificates,
  logger,
};
const VARIANT_OPTIONS = { ...COMMON, logger };
const CALL_OPTIONS = { ...COMMON, signal };

/** Parses the options of a client. */
function parseClientOptions(options) {
  const { proxy, caCertificates, logger, ...common } = parse(options, CLIENT_OPTIONS);
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

function toNative({ serverURL, headers = [], maxRetries, retry, retries, retryConfig, ...rest }) {
  const policies = Object.entries({ retry, retries, retryConfig });
  const [first, second] = policies.filter(([, policy]) => policy !== undefined);
  if (second !== undefined) {
    throw configurationError(`\`${first[0]}\` and \`${second[0]}\` are the same option; pass one`);
  }
  const { maxElapsedTime, ...policy } = first?.[1] ?? {};
  if (maxRetries !== undefined) {
    if (policy.maxRetries !== undefined) {
      throw configurationError(`\`maxRetries\` is also set by \`${first[0]}\`; pass one of them`);
    }
    policy.maxRetries = maxRetries;
  }
  return {
    serverUrl: serverURL,
    headers,
    retries: policy,
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

function url(value) {
  return typeof value === "string" || value instanceof URL
    ? { value: String(value) }
    : expected("a URL", value);
}

function positiveMilliseconds(value) {
  return Number.isFinite(value) && value > 0
    ? { value }
    : expected("a positive number of milliseconds", value);
}

function maxRetries(value) {
  return Number.isSafeInteger(value) && value >= 0 && value < 2 ** 32
    ? { value }
    : expected("an integer of at least 0", value);
}

/** Validators of the properties of a retry policy. */
const RETRY_POLICY = {
  maxRetries,
  firstDelayMs: milliseconds,
  maxDelayMs: milliseconds,
  maxRetryAfterMs: milliseconds,
  retryUnavailableWrites: boolean,
};

function retry(value) {
  if (typeof value === "number") return parsePolicy({ maxRetries: value }, (problem) => problem);
  if (typeof value !== "object" || value === null) {
    return expected("a retry policy or a number of retries", value);
  }
  if ("strategy" in value && value.strategy !== "backoff" && value.strategy !== "none") {
    return { problem: 'strategy: expected "backoff" or "none"' };
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
    const isElapsedTime = name === "maxElapsedTime";
    if (!isElapsedTime && !Object.hasOwn(RETRY_POLICY, name)) {
      return { problem: unknownName("property", name, Object.keys(RETRY_POLICY)) };
    }
    const validate = isElapsedTime ? positiveMilliseconds : RETRY_POLICY[name];
    const { problem } = validate(value);
    if (problem !== undefined) return { problem: describeProblem(problem, name) };
    policy[name] = value;
  }
  return { value: policy };
}

/** Converts a `RetryConfig` of the official SDK. */
function fromOfficialConfig({ strategy, backoff }) {
  if (strategy === "none") return { maxRetries: 0 };
  const { initialInterval, maxInterval, maxElapsedTime } = backoff ?? {};
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

/** Validates an abort signal: that of the platform or of a polyfill. */
function signal(value) {
  const isSignal =
    typeof value?.aborted === "boolean" &&
    typeof value.addEventListener === "function" &&
    typeof value.removeEventListener === "function";
  return isSignal ? { value } : expected("an AbortSignal", value);
}

/** Whether a call has an option of this name. */
function isCallOption(name) {
  return Object.hasOwn(CALL_OPTIONS, name);
}

module.exports = {
  isCallOption,
  parseCallOptions,
  parseClientOptions,
  parseVariantOptions,
  parse,
  positiveMilliseconds,
  url,
};
