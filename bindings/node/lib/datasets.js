// What datasets can do beyond single operations.

"use strict";

const { task } = require("./task.js");

/** The part of the resource that is written by hand. */
class DatasetsBase {
  #native;

  constructor(native) {
    this.#native = native;
  }

  task(request) {
    return task(this.#native, request);
  }
}

module.exports = { DatasetsBase };
