// Reports of bulk calls.

"use strict";

const { Decoder } = require("./decoder.js");
const { decoders, toError, unwrap } = require("./failure.js");
const { ImportTask } = require("./generated/models.js");
const native = require("./native.js");

/** The native report of each report, which a later call can resume from. */
const NATIVE_REPORTS = new WeakMap();

function nativeReport(report) {
  return NATIVE_REPORTS.get(report);
}

/** The report of `createRecords`. */
class CreateReport {
  #native;
  #items;

  /** @param native The native client for the report's task. */
  constructor(report, native) {
    NATIVE_REPORTS.set(this, report);
    this.#native = native;
    const { task, ...summary } = report.summary();
    Object.assign(this, summary, { task: task === undefined ? null : decodeTask(task, native) });
  }

  get items() {
    return (this.#items ??= nativeReport(this)
      .items()
      .map(({ failure, ...item }) =>
        failure === undefined ? item : { ...item, error: toError(failure, this.#native) },
      ));
  }

  toJSON() {
    return JSON.parse(nativeReport(this).toJson());
  }

  static fromJSON(value) {
    return new CreateReport(unwrap(native.createReportFromJson(toText(value))));
  }
}

/** The report of `importJsonl`. */
class ImportReport {
  constructor(report, native) {
    NATIVE_REPORTS.set(this, report);
    const { files, ...summary } = report.summary();
    Object.assign(this, summary, {
      files: files.map((file) => ({ ...file, task: decodeTask(file.task, native) })),
    });
  }

  toJSON() {
    return JSON.parse(nativeReport(this).toJson());
  }

  static fromJSON(value) {
    return new ImportReport(unwrap(native.importReportFromJson(toText(value))));
  }
}

/** The report of `importSpans`. */
class SpanImportReport {
  constructor(report, native) {
    NATIVE_REPORTS.set(this, report);
    const { parts, ...summary } = report.summary();
    Object.assign(this, summary, {
      parts: parts.map(({ task, ...part }) => ({
        ...part,
        task: task === undefined ? null : decodeTask(task, native),
      })),
    });
  }
}

/** Returns the JSON text of a report that was stored as text or as an object. */
function toText(value) {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "null");
}

/** The class of the report for each class of native reports. */
const REPORT_CLASSES = [
  [native.NativeCreateReport, CreateReport],
  [native.NativeImportReport, ImportReport],
  [native.NativeSpanImportReport, SpanImportReport],
];

function decodeReport(report, client) {
  const [, ReportClass] = REPORT_CLASSES.find(([NativeClass]) => report instanceof NativeClass);
  return new ReportClass(report, client);
}

function decodeTask(task, native) {
  return new ImportTask(new Decoder(task, native));
}

Object.assign(decoders, { task: decodeTask, report: decodeReport });

module.exports = { CreateReport, ImportReport, SpanImportReport, nativeReport };
