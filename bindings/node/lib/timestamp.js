// Times with microseconds, which JavaScript's Date cannot hold by itself.

"use strict";

const { inspect } = require("node:util");

/** A `Date` that also keeps the microseconds. */
class Timestamp extends Date {
  #beyond;

  /**
   * @param {number} milliseconds Since 1970.
   * @param {number} beyond The microseconds beyond them, 0 to 999.
   */
  constructor(milliseconds, beyond = 0) {
    super(milliseconds);
    this.#beyond = beyond;
  }

  get microseconds() {
    return this.getUTCMilliseconds() * 1000 + this.#beyond;
  }

  toRFC3339() {
    return `${this.toISOString().slice(0, -1)}${String(this.#beyond).padStart(3, "0")}Z`;
  }

  toJSON() {
    return this.toRFC3339();
  }

  [inspect.custom](depth, options) {
    return options.stylize(this.toRFC3339(), "date");
  }
}

module.exports = { Timestamp };
