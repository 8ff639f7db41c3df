import type { JsonObject } from "./raw-json.js";

/**
 * A response of the API, or an object in one.
 *
 * Payloads and properties are getters, and are neither printed nor copied by object spread, because they may contain private
 * conversations. Use {@link toJSON} to compare or store responses.
 */
export abstract class Model {
  protected constructor();

  /** Fields of the response that this version does not know, by their API names. */
  get extra(): JsonObject;

  /** Returns the response as plain JSON with API names. Used by `JSON.stringify`. */
  toJSON(): JsonObject;
}
