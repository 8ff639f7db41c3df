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
const { setReport } = require("./error-report.js");
const { LazyModel, unreadText } = require("./lazy.js");
const { recordFieldNames } = require("./native.js");
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
  allowUnknownKeys: optional(boolean),
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
  allowUnknownKeys: optional(boolean),
  compression: optional(string),
  maxFileBytes: optional(size),
  wait: optional(boolean),
  waitTimeoutMs: optional(milliseconds),
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

function isStream(value) {
  return value instanceof Readable || value instanceof ReadableStream;
}

function isIterable(value) {
  return value?.[Symbol.asyncIterator] !== undefined || value?.[Symbol.iterator] !== undefined;
}

function createRecords(native, request, options) {
  return CREATE_RECORDS.runCancellable(native, request, options, async (native, values) => {
    const { datasetId, records, onError, ...rest } = values;
    const continueOnError = onError === "continue";
    const call = prepare(CREATE_RECORDS, rest, (options) =>
      native.prepareCreate(datasetId, {
        ...options,
        continueOnError,
        allowEmpty: isRestartable(records),
      }),
    );
    const push = (record) => call.push(...recordJson(record));
    return runBulk(CREATE_RECORDS, call, native, rest, records, push, CreateReport);
  });
}

function importJsonl(native, request, options) {
  return IMPORT_JSONL.runCancellable(native, request, options, async (native, values) => {
    const { datasetId, source, ...rest } = values;
    const { path, chunks = [] } = openSource(source);
    const call = prepare(IMPORT_JSONL, rest, ({ waitTimeoutMs: timeoutMs, ...options }) =>
      native.prepareImport(datasetId, { ...options, path, timeoutMs }),
    );
    const push = (chunk) => call.push(chunk);
    return runBulk(IMPORT_JSONL, call, native, rest, chunks, push, ImportReport);
  });
}

/** Returns whether an iterable can be read several times, so that it cannot have been consumed before. */
function isRestartable(iterable) {
  return typeof iterable.next !== "function" && !isStream(iterable);
}

/** Prepares a native call, and makes it resume from a report if one is given. */
function prepare(operation, { resume, onProgress, ...options }, prepareNative) {
  const trackProgress = onProgress !== undefined;
  const call = operation.unwrap(prepareNative({ ...options, trackProgress }));
  if (resume !== undefined) call.resume(nativeReport(resume));
  return call;
}

/** Runs a native call while pumping its source, and returns the report. */
async function runBulk(operation, call, native, { onProgress }, source, push, ReportClass) {
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
    if (sourceError === undefined) throw error;
    // The native module knows only that the source failed, not the JavaScript error.
    const { cause } = sourceError;
    if (cause instanceof InvalidSourceError) {
      Object.defineProperty(error, "cause", { value: cause });
      throw error;
    }
    setReport(cause, error.report);
    throw cause;
  }
}

/** The source yielded something that is not accepted. Other errors of a source are the caller's, and are rethrown as they are. */
class InvalidSourceError extends TypeError {}

/**
 * Returns the JSON of a record's payload and properties, the problem if one cannot be serialized, and the names of its other
 * properties.
 */
function recordJson(record) {
  const { payload, properties, otherNames = [] } = serializeRecord(record);
  for (const [name, { problem, location = "" }] of Object.entries({ payload, properties })) {
    if (problem !== undefined) return [undefined, undefined, `${name}${location}: ${problem}`];
  }
  const others = otherNames.length > 0 ? otherNames : undefined;
  return [payload.value, properties.value, undefined, others];
}

/** Serializes payload and properties. A payload may contain its properties, as in JSONL files. */
function serializeRecord(record) {
  if (isReadRecord(record)) {
    return {
      payload: serializeLazy(record, "payload", json),
      properties: serializeLazy(record, "properties", jsonOrNull),
    };
  }
  if (!isObject(record) || record instanceof RawJson) {
    return { payload: json(record), properties: { value: "{}" } };
  }
  const { properties = {}, ...rest } = record;
  if (Object.hasOwn(rest, "payload")) {
    const { payload, ...others } = rest;
    // As in JSON, properties that are undefined are omitted.
    const otherNames = Object.keys(others).filter((name) => others[name] !== undefined);
    return { payload: json(payload), properties: jsonOrNull(properties), otherNames };
  }
  const payload = Object.hasOwn(record, "properties") ? rest : record;
  return { payload: json(payload), properties: jsonOrNull(properties) };
}

/** Whether a value is a record that was read from the API. */
function isReadRecord(value) {
  return value instanceof LazyModel && Object.hasOwn(value, "payload");
}

/** Serializes a property of a record that was read from the API. One that was not accessed has not changed. */
function serializeLazy(record, name, serialize) {
  const unread = unreadText(record, name);
  return unread === undefined ? serialize(record[name]) : { value: unread };
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns the path of a source, or an iterable of its chunks. */
function openSource(source) {
  if (typeof source === "string") return { path: source };
  if (source instanceof URL) return { path: fileURLToPath(source) };
  const bytes = toBytes(source);
  if (bytes !== undefined) return { chunks: splitBytes(bytes) };
  if (source instanceof Blob) return { chunks: source.stream() };
  return { chunks: isStream(source) ? streamBytes(source, invalidChunk) : lineChunks(source) };
}

function invalidChunk(chunk) {
  return new InvalidSourceError(expected("bytes or a string", chunk).problem);
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
  const [name, { value, problem, location = "" }] = serializeLine(item);
  if (problem !== undefined) {
    const path = (name + location).replace(/^\./, "");
    throw new InvalidSourceError(`line ${number}: ${path === "" ? "" : `${path}: `}${problem}`);
  }
  return `${value}\n`;
}

/**
 * Serializes an object as a JSONL line, and returns it with the name of the property that has a problem. Payload and properties
 * are serialized separately, because those of a record may be unedited, and a copy of a record has further properties.
 */
function serializeLine(item) {
  const isCopy = isObject(item?.payload) && item.toJSON === undefined;
  if (!isReadRecord(item) && !isCopy) return ["", json(item)];
  const { payload, properties, otherNames = [] } = serializeRecord(item);
  const names = otherNames.filter((name) => !isRecordField(name));
  const others = json(Object.fromEntries(names.map((name) => [name, item[name]])));
  for (const [name, result] of Object.entries({ payload, properties, "": others })) {
    if (result.problem !== undefined) return [name, result];
  }
  const rest = others.value === "{}" ? "}" : `, ${others.value.slice(1)}`;
  return ["", { value: `{"payload": ${payload.value}, "properties": ${properties.value}${rest}` }];
}

let recordFields;

/** Whether a record that was read from the API has a property of this name. */
function isRecordField(name) {
  const toCamelCase = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
  recordFields ??= new Set(recordFieldNames().flatMap((name) => [name, toCamelCase(name)]));
  return recordFields.has(name);
}

module.exports = { InvalidSourceError, createRecords, importJsonl, prepare, runBulk };
