// Timestamps with microseconds.

"use strict";

const { inspect } = require("node:util");

/** A `Date` with microsecond precision. */
class Timestamp extends Date {
  #remainder;

  /**
   * @param {number} milliseconds Milliseconds since 1970.
   * @param {number} remainder Additional microseconds, 0 to 999.
   */
  constructor(milliseconds, remainder = 0) {
    super(milliseconds);
    this.#remainder = remainder;
  }

  get microseconds() {
    return this.getUTCMilliseconds() * 1000 + this.#remainder;
  }

  toRFC3339() {
    return `${this.toISOString().slice(0, -1)}${String(this.#remainder).padStart(3, "0")}Z`;
  }

  toJSON() {
    return this.toRFC3339();
  }

  [inspect.custom](depth, options) {
    return options.stylize(this.toRFC3339(), "date");
  }
}

module.exports = { Timestamp };
