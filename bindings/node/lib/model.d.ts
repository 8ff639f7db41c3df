import type { JsonObject } from "./raw-json.js";

/**
 * A response of the API, or a part of one.
 *
 * Payloads and properties are getters and show neither where the object is printed nor where it is spread: printed, they
 * are the text of somebody's conversation. To compare two responses or to write one down, use {@link toJSON}.
 */
export abstract class Model {
  protected constructor();

  /** Members of the response that this version does not know, by their names on the wire. */
  get extra(): JsonObject;

  /** The response as plain JSON, with the names it has on the wire. `JSON.stringify` uses it. */
  toJSON(): JsonObject;
}
