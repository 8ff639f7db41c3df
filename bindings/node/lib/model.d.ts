import type { JsonObject } from "./raw-json.js";

/**
 * A response of the API, or an object in one.
 *
 * Its properties are own properties, so object spread, `structuredClone` and the comparisons of test frameworks see them. Payloads
 * and properties of records are parsed on first access, and are not printed by `console.log`, because they may contain private
 * conversations.
 */
export abstract class Model {
  protected constructor();

  /** Fields of the response that this version does not know, by their API names. */
  get extra(): JsonObject;

  /** Returns the response as plain JSON with API names. Used by `JSON.stringify`. */
  toJSON(): JsonObject;
}
