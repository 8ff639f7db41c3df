import type { ErrorCode, ImportTask } from "./generated/models.js";
import type { CreateReport, ImportReport } from "./report.js";

/** The kinds of errors; each has a class. */
export type ErrorKind =
  | "configuration"
  | "connection"
  | "timeout"
  | "authentication"
  | "permission"
  | "not_found"
  | "conflict"
  | "validation"
  | "rate_limit"
  | "server"
  | "decoding"
  | "task_failed"
  | "cancelled"
  | "closed";

/**
 * Whatever a call may fail with. What went wrong shows in the class, and in {@link kind}.
 *
 * @example
 * ```js
 * try {
 *   await mistral.datasets.fetch({ datasetId });
 * } catch (error) {
 *   if (!(error instanceof NotFoundError)) throw error;
 *   console.log(error.errorCode, error.requestId);
 * }
 * ```
 */
export class MistralError extends Error {
  protected constructor();

  /** What kind of thing went wrong. */
  readonly kind: ErrorKind;

  /** The operation that failed, by the document's name for it, such as `create_dataset`. */
  readonly operation: string | null;

  /** The status of the response, where there was one. */
  readonly status: number | null;

  /** The same as {@link status}. */
  get statusCode(): number | null;

  /** The server's name for what went wrong. Requests refused before they were sent carry `VALIDATION_ERROR`. */
  readonly errorCode: ErrorCode | null;

  /** The id that the server gave the request, for asking its operators. */
  readonly requestId: string | null;

  /**
   * Whether the same call may succeed when it is made again later. It says nothing about whether this one was carried out;
   * see {@link ambiguous}.
   */
  readonly retryable: boolean;

  /**
   * Whether this was a write that may have been carried out although it failed: the request went out, and the connection broke
   * or the server failed. Such a call is never repeated by itself; look whether it was carried out before making it again.
   */
  readonly ambiguous: boolean;

  /** How often the request was sent; 0 when it never was. */
  readonly attempts: number;

  /** How long the call took with all its attempts and the waits between them, in milliseconds, where something was sent. */
  readonly elapsedMs: number | null;

  /** How long the server asked to wait before the next request, in milliseconds. */
  readonly retryAfterMs: number | null;

  /** What to do about it, where something general can be said. */
  readonly hint: string | null;

  /**
   * The body of the failed response as text, at most 8 KiB of it. It may repeat what the request held, so it is not printed
   * with the error.
   */
  get body(): string | null;

  /** The import task that failed, or was still under way when waiting for it ended. */
  get task(): ImportTask | null;

  /** What a bulk call had done by the time it failed. */
  get report(): CreateReport | ImportReport | null;
}

/** The client was set up wrongly: no key, a server address that is none. */
export class ConfigurationError extends MistralError {}

/** The server could not be reached, or the connection broke. */
export class ConnectionError extends MistralError {}

/** No response came in time. */
export class TimeoutError extends MistralError {}

/** The key is missing or refused (401). */
export class AuthenticationError extends MistralError {}

/** The key may not do this (403). */
export class PermissionError extends MistralError {}

/** There is no such thing (404). */
export class NotFoundError extends MistralError {}

/** The request does not go with the present state (409). */
export class ConflictError extends MistralError {}

/** The request breaks a rule: refused before it was sent, or by the server. */
export class ValidationError extends MistralError {}

/** Too many requests (429). */
export class RateLimitError extends MistralError {}

/** The server failed (500 to 599). */
export class ServerError extends MistralError {}

/** The response is not what the API promises. */
export class DecodingError extends MistralError {}

/** An import task ended without success. */
export class TaskFailedError extends MistralError {
  get task(): ImportTask;
}

/** The call was broken off from this side: by its signal, whose reason is the `cause`, or because the client was closed. */
export class CancelledError extends MistralError {}

/** The client was closed before the call. */
export class ClosedError extends MistralError {}

/**
 * What the server answered in the API's own envelope, whatever its kind: code written for the official SDK catches this
 * class. Errors are of the other classes; `instanceof` says of them whether they are such an answer.
 */
export class ObservabilityError extends MistralError {}
