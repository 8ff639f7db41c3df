// Timestamps with microseconds.

"use strict";

const { inspect } = require("node:util");

/** A `Date` with microsecond precision. */
class Timestamp extends Date {
  /**
   * @param {number} milliseconds Milliseconds since 1970.
   * @param {number} remainder Additional microseconds, 0 to 999.
   */
  constructor(milliseconds, remainder = 0) {
    super(milliseconds);
    // An own property, so that comparisons of test frameworks see it.
    this.microseconds = this.getUTCMilliseconds() * 1000 + remainder;
  }

  toRFC3339() {
    const remainder = String(this.microseconds % 1000).padStart(3, "0");
    return `${this.toISOString().slice(0, -1)}${remainder}Z`;
  }

  toJSON() {
    return this.toRFC3339();
  }

  [inspect.custom](depth, options) {
    return options.stylize(this.toRFC3339(), "date");
  }
}

module.exports = { Timestamp };
