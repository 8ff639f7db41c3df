import type { ErrorCode, ImportTask } from "./generated/models.js";
import type { CreateReport, ImportReport, SpanImportReport } from "./report.js";

/** Error kinds. Each has a class. */
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

/** The properties of a {@link MistralError}, for its constructor. */
export interface ErrorDetails {
  operation?: string | null | undefined;
  status?: number | null | undefined;
  errorCode?: ErrorCode | null | undefined;
  requestId?: string | null | undefined;
  retryable?: boolean | undefined;
  ambiguous?: boolean | undefined;
  attempts?: number | undefined;
  elapsedMs?: number | null | undefined;
  retryAfterMs?: number | null | undefined;
  hint?: string | null | undefined;
  body?: string | null | undefined;
  task?: ImportTask | null | undefined;
  report?: CreateReport | ImportReport | SpanImportReport | null | undefined;
  cause?: unknown;
}

/**
 * The base class of all errors. The subclass, and {@link kind}, identify the failure.
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
  /**
   * Creates an error. Its subclasses are public for tests that need one.
   *
   * @param message The message, as it is.
   * @param details The other properties; those that are missing are null, 0 or false.
   * @example
   * ```js
   * const error = new NotFoundError("the dataset does not exist", { status: 404, requestId: "r-1" });
   * ```
   */
  protected constructor(message: string, details?: ErrorDetails);

  /** The error kind. */
  readonly kind: ErrorKind;

  /** The operation ID from the OpenAPI document, such as `create_dataset`. */
  readonly operation: string | null;

  /** HTTP status, if there was a response. */
  readonly status: number | null;

  /** Alias of {@link status}. */
  get statusCode(): number | null;

  /** Error code from the server. Requests rejected before they were sent have `VALIDATION_ERROR`. */
  readonly errorCode: ErrorCode | null;

  /** Request ID assigned by the server, for support requests. */
  readonly requestId: string | null;

  /**
   * Whether the same call may succeed later. This does not say whether the failed call was carried out; see
   * {@link ambiguous}.
   */
  readonly retryable: boolean;

  /**
   * Whether the call was a write that may have been carried out: the request was sent, but the connection was lost or the
   * server failed. Such calls are never retried automatically. Check the result before you repeat the call.
   */
  readonly ambiguous: boolean;

  /** Number of requests sent; 0 if none was. */
  readonly attempts: number;

  /** Duration of the call in milliseconds, including retries and the delays between them. */
  readonly elapsedMs: number | null;

  /** Delay requested by the server with `Retry-After`, in milliseconds. */
  readonly retryAfterMs: number | null;

  /** A suggested fix. */
  readonly hint: string | null;

  /**
   * Body of the failed response as text, truncated to 8 KiB. It may contain parts of the request, so it is not printed with the
   * error.
   */
  get body(): string | null;

  /** The import task that failed, or that was still running when the wait ended. */
  get task(): ImportTask | null;

  /** The partial report of a bulk call; see {@link reportOf}. */
  get report(): CreateReport | ImportReport | SpanImportReport | null;
}

/** The options are invalid, or there is no API key. */
export class ConfigurationError extends MistralError {
  constructor(message: string, details?: ErrorDetails);
}

/** The server could not be reached, or the connection was lost. */
export class ConnectionError extends MistralError {
  constructor(message: string, details?: ErrorDetails);
}

/** No response arrived in time, or the server or a gateway timed out (408, 504). */
export class TimeoutError extends MistralError {
  constructor(message: string, details?: ErrorDetails);
}

/** The API key is missing or was rejected (401). */
export class AuthenticationError extends MistralError {
  constructor(message: string, details?: ErrorDetails);
}

/** The API key does not have permission (403). */
export class PermissionError extends MistralError {
  constructor(message: string, details?: ErrorDetails);
}

/** The resource does not exist (404). */
export class NotFoundError extends MistralError {
  constructor(message: string, details?: ErrorDetails);
}

/** The request conflicts with the current state (409). */
export class ConflictError extends MistralError {
  constructor(message: string, details?: ErrorDetails);
}

/** The request is invalid. It was rejected before it was sent, or by the server (400, 422 and other 4xx). */
export class ValidationError extends MistralError {
  constructor(message: string, details?: ErrorDetails);
}

/** Too many requests (429). */
export class RateLimitError extends MistralError {
  constructor(message: string, details?: ErrorDetails);
}

/** The server failed (5xx except 504). */
export class ServerError extends MistralError {
  constructor(message: string, details?: ErrorDetails);
}

/** The response does not match the API. */
export class DecodingError extends MistralError {
  constructor(message: string, details?: ErrorDetails);
}

/** An import task failed, was cancelled or timed out. */
export class TaskFailedError extends MistralError {
  constructor(message: string, details?: ErrorDetails);
  get task(): ImportTask;
}

/** The call was cancelled by its abort signal, whose reason is the `cause`, or because the client was closed. */
export class CancelledError extends MistralError {
  constructor(message: string, details?: ErrorDetails);
}

/** The client was closed before the call. */
export class ClosedError extends MistralError {
  constructor(message: string, details?: ErrorDetails);
}

/**
 * Matches, with `instanceof`, all errors whose response has the API's error envelope, as in the official SDK. Thrown errors
 * are instances of the other classes.
 */
export class ObservabilityError extends MistralError {
  private constructor();
}

/**
 * Returns the partial report of the bulk call that rejected with this value, or null. This includes exceptions of the source, which
 * `createRecords`, `importJsonl` and `importSpans` rethrow as they are. A thrown primitive, such as a string, has no report.
 *
 * @example
 * ```js
 * try {
 *   await mistral.datasets.createRecords({ datasetId, records });
 * } catch (error) {
 *   const resume = reportOf(error);
 *   if (resume === null) throw error;
 *   await mistral.datasets.createRecords({ datasetId, records, resume });
 * }
 * ```
 */
export function reportOf(error: unknown): CreateReport | ImportReport | SpanImportReport | null;
