/** A JSON value. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  [key: string]: JsonValue | undefined;
}

/**
 * An object that can be sent as JSON: of any class or interface, but not an array or another iterable. Values that JSON cannot
 * represent are rejected at run time.
 */
export type JsonObjectInput =
  { readonly [key: string]: unknown } | (object & { readonly [Symbol.iterator]?: never });

/** A value that can be sent as JSON. Values that JSON cannot represent are rejected at run time. */
export type JsonValueInput =
  string | number | boolean | null | readonly unknown[] | JsonObjectInput | RawJson;

/**
 * A JSON object as exact text, which preserves all digits, the order of keys and escapes. Accepted wherever an object is sent.
 * Use it to send integers beyond 2^53.
 *
 * @example
 * ```js
 * const properties = RawJson.from('{"trace_id": 12345678901234567890}');
 * await mistral.datasets.createRecord({ datasetId, payload, properties });
 * ```
 */
export class RawJson {
  private constructor();

  /**
   * Creates a `RawJson` from JSON text.
   *
   * @throws {ValidationError} If the text is not valid JSON.
   */
  static from(text: string): RawJson;

  /** The JSON text. */
  readonly text: string;

  /** Parses the text. Numbers become JavaScript numbers. */
  parse(): JsonValue;

  /** Returns the text. */
  toString(): string;
}
