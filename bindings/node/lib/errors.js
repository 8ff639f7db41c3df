// The errors: one base class, and a child for each kind that the native module tells apart.

"use strict";

/** Whatever a call may fail with. */
class MistralError extends Error {
  #body;
  #line;
  #task;
  #report;

  /** Errors are made by the library, of what it knows about a failure. */
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
    // Kept out of what is printed: a body may repeat what the request held.
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

/** The client was set up wrongly: no key, a server address that is none. */
class ConfigurationError extends MistralError {}

/** The server could not be reached, or the connection broke. */
class ConnectionError extends MistralError {}

/** No response came in time. */
class TimeoutError extends MistralError {}

/** The key is missing or refused (401). */
class AuthenticationError extends MistralError {}

/** The key may not do this (403). */
class PermissionError extends MistralError {}

/** There is no such thing (404). */
class NotFoundError extends MistralError {}

/** The request does not go with the present state (409). */
class ConflictError extends MistralError {}

/** The request breaks a rule: refused before it was sent, or by the server. */
class ValidationError extends MistralError {}

/** Too many requests (429). */
class RateLimitError extends MistralError {}

/** The server failed (500 to 599). */
class ServerError extends MistralError {}

/** The response is not what the API promises. */
class DecodingError extends MistralError {}

/** An import task ended without success. */
class TaskFailedError extends MistralError {}

/** The call was broken off from this side: by its signal, or because the client was closed. */
class CancelledError extends MistralError {}

/** The client was closed before the call. */
class ClosedError extends MistralError {}

/** The beginning of the API's own envelope. A body is kept in part only, so that it cannot always be parsed. */
const ENVELOPE = /^\s*\{\s*"detail"\s*:\s*\{/;

/**
 * What the server answered in the API's own envelope, whatever its kind: code written for the official SDK catches this
 * class. No error is made of it; for errors of the other classes, `instanceof` says whether they are such an answer.
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

for (const [name, of] of Object.entries(module.exports)) {
  Object.defineProperty(of.prototype, "name", { value: name, configurable: true, writable: true });
}
