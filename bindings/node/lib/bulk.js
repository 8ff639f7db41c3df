// Bulk calls: createRecords and importJsonl.

"use strict";

const { Readable } = require("node:stream");
const { ReadableStream } = require("node:stream/web");
const { fileURLToPath } = require("node:url");
const { types } = require("node:util");

const {
  boolean,
  callback,
  expected,
  json,
  jsonOrNull,
  milliseconds,
  optional,
  size,
  string,
} = require("./arguments.js");
const { CHUNK_SIZE, splitBytes, streamBytes, toBytes } = require("./bytes.js");
const { ExportedRecord } = require("./export.js");
const { DatasetRecord } = require("./generated/models.js");
const { Operation } = require("./operation.js");
const { toProgress, withProgress } = require("./progress.js");
const { pump } = require("./pump.js");
const { RawJson } = require("./raw-json.js");
const { CreateReport, ImportReport, nativeReport } = require("./report.js");

const CREATE_RECORDS = new Operation("create_records", null, {
  datasetId: string,
  records: validateRecords,
  concurrency: optional(size),
  strategy: optional(string),
  onError: optional((value) =>
    value === "stop" || value === "continue"
      ? { value }
      : { problem: 'expected "stop" or "continue"' },
  ),
  resume: optional((value) =>
    value instanceof CreateReport ? { value } : expected("a CreateReport", value),
  ),
  onProgress: optional(callback),
});

const IMPORT_JSONL = new Operation("import_jsonl", null, {
  datasetId: string,
  source: (value) =>
    isIterable(value) || value instanceof URL || value instanceof Blob || toBytes(value)
      ? { value }
      : expected("a path, bytes, a stream or an iterable", value),
  name: optional(string),
  lenient: optional(boolean),
  compression: optional(string),
  maxFileBytes: optional(size),
  wait: optional(boolean),
  timeoutMs: optional(milliseconds),
  resume: optional((value) =>
    value instanceof ImportReport ? { value } : expected("an ImportReport", value),
  ),
  onProgress: optional(callback),
});

function validateRecords(value) {
  // These are iterable, but yield keys, bytes or characters.
  const isOther = typeof value === "string" || types.isMap(value) || types.isArrayBufferView(value);
  if (isIterable(value) && !isOther) return { value };
  const { problem } = expected("an iterable of records", value);
  const remedy =
    typeof value === "string" || value instanceof URL || types.isArrayBufferView(value)
      ? "for a JSONL file, use `importJsonl`"
      : "for one record, use `createRecord` or pass `[record]`";
  return { problem: `${problem}; ${remedy}` };
}

function isIterable(value) {
  return value?.[Symbol.asyncIterator] !== undefined || value?.[Symbol.iterator] !== undefined;
}

function createRecords(native, request, options) {
  return CREATE_RECORDS.runCancellable(native, request, options, async (native, values) => {
    const { datasetId, records, onError, ...rest } = values;
    const continueOnError = onError === "continue";
    const call = prepare(CREATE_RECORDS, rest, (options) =>
      native.prepareCreate(datasetId, { ...options, continueOnError }),
    );
    const push = (record) => call.push(...recordJson(record));
    return run(CREATE_RECORDS, call, native, rest, records, push, CreateReport);
  });
}

function importJsonl(native, request, options) {
  return IMPORT_JSONL.runCancellable(native, request, options, async (native, values) => {
    const { datasetId, source, ...rest } = values;
    const { path, chunks = [] } = openSource(source);
    const call = prepare(IMPORT_JSONL, rest, (options) =>
      native.prepareImport(datasetId, { ...options, path }),
    );
    const push = (chunk) => call.push(chunk);
    return run(IMPORT_JSONL, call, native, rest, chunks, push, ImportReport);
  });
}

/** Prepares a native call, and makes it resume from a report if one is given. */
function prepare(operation, { resume, onProgress, ...options }, prepareNative) {
  const trackProgress = onProgress !== undefined;
  const call = operation.unwrap(prepareNative({ ...options, trackProgress }));
  if (resume !== undefined) call.resume(nativeReport(resume));
  return call;
}

/** Runs a native call while pumping its source, and returns the report. */
async function run(operation, call, native, { onProgress }, source, push, ReportClass) {
  const { result, sourceError } = await pump(call, source, push, () =>
    withProgress({
      run: call.run(),
      next: () => call.progress(),
      onUpdate: onProgress && ((progress) => onProgress(toProgress(progress))),
      cancel: () => native.cancel(),
    }),
  );
  try {
    return new ReportClass(operation.unwrap(result, native), native);
  } catch (error) {
    // The native module knows only that the source failed, not the JavaScript error.
    if (sourceError !== undefined) {
      Object.defineProperty(error, "cause", { value: sourceError.cause });
    }
    throw error;
  }
}

/** Returns the JSON of a record's payload and properties, or the problem if one cannot be serialized. */
function recordJson(record) {
  if (record instanceof DatasetRecord || record instanceof ExportedRecord) {
    return [record.payloadText, record.propertiesText];
  }
  if (record instanceof RawJson) return [record.text, "{}"];
  const { payload, properties = {} } = isObject(record) ? splitRecord(record) : { payload: record };
  const texts = [];
  for (const [name, { value, problem, location = "" }] of [
    ["payload", json(payload)],
    ["properties", jsonOrNull(properties)],
  ]) {
    if (problem !== undefined) return [undefined, undefined, `${name}${location}: ${problem}`];
    texts.push(value);
  }
  return texts;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Splits a record into payload and properties. A payload may contain its properties, as in JSONL files. */
function splitRecord(record) {
  if (Object.hasOwn(record, "payload")) return record;
  if (!Object.hasOwn(record, "properties")) return { payload: record };
  const { properties, ...payload } = record;
  return { payload, properties };
}

/** Returns the path of a source, or an iterable of its chunks. */
function openSource(source) {
  if (typeof source === "string") return { path: source };
  if (source instanceof URL) return { path: fileURLToPath(source) };
  const bytes = toBytes(source);
  if (bytes !== undefined) return { chunks: splitBytes(bytes) };
  if (source instanceof Blob) return { chunks: source.stream() };
  const isStream = source instanceof Readable || source instanceof ReadableStream;
  return { chunks: isStream ? streamBytes(source, invalidChunk) : lineChunks(source) };
}

function invalidChunk(chunk) {
  return new TypeError(expected("bytes or a string", chunk).problem);
}

/** Converts an iterable of lines (strings or objects) and bytes to chunks. Short lines are combined. */
async function* lineChunks(source) {
  let pending = "";
  let line = 0;
  for await (const item of source) {
    if (typeof item !== "string" && toBytes(item) !== undefined) {
      if (pending !== "") yield Buffer.from(pending);
      pending = "";
      yield* splitBytes(toBytes(item));
      continue;
    }
    pending += toLine(item, (line += 1));
    if (pending.length < CHUNK_SIZE / 4) continue;
    yield Buffer.from(pending);
    pending = "";
  }
  if (pending !== "") yield Buffer.from(pending);
}

function toLine(item, number) {
  if (typeof item === "string") return item.endsWith("\n") ? item : `${item}\n`;
  if (item instanceof DatasetRecord || item instanceof ExportedRecord) {
    return `{"payload": ${item.payloadText}, "properties": ${item.propertiesText}}\n`;
  }
  const { value, problem, location = "" } = json(item);
  if (problem !== undefined) {
    const path = location.replace(/^\./, "");
    throw new TypeError(`line ${number}: ${path === "" ? "" : `${path}: `}${problem}`);
  }
  return `${value}\n`;
}

module.exports = { createRecords, importJsonl };
