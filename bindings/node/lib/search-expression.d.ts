/** A value of a search expression. The items of an array are separated by commas, as in `span_id IN ('a', 'b')`. */
export type ExpressionValue = string | number | bigint | Date | readonly ExpressionValue[];

/**
 * A template tag for search expressions, the text by which spans, traces, log records and evaluations are searched. Strings and dates
 * are quoted, so they cannot change the meaning of the expression.
 *
 * @throws {ValidationError} If a value cannot be written in a search expression.
 * @example
 * ```js
 * const user = "O'Brien";
 * const searchExpression = expression`span_attributes['user.name'] = ${user} AND duration_ns > ${1e9}`;
 * const { spans } = await mistral.spans.searchSpans({ searchExpression });
 * ```
 */
export function expression(
  parts: TemplateStringsArray,
  ...values: readonly ExpressionValue[]
): string;

export namespace expression {
  /**
   * Quotes a text: in single quotes, with a backslash before quotes and backslashes.
   *
   * @example
   * ```js
   * expression.text("it's"); // 'it\'s'
   * ```
   */
  function text(text: string): string;

  /**
   * Returns the field for a key of a map. It is also the name of a field in the calls that return its values.
   *
   * @example
   * ```js
   * const fieldName = expression.key("span_attributes", "http.method"); // span_attributes['http.method']
   * const { options } = await mistral.spans.fetchSpanFieldOptions({ fieldName });
   * ```
   */
  function key(map: string, key: string): string;
}
