/**
 * A call under way: a promise of what it returns, which can also give the response as the server sent it.
 *
 * @example
 * ```js
 * const { value, response } = await mistral.datasets.list().withResponse();
 * console.log(response.status, response.requestId, response.headers.get("date"), value.datasets.count);
 * ```
 */
export class Call<T> extends Promise<T> {
  /**
   * The result together with the raw response. It has to be asked for directly behind the call, before anything is awaited.
   *
   * @throws {TypeError} When it is asked for later.
   */
  withResponse(): Promise<WithResponse<T>>;
}

/** What a call returned, and the response that it came in. */
export interface WithResponse<T> {
  /** What the call returned. */
  readonly value: T;
  /** The response. */
  readonly response: RawResponse;
}

/** A successful response as the server sent it. */
export interface RawResponse {
  /** The status, such as 200. */
  readonly status: number;
  /** The headers. */
  readonly headers: Headers;
  /** The id that the server gave the request, for asking its operators. */
  readonly requestId: string | null;
  /** The bytes of the body, as they were before anything was read from them, but not compressed any more. */
  readonly body: Uint8Array;
  /** How long the call took with all its attempts and the waits between them, in milliseconds. */
  readonly elapsedMs: number;
  /** How often the request was sent. */
  readonly attempts: number;
}
