// Error classes: a base class, and a subclass for each error kind of the native module.

"use strict";

const { reportOf, setReport } = require("./error-report.js");

/** The base class of all errors. */
class MistralError extends Error {
  #body;
  #task;

  /**
   * @param {string} message The complete message. That of a failed call has its operation, status and request ID.
   * @param {object} details The details by the names of the properties, and the `cause`.
   */
  constructor(message, details = {}) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.kind = details.kind ?? new.target.kind ?? null;
    this.operation = details.operation ?? null;
    this.status = details.status ?? null;
    this.errorCode = details.errorCode ?? null;
    this.requestId = details.requestId ?? null;
    this.retryable = details.retryable ?? false;
    this.ambiguous = details.ambiguous ?? false;
    this.attempts = details.attempts ?? 0;
    this.elapsedMs = details.elapsedMs ?? null;
    this.retryAfterMs = details.retryAfterMs ?? null;
    this.hint = details.hint ?? null;
    // Private, so that it is not printed: the body may contain parts of the request.
    this.#body = details.body ?? null;
    this.#task = details.task ?? null;
    if (details.report) setReport(this, details.report);
  }

  get statusCode() {
    return this.status;
  }

  get body() {
    return this.#body;
  }

  get task() {
    return this.#task;
  }

  get report() {
    return reportOf(this);
  }
}

/** The options are invalid, or there is no API key. */
class ConfigurationError extends MistralError {}

/** The server could not be reached, or the connection was lost. */
class ConnectionError extends MistralError {}

/** No response arrived in time, or the server or a gateway timed out (408, 504). */
class TimeoutError extends MistralError {}

/** The API key is missing or was rejected (401). */
class AuthenticationError extends MistralError {}

/** The API key does not have permission (403). */
class PermissionError extends MistralError {}

/** The resource does not exist (404). */
class NotFoundError extends MistralError {}

/** The request conflicts with the current state (409). */
class ConflictError extends MistralError {}

/** The request is invalid. It was rejected before it was sent, or by the server (400, 422 and other 4xx). */
class ValidationError extends MistralError {}

/** Too many requests (429). */
class RateLimitError extends MistralError {}

/** The server failed (5xx except 504). */
class ServerError extends MistralError {}

/** The response does not match the API. */
class DecodingError extends MistralError {}

/** An import task failed, was cancelled or timed out. */
class TaskFailedError extends MistralError {}

/** The call was cancelled by its abort signal, or because the client was closed. */
class CancelledError extends MistralError {}

/** The client was closed before the call. */
class ClosedError extends MistralError {}

/** The start of the API's error envelope. Bodies are truncated, so they cannot always be parsed. */
const ENVELOPE = /^\s*\{\s*"detail"\s*:\s*\{/;

/**
 * Matches, with `instanceof`, all errors whose response has the API's error envelope, as in the official SDK. It is never
 * instantiated.
 */
class ObservabilityError extends MistralError {
  static [Symbol.hasInstance](value) {
    return (
      value instanceof MistralError && value.status !== null && ENVELOPE.test(value.body ?? "")
    );
  }
}

/** The class of each kind. That of `not_found` is `NotFoundError`. */
const KINDS = {
  ConfigurationError,
  ConnectionError,
  TimeoutError,
  AuthenticationError,
  PermissionError,
  NotFoundError,
  ConflictError,
  ValidationError,
  RateLimitError,
  ServerError,
  DecodingError,
  TaskFailedError,
  CancelledError,
  ClosedError,
};
const CLASSES = { MistralError, ...KINDS, ObservabilityError };

for (const [name, ErrorClass] of Object.entries(CLASSES)) {
  Object.defineProperty(ErrorClass.prototype, "name", {
    value: name,
    configurable: true,
    writable: true,
  });
}
for (const [name, ErrorClass] of Object.entries(KINDS)) {
  const words = name.replace(/Error$/, "").replace(/(?<=[a-z])(?=[A-Z])/g, "_");
  ErrorClass.kind = words.toLowerCase();
}

module.exports = CLASSES;
