import type { JsonValue } from "./raw-json.js";

/**
 * An object of a union that this version does not know, because the server is newer. Its discriminating property, if the union has
 * one, is `UNKNOWN`, as in the official SDK. Calls refuse to send it.
 *
 * @example
 * ```js
 * const { output } = await mistral.judges.fetch({ judgeId });
 * if (output.type === "CLASSIFICATION") console.log(output.options.map(({ value }) => value));
 * else if (output.type === "UNKNOWN") console.log(output.raw);
 * ```
 */
export class UnknownVariant {
  private constructor();

  /** Always true. */
  readonly isUnknown: true;

  /** The object as received. Parsed on first access. */
  get raw(): JsonValue;

  /** Alias of {@link raw}. Used by `JSON.stringify`. */
  toJSON(): JsonValue;
}
