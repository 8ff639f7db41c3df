// The handwritten methods of `datasets`.

"use strict";

const { createRecords, importJsonl } = require("./bulk.js");
const { exportRecords, exportTo } = require("./export.js");
const { importSpans } = require("./import-spans.js");
const { task } = require("./task-handle.js");

/** The base class of the generated `Datasets` class. */
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

  importSpans(request, options) {
    return importSpans(this.#native, request, options);
  }

  export(request, options) {
    return exportTo(this.#native, request, options);
  }

  exportRecords(request, options) {
    return exportRecords(this.#native, request, options);
  }
}

module.exports = { DatasetsBase };
