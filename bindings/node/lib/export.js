// Exports of whole datasets: to files, streams and callbacks, or as records.

"use strict";

const { Readable, Writable } = require("node:stream");
const { pipeline } = require("node:stream/promises");
const { WritableStream } = require("node:stream/web");
const { fileURLToPath } = require("node:url");

const { callback, expected, optional, string } = require("./arguments.js");
const { BatchIterator } = require("./batch-iterator.js");
const { CallScope } = require("./call-scope.js");
const { Decoder } = require("./decoder.js");
const { LazyModel, jsonProperty, receivedText, setOffset } = require("./lazy.js");
const { hide } = require("./model.js");
const { Operation } = require("./operation.js");
const { parseCallOptions } = require("./options.js");
const { toProgress, withProgress } = require("./progress.js");

const { defineProperty } = Object;

/** The lazy properties of an `ExportedRecord`. */
const EXPORTED_RECORD = { payload: jsonProperty(0), properties: jsonProperty(1) };

/** A record of an export. */
class ExportedRecord extends LazyModel {
  constructor(decoder) {
    super(decoder, EXPORTED_RECORD);
    this.id = decoder.isPresent() ? decoder.string() : null;
    defineProperty(this, "payload", EXPORTED_RECORD.payload);
    defineProperty(this, "properties", EXPORTED_RECORD.properties);
    this.source = decoder.isPresent() ? decoder.string() : null;
    setOffset(this, decoder.skipNumbers(4));
  }

  get payloadText() {
    return receivedText(this, 0);
  }

  get propertiesText() {
    return receivedText(this, 1);
  }

  toJSON() {
    const { id, source, payload, properties, extra } = this;
    return { id, payload, properties, source, ...extra };
  }
}

hide(ExportedRecord, ["payload", "properties"]);

const EXPORT = new Operation("export", null, {
  datasetId: string,
  to: (value) => {
    if (["string", "function"].includes(typeof value) || value instanceof URL) return { value };
    if (value instanceof WritableStream) {
      return value.locked ? { problem: "the stream is locked" } : { value };
    }
    if (!isWritable(value)) return expected("a path, a writable stream or a function", value);
    return value.destroyed || value.writable === false
      ? { problem: "the stream is not writable" }
      : { value };
  },
  compression: optional(string),
  onProgress: optional(callback),
});

/** Whether a value is a Node.js stream or one of a compatible library. */
function isWritable(value) {
  return (
    value instanceof Writable ||
    (typeof value?.write === "function" && typeof value.on === "function")
  );
}

function exportTo(native, request, options) {
  return EXPORT.runCancellable(native, request, options, async (native, values) => {
    const { datasetId, to, compression, onProgress } = values;
    const call = EXPORT.unwrap(
      native.prepareExport(datasetId, compression, onProgress !== undefined),
    );
    const cancel = () => native.cancel();
    const path = to instanceof URL ? fileURLToPath(to) : to;
    const run = typeof path === "string" ? call.toPath(path) : writeChunks(call, to, cancel);
    const result = await withProgress({
      run,
      next: () => call.progress(),
      onUpdate: onProgress && ((progress) => onProgress(toProgress(progress))),
      cancel,
    });
    const report = EXPORT.unwrap(result, native);
    return { ...report, path: report.path ?? null };
  });
}

/** Runs an export and writes its chunks. If writing fails, the export is cancelled and the error rethrown. */
async function writeChunks(call, to, cancel) {
  const run = call.toChunks();
  const exportFailed = new ExportFailed();
  async function* chunks() {
    for (let chunk; (chunk = await call.nextChunk());) yield chunk;
    // A failed export must not look complete to the writer.
    const result = await run;
    if (result.kind !== undefined) throw exportFailed;
  }
  try {
    await write(chunks(), to);
  } catch (error) {
    if (error !== exportFailed) {
      cancel();
      await run;
      throw error;
    }
  }
  return run;
}

/** Aborts the writer when the export has failed. The failure itself is in the result of the export. */
class ExportFailed extends Error {
  message = "the export failed";
}

async function write(chunks, to) {
  if (typeof to === "function") {
    for await (const chunk of chunks) await to(chunk);
  } else if (to instanceof WritableStream) {
    await writeToWebStream(chunks, to.getWriter());
  } else {
    const end = to !== process.stdout && to !== process.stderr;
    await pipeline(Readable.from(chunks), to, { end });
  }
}

async function writeToWebStream(chunks, writer) {
  try {
    for await (const chunk of chunks) {
      await writer.ready;
      await writer.write(chunk);
    }
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => {});
    throw error;
  } finally {
    writer.releaseLock();
  }
}

const EXPORT_RECORDS = new Operation("export", null, { datasetId: string });

function exportRecords(native, request, options) {
  const { datasetId } = EXPORT_RECORDS.validate(request);
  const callOptions = parseCallOptions(options);
  return {
    [Symbol.asyncIterator]: () =>
      new BatchIterator(() => {
        const scope = new CallScope(native, callOptions, { cancellable: true });
        const records = scope.native.exportRecords(datasetId);
        return {
          async next() {
            const response = EXPORT_RECORDS.unwrap(await records.next(), native);
            if (!response) return undefined;
            const decoder = new Decoder(response);
            return decoder.array(() => new ExportedRecord(decoder));
          },
          stop: () => records.stop(),
          scope,
        };
      }),
  };
}

module.exports = { ExportedRecord, exportRecords, exportTo };
