// The options of a client and of a call: their checks, and what the native module takes for them.

"use strict";

const { expected, milliseconds, text } = require("./arguments.js");
const { misconfigured } = require("./failure.js");

/** What both a client and one call can be told, each with what makes the native option of it. */
const COMMON = {
  apiKey: (value) => checked(text(value)),
  serverURL: (value) =>
    typeof value === "string" || value instanceof URL
      ? { value: String(value) }
      : expected("a URL", value),
  timeoutMs: time,
  deadlineMs: time,
  retries,
  headers,
};

/** What a client alone can be told. */
const SETUP = {
  // The official SDK's name for it.
  retryConfig: retries,
  proxy: COMMON.serverURL,
  caCertificates: certificates,
  logger,
};

const OF_CLIENT = { ...COMMON, ...SETUP };
const OF_VARIANT = { ...COMMON, logger };
const OF_CALL = { ...COMMON, signal };

/** The options of a client: what its setup, its calls and its logger are told. */
function ofClient(given) {
  const { retryConfig, proxy, caCertificates, logger, ...common } = read(given, OF_CLIENT);
  common.retries ??= retryConfig;
  const setup = { proxy, caCertificates, userAgent: `node/${process.versions.node}` };
  return { setup, options: native(common), log: logger };
}

/** The options of a client that differs from another. */
function ofVariant(given) {
  const { logger, ...common } = read(given, OF_VARIANT);
  return { options: native(common), log: logger };
}

/** The options of one call; nothing where none are given. */
function ofCall(given) {
  if (given === undefined || given === null) return undefined;
  const { signal, ...common } = read(given, OF_CALL);
  const any = Object.keys(common).length > 0;
  return { signal, options: any ? native(common) : undefined };
}

function native({ serverURL, headers = [], retries, ...rest }) {
  const { maxElapsedTime, ...policy } = retries ?? {};
  return {
    serverUrl: serverURL,
    headers,
    retries: retries && policy,
    ...rest,
    deadlineMs: rest.deadlineMs ?? maxElapsedTime,
  };
}

function read(given, known) {
  if (typeof given !== "object" || given === null) {
    throw misconfigured(`options: ${expected("an object", given).problem}`);
  }
  const values = {};
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(known, name)) {
      throw misconfigured(`${name}: is no option; there is ${Object.keys(known).join(", ")}`);
    }
    // What is undefined is left to the environment, or to the client.
    if (value === undefined) continue;
    const { value: taken, problem } = known[name](value);
    if (problem !== undefined) throw misconfigured(`${name}: ${problem}`);
    values[name] = taken;
  }
  return values;
}

/** A check's result without the value: a key must not be repeated. */
function checked({ value, problem }) {
  return problem === undefined ? { value } : { problem };
}

function time(value) {
  return Number.isFinite(value) && value > 0
    ? { value }
    : expected("a number of milliseconds above 0", value);
}

/** The members of a retry policy, each with its check. */
const POLICY = {
  maxAttempts: (value) =>
    Number.isSafeInteger(value) && value > 0 && value < 2 ** 32
      ? { value }
      : expected("a whole number above 0", value),
  firstDelayMs: milliseconds,
  maxDelayMs: milliseconds,
  maxRetryAfterMs: milliseconds,
};

function retries(value) {
  if (typeof value === "number") return ofPolicy({ maxAttempts: value }, (problem) => problem);
  if (typeof value !== "object" || value === null) {
    return expected("a number of attempts or an object", value);
  }
  return ofPolicy(
    "strategy" in value ? official(value) : value,
    (problem, name) => `${name}: ${problem}`,
  );
}

function ofPolicy(given, say) {
  const policy = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const check = name === "maxElapsedTime" ? time : POLICY[name];
    if (check === undefined) {
      return { problem: `${name}: is no member; there is ${Object.keys(POLICY).join(", ")}` };
    }
    const { problem } = check(value);
    if (problem !== undefined) return { problem: say(problem, name) };
    policy[name] = value;
  }
  return { value: policy };
}

/** What the official SDK's `RetryConfig` comes to here. */
function official({ strategy, backoff = {} }) {
  if (strategy === "none") return { maxAttempts: 1 };
  const { initialInterval, maxInterval, maxElapsedTime } = backoff;
  return { firstDelayMs: initialInterval, maxDelayMs: maxInterval, maxElapsedTime };
}

function headers(value) {
  const iterable = value?.[Symbol.iterator] && typeof value !== "string";
  if (!iterable && (typeof value !== "object" || value === null)) {
    return expected("an object, a Headers or a list of pairs", value);
  }
  const flat = [];
  for (const pair of iterable ? value : Object.entries(value)) {
    if (!Array.isArray(pair) || pair.length !== 2) return { problem: "expected pairs" };
    if (!pair.every((part) => typeof part === "string")) {
      return { problem: "expected names and values in text" };
    }
    flat.push(...pair);
  }
  return { value: flat };
}

function certificates(value) {
  const parts = Array.isArray(value) ? value : [value];
  if (!parts.every((part) => typeof part === "string" || part instanceof Uint8Array)) {
    return expected("certificates in PEM as text or bytes, or a list of them", value);
  }
  return { value: Buffer.concat(parts.flatMap((part) => [Buffer.from(part), Buffer.from("\n")])) };
}

const LEVELS = ["debug", "info", "warn", "error"];

/** What the native module calls with everything it has to say. */
function logger(value) {
  const missing = LEVELS.find((level) => typeof value?.[level] !== "function");
  if (missing !== undefined) {
    return { problem: `expected an object with ${LEVELS.join(", ")}; ${missing} is no function` };
  }
  return { value: (level, message, facts) => say(value, level, message, facts) };
}

function say(logger, level, message, facts) {
  const members = {};
  for (let index = 0; index < facts.length; index += 2) {
    const name = facts[index].replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
    members[name] = facts[index + 1];
  }
  try {
    logger[level](`mistral-datasets: ${message}`, members);
  } catch {
    // A logger that fails must not end the program, which is what an error would do here.
  }
}

function signal(value) {
  return value instanceof AbortSignal ? { value } : expected("an AbortSignal", value);
}

module.exports = { ofCall, ofClient, ofVariant };
