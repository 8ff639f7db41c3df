/**
 * A `Date` with microsecond precision. `structuredClone` and `postMessage` turn it into a `Date`, without the microseconds.
 *
 * @example
 * ```js
 * dataset.createdAt.getTime(); // 1763906400123, as for any Date
 * dataset.createdAt.microseconds; // 123456
 * dataset.createdAt.toRFC3339(); // "2025-11-23T14:00:00.123456Z"
 * ```
 */
export class Timestamp extends Date {
  /**
   * @param milliseconds Milliseconds since 1970.
   * @param remainder Additional microseconds, 0 to 999.
   */
  constructor(milliseconds: number, remainder?: number);

  /** Microseconds within the second, 0 to 999999. */
  readonly microseconds: number;

  /** Returns the timestamp in the API's format, with six fractional digits. */
  toRFC3339(): string;

  /** Alias of {@link toRFC3339}. */
  toJSON(): string;
}
