/**
 * A call under way: a promise of what it returns, which can also give the reply as the server sent it.
 *
 * @example
 * ```js
 * const { value, reply } = await mistral.datasets.list().withReply();
 * console.log(reply.status, reply.requestId, reply.headers.get("date"), value.datasets.count);
 * ```
 */
export class Call<T> extends Promise<T> {
  /**
   * The result together with the raw reply. It has to be asked for directly behind the call, before anything is awaited.
   *
   * @throws {TypeError} When it is asked for later.
   */
  withReply(): Promise<WithReply<T>>;
}

/** What a call returned, and the reply that it came in. */
export interface WithReply<T> {
  /** What the call returned. */
  readonly value: T;
  /** The reply. */
  readonly reply: RawReply;
}

/** A successful reply as the server sent it. */
export interface RawReply {
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
