// Bringing in many records: one by one, or as JSONL.

"use strict";

const { Readable } = require("node:stream");
const { ReadableStream } = require("node:stream/web");
const { fileURLToPath } = require("node:url");

const {
  boolean,
  expected,
  json,
  listener,
  milliseconds,
  optional,
  size,
  text,
} = require("./arguments.js");
const { fed } = require("./feed.js");
const { DatasetRecord } = require("./generated/models.js");
const { Operation } = require("./operation.js");
const { shown, watched } = require("./progress.js");
const { RawJson } = require("./raw-json.js");
const { CreateReport, ImportReport, nativeReport } = require("./report.js");
const { ExportedRecord } = require("./export.js");
const { bytesOf } = require("./transfer.js");

const CREATE_RECORDS = new Operation("create_records", null, {
  datasetId: text,
  records: (value) =>
    isIterable(value) && typeof value !== "string"
      ? { value }
      : expected("an iterable of records", value),
  concurrency: optional(size),
  strategy: optional(text),
  onError: optional((value) =>
    value === "stop" || value === "continue" ? { value } : { problem: "expected stop or continue" },
  ),
  resume: optional((value) =>
    value instanceof CreateReport ? { value } : expected("a report of createRecords", value),
  ),
  onProgress: optional(listener),
});

const IMPORT_JSONL = new Operation("import_jsonl", null, {
  datasetId: text,
  source: (value) =>
    isIterable(value) || value instanceof URL || value instanceof Blob || bytesOf(value)
      ? { value }
      : expected("a path, bytes, a stream or an iterable", value),
  name: optional(text),
  lenient: optional(boolean),
  compression: optional(text),
  maxFileBytes: optional(size),
  wait: optional(boolean),
  timeoutMs: optional(milliseconds),
  resume: optional((value) =>
    value instanceof ImportReport ? { value } : expected("a report of importJsonl", value),
  ),
  onProgress: optional(listener),
});

function isIterable(value) {
  return value?.[Symbol.asyncIterator] !== undefined || value?.[Symbol.iterator] !== undefined;
}

/** Creates many records. */
function createRecords(native, request, options) {
  return CREATE_RECORDS.gather(native, request, options, async (native, values) => {
    const { datasetId, records, onError, ...rest } = values;
    const prepare = (options) =>
      native.prepareCreate(datasetId, { ...options, continueOnError: onError === "continue" });
    const call = begun(CREATE_RECORDS, native, rest, prepare);
    const push = (record) => call.push(...texts(record));
    return made(CREATE_RECORDS, call, native, rest, records, push, CreateReport);
  });
}

/** Imports JSONL. */
function importJsonl(native, request, options) {
  return IMPORT_JSONL.gather(native, request, options, async (native, values) => {
    const { datasetId, source, ...rest } = values;
    const { path, pieces = [] } = opened(source);
    const prepare = (options) => native.prepareImport(datasetId, { ...options, path });
    const call = begun(IMPORT_JSONL, native, rest, prepare);
    return made(
      IMPORT_JSONL,
      call,
      native,
      rest,
      pieces,
      (piece) => call.push(piece),
      ImportReport,
    );
  });
}

/** Prepares a call with its options, and has it go on from a report where one is given. */
function begun(operation, native, { resume, onProgress, ...options }, prepare) {
  const call = operation.received(prepare({ ...options, watched: onProgress !== undefined }));
  if (resume !== undefined) call.resume(nativeReport(resume));
  return call;
}

/** Makes a call while its source feeds it. */
async function made(operation, call, native, { onProgress }, source, push, Report) {
  const { outcome, problem } = await fed(call, source, push, () =>
    watched({
      run: call.run(),
      next: () => call.progress(),
      tell: onProgress && ((progress) => onProgress(shown(progress))),
      cancel: () => native.cancel(),
    }),
  );
  try {
    return new Report(operation.received(outcome, native), native);
  } catch (error) {
    // The report of what was done is in the error; why the source failed is known here alone.
    if (problem !== undefined) Object.defineProperty(error, "cause", { value: problem.cause });
    throw error;
  }
}

/** The texts of a record's payload and properties, or why one of them has none: then that record has failed. */
function texts(record) {
  if (record instanceof DatasetRecord || record instanceof ExportedRecord) {
    return [record.payloadText, record.propertiesText];
  }
  if (record instanceof RawJson) return [record.text, "{}"];
  const { payload, properties = {} } = isObject(record) ? parts(record) : {};
  const [first, second] = [part(payload), part(properties)];
  return [first.value, second.value, first.problem ?? second.problem];
}

/** The text of a part. What is no object is refused like a null. */
function part(value) {
  return isObject(value) ? json(value) : { value: "null" };
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A record is a payload with properties beside it, or a payload that may hold its properties, as in files. */
function parts(record) {
  if (Object.hasOwn(record, "payload")) return record;
  if (!Object.hasOwn(record, "properties")) return { payload: record };
  const { properties, ...payload } = record;
  return { payload, properties };
}

/** Where the JSONL comes from: a path, or what yields its bytes. */
function opened(source) {
  if (typeof source === "string") return { path: source };
  if (source instanceof URL) return { path: fileURLToPath(source) };
  const bytes = bytesOf(source);
  if (bytes !== undefined) return { pieces: cut(bytes) };
  if (source instanceof Blob) return { pieces: source.stream() };
  const streams = source instanceof Readable || source instanceof ReadableStream;
  return { pieces: streams ? chunks(source) : lines(source) };
}

/** The size of the pieces in which what lies in memory is handed over. */
const PIECE = 256 * 1024;

function* cut(bytes) {
  for (let start = 0; start < bytes.byteLength; start += PIECE) {
    yield bytes.subarray(start, start + PIECE);
  }
}

/** What a stream yields are pieces of the file, wherever they begin and end. */
async function* chunks(stream) {
  for await (const piece of stream) {
    const bytes = bytesOf(piece);
    if (bytes === undefined) throw new TypeError(expected("bytes or text", piece).problem);
    yield* cut(bytes);
  }
}

/** What anything else yields are bytes, which are pieces too, or whole lines: their text, or the objects in them. */
async function* lines(source) {
  let held = "";
  let line = 0;
  for await (const item of source) {
    if (typeof item !== "string" && bytesOf(item) !== undefined) {
      if (held !== "") yield Buffer.from(held);
      held = "";
      yield* cut(bytesOf(item));
      continue;
    }
    held += lineOf(item, (line += 1));
    // A piece for every line would cost more than the line.
    if (held.length < PIECE / 4) continue;
    yield Buffer.from(held);
    held = "";
  }
  if (held !== "") yield Buffer.from(held);
}

function lineOf(item, number) {
  if (typeof item === "string") return item.endsWith("\n") ? item : `${item}\n`;
  if (item instanceof DatasetRecord || item instanceof ExportedRecord) {
    return `{"payload": ${item.payloadText}, "properties": ${item.propertiesText}}\n`;
  }
  const { value, problem } = json(item);
  if (problem !== undefined) throw new TypeError(`line ${number}: ${problem}`);
  return `${value}\n`;
}

module.exports = { createRecords, importJsonl };
