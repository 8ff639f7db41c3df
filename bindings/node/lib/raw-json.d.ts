/** What JSON can hold. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  [member: string]: JsonValue | undefined;
}

/**
 * A JSON object as exact text: numbers keep every digit, members their order, escapes their spelling. It can be given
 * wherever an object is sent, and is the way to send whole numbers beyond 2^53.
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
   * Takes text that is JSON.
   *
   * @throws {ValidationError} When it is not.
   */
  static from(text: string): RawJson;

  /** The text. */
  readonly text: string;

  /** Parses the text; numbers become JavaScript's. */
  parse(): JsonValue;

  /** The text. */
  toString(): string;
}
