// Error classes: a base class, and a subclass for each error kind of the native module.

"use strict";

/** The base class of all errors. */
class MistralError extends Error {
  #body;
  #line;
  #task;
  #report;

  /** @param failure A failure of the native module, see src/failure.rs. Only `kind` and `message` are required. */
  constructor(failure) {
    super(failure.message, "cause" in failure ? { cause: failure.cause } : undefined);
    this.kind = failure.kind;
    this.operation = failure.operation ?? null;
    this.status = failure.status ?? null;
    this.errorCode = failure.errorCode ?? null;
    this.requestId = failure.requestId ?? null;
    this.retryable = failure.retryable ?? false;
    this.ambiguous = failure.ambiguous ?? false;
    this.attempts = failure.attempts ?? 0;
    this.elapsedMs = failure.elapsedMs ?? null;
    this.retryAfterMs = failure.retryAfterMs ?? null;
    this.hint = failure.hint ?? null;
    // Private, so that it is not printed: the body may contain parts of the request.
    this.#body = failure.body ?? null;
    this.#line = failure.line ?? failure.message;
    this.#task = failure.task ?? null;
    this.#report = failure.report ?? null;
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
    return this.#report;
  }

  toString() {
    return `${this.name}: ${this.#line}`;
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

module.exports = {
  MistralError,
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
  ObservabilityError,
};

for (const [name, ErrorClass] of Object.entries(module.exports)) {
  Object.defineProperty(ErrorClass.prototype, "name", {
    value: name,
    configurable: true,
    writable: true,
  });
}
