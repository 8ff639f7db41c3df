// What datasets can do beyond single operations.

"use strict";

const { createRecords, importJsonl } = require("./bulk.js");
const { exportRecords, exportTo } = require("./export.js");
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

  createRecords(request, options) {
    return createRecords(this.#native, request, options);
  }

  importJsonl(request, options) {
    return importJsonl(this.#native, request, options);
  }

  export(request, options) {
    return exportTo(this.#native, request, options);
  }

  exportRecords(request, options) {
    return exportRecords(this.#native, request, options);
  }
}

module.exports = { DatasetsBase };
