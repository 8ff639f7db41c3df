/**
 * A promise of a call's value that also gives access to the raw HTTP response.
 *
 * @example
 * ```js
 * const { value, response } = await mistral.datasets.list().withResponse();
 * console.log(response.status, response.requestId, response.headers.get("date"), value.datasets.count);
 * ```
 */
export class Call<T> extends Promise<T> {
  /**
   * Returns the value together with the raw response. Must be called directly on the call, before any `await`.
   *
   * Calls that send several requests have no single response: bulk calls, imports that wait, exports, downloads and waits. For
   * these, the returned promise rejects with a `TypeError`, and nothing is sent.
   *
   * @throws {TypeError} If the call has already started.
   */
  withResponse(): Promise<WithResponse<T>>;
}

/** The value of a call and its raw response. */
export interface WithResponse<T> {
  /** The value of the call. */
  readonly value: T;
  /** The raw response. */
  readonly response: RawResponse;
}

/** A successful HTTP response. */
export interface RawResponse {
  /** HTTP status, such as 200. */
  readonly status: number;
  /** Response headers. */
  readonly headers: Headers;
  /** Request ID assigned by the server, for support requests. */
  readonly requestId: string | null;
  /** Bytes of the body, decompressed. */
  readonly body: Uint8Array;
  /** Duration of the call in milliseconds, including retries and the delays between them. */
  readonly elapsedMs: number;
  /** Number of requests sent, including the first. */
  readonly attempts: number;
}
