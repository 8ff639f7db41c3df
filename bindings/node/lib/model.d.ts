import type { JsonObject } from "./raw-json.js";

/**
 * A reply of the API, or a part of one.
 *
 * Payloads and properties are getters and show neither where the object is printed nor where it is spread: printed, they
 * are the text of somebody's conversation. To compare two replies or to write one down, use {@link toJSON}.
 */
export abstract class Model {
  protected constructor();

  /** Members of the reply that this version does not know, by their names on the wire. */
  get extra(): JsonObject;

  /** The reply as plain JSON, with the names it has on the wire. `JSON.stringify` uses it. */
  toJSON(): JsonObject;
}
