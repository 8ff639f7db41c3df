// The bulk call importSpans.

"use strict";

const { callback, expected, milliseconds, optional, string } = require("./arguments.js");
const { InvalidSourceError, prepare, runBulk } = require("./bulk.js");
const { SPAN_DATASET_MAPPING_CONTRACT } = require("./generated/inputs.js");
const { Operation } = require("./operation.js");
const { SpanImportReport } = require("./report.js");

const IMPORT_SPANS = new Operation("import_spans", null, {
  datasetId: string,
  spans: (value) => {
    const isIterable = typeof (value?.[Symbol.asyncIterator] ?? value?.[Symbol.iterator]);
    return typeof value === "object" && isIterable === "function"
      ? { value }
      : expected("an iterable of spans", value);
  },
  mapping: SPAN_DATASET_MAPPING_CONTRACT,
  waitTimeoutMs: optional(milliseconds),
  resume: optional((value) =>
    value instanceof SpanImportReport ? { value } : expected("a SpanImportReport", value),
  ),
  onProgress: optional(callback),
});

function importSpans(native, request, options) {
  return IMPORT_SPANS.runCancellable(native, request, options, async (native, values) => {
    const { datasetId, spans, mapping, ...rest } = values;
    const call = prepare(IMPORT_SPANS, rest, ({ waitTimeoutMs: timeoutMs, trackProgress }) =>
      native.prepareSpanImport(datasetId, mapping, { timeoutMs, trackProgress }),
    );
    let index = 0;
    const push = (span) => call.push(...reference(span, index++));
    return runBulk(IMPORT_SPANS, call, native, rest, spans, push, SpanImportReport);
  });
}

/** Returns the IDs of a span, or throws an error that ends the call. */
function reference(span, index) {
  return ["traceId", "spanId"].map((name) => {
    const id = span?.[name];
    const { problem } = string(id);
    if (problem === undefined) return id;
    throw new InvalidSourceError(`spans[${index}]: ${name}: ${problem}`);
  });
}

module.exports = { importSpans };
