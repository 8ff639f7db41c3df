/**
 * A time of a response: a `Date` that also keeps the microseconds, which a `Date` by itself cannot hold.
 *
 * @example
 * ```js
 * dataset.createdAt.getTime(); // 1763906400123, as of any Date
 * dataset.createdAt.microseconds; // 123456
 * dataset.createdAt.toRFC3339(); // "2025-11-23T14:00:00.123456Z"
 * ```
 */
export class Timestamp extends Date {
  /**
   * @param milliseconds The milliseconds since 1970.
   * @param beyond The microseconds beyond them, 0 to 999.
   */
  constructor(milliseconds: number, beyond?: number);

  /** The microseconds of the second, 0 to 999999. */
  get microseconds(): number;

  /** The time as the API writes it, with six digits after the point. */
  toRFC3339(): string;

  /** The same as {@link toRFC3339}. */
  toJSON(): string;
}
