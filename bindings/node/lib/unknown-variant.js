// Objects that a union may contain in later versions of the API.

"use strict";

const { inspect } = require("node:util");

/** An object of a union that this version does not know. */
class UnknownVariant {
  #json;

  /**
   * @param {import("./lazy.js").LazyJson} json The object as received.
   * @param {string} discriminator The property by which the variants are told apart, if there is one.
   */
  constructor(json, discriminator) {
    this.#json = json;
    if (discriminator !== undefined) this[discriminator] = "UNKNOWN";
    this.isUnknown = true;
  }

  get raw() {
    return this.#json.value;
  }

  toJSON() {
    return this.#json.value;
  }

  [inspect.custom](depth, options) {
    const length = this.#json.text.length;
    return options.stylize(`UnknownVariant [${length} characters of JSON]`, "special");
  }
}

module.exports = { UnknownVariant };
