import type { FilterInput } from "./generated/inputs.js";
import type { JsonValueInput } from "./raw-json.js";

/**
 * Names a field of chat completion events, to compare it with a value. A key of the metadata is written as `metadata.key`.
 *
 * Names and values are those of the API, such as `model_name`; `mistral.chatCompletionEvents.fields.list()` returns the fields and
 * the operators that they support.
 *
 * @throws {ValidationError} If the name is not a string.
 * @example
 * ```js
 * const searchParams = field("model_name")
 *   .eq("mistral-medium-latest")
 *   .and(field("invoked_tools").includes("web_search").or(field("input_tokens").gt(1000)));
 * for await (const event of mistral.chatCompletionEvents.iter({ searchParams })) console.log(event.eventId);
 * ```
 */
export function field(name: string): FieldCondition;

/** A field that is about to be compared, with a method for each operator. Returned by {@link field}. */
export class FieldCondition {
  private constructor();

  /** Matches events whose field equals a value. */
  eq(value: JsonValueInput | Date): FilterExpression;

  /** Matches events whose field does not equal a value; an unset field matches. */
  neq(value: JsonValueInput | Date): FilterExpression;

  /** Matches events whose field is less than a value. */
  lt(value: JsonValueInput | Date): FilterExpression;

  /** Matches events whose field is at most a value. */
  lte(value: JsonValueInput | Date): FilterExpression;

  /** Matches events whose field is greater than a value. */
  gt(value: JsonValueInput | Date): FilterExpression;

  /** Matches events whose field is at least a value. */
  gte(value: JsonValueInput | Date): FilterExpression;

  /** Matches events whose field contains a text. */
  contains(value: string): FilterExpression;

  /** Matches events whose field does not contain a text; an unset field matches. */
  notcontains(value: string): FilterExpression;

  /** Matches events whose field contains a text, ignoring case. */
  icontains(value: string): FilterExpression;

  /** Matches events whose field does not contain a text, ignoring case; an unset field matches. */
  inotcontains(value: string): FilterExpression;

  /** Matches events whose field starts with a text. */
  startswith(value: string): FilterExpression;

  /** Matches events whose field starts with a text, ignoring case. */
  istartswith(value: string): FilterExpression;

  /** Matches events whose field ends with a text. */
  endswith(value: string): FilterExpression;

  /** Matches events whose field ends with a text, ignoring case. */
  iendswith(value: string): FilterExpression;

  /** Matches events whose field matches a regular expression, anywhere in the text. */
  matches(value: string): FilterExpression;

  /** Matches events whose field is an array that includes a value. */
  includes(value: JsonValueInput): FilterExpression;

  /** Matches events whose field is an array that does not include a value; an unset field matches. */
  excludes(value: JsonValueInput): FilterExpression;

  /** Matches events whose field is an array with this number of items. */
  lenEq(length: number): FilterExpression;

  /** Matches events whose field is unset, or, with `false`, is set. Default: true. */
  isnull(isNull?: boolean): FilterExpression;
}

/**
 * A filter of chat completion events, which can be passed as `searchParams`. Its property {@link filters} is the plain object.
 *
 * The API cannot negate a filter. Use the opposite operator instead, such as `neq`.
 */
export class FilterExpression {
  private constructor();

  /** The filter as a condition or a group of conditions. */
  readonly filters: FilterInput;

  /** Matches what all of the filters match. Chains become one group. */
  and(...others: readonly (FilterExpression | FilterInput)[]): FilterExpression;

  /** Matches what at least one of the filters matches. Chains become one group. */
  or(...others: readonly (FilterExpression | FilterInput)[]): FilterExpression;
}
