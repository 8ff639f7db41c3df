// What bulk calls did, in the end or by the time they failed.

"use strict";

const { failed } = require("./failure.js");
const native = require("./native.js");
const { Reader } = require("./reader.js");

/** The report that a later call may go on from. */
const NATIVE = new WeakMap();

/** The native report in one of JavaScript's. */
function nativeReport(report) {
  return NATIVE.get(report);
}

/** What `createRecords` did. */
class CreateReport {
  #owner;
  #items;

  /** @param owner The native client with which its task can be looked after. */
  constructor(report, owner) {
    NATIVE.set(this, report);
    this.#owner = owner;
    const { task, ...summary } = report.summary();
    Object.assign(this, summary, { task: taskOf(task, owner) });
  }

  get items() {
    return (this.#items ??= NATIVE.get(this)
      .items()
      .map(({ failure, ...item }) =>
        failure === undefined ? item : { ...item, error: failed(failure, this.#owner) },
      ));
  }
}

/** What `importJsonl` did. */
class ImportReport {
  constructor(report, owner) {
    NATIVE.set(this, report);
    const { files, ...summary } = report.summary();
    Object.assign(this, summary, {
      files: files.map((file) => ({ ...file, task: taskOf(file.task, owner) })),
    });
  }
}

/** The report of either kind of call. */
function reportOf(report, owner) {
  const of = report instanceof native.NativeCreateReport ? CreateReport : ImportReport;
  return new of(report, owner);
}

function taskOf(task, owner) {
  if (task === undefined) return null;
  // Only here, because models know tasks, and tasks know errors.
  const { ImportTask } = require("./generated/models.js");
  return new ImportTask(new Reader(task, owner));
}

module.exports = { CreateReport, ImportReport, nativeReport, reportOf };
