// Getting whole datasets out: into files, streams and callbacks, or as records.

"use strict";

const { Readable, Writable } = require("node:stream");
const { pipeline } = require("node:stream/promises");
const { WritableStream } = require("node:stream/web");
const { fileURLToPath } = require("node:url");

const { expected, listener, optional, text } = require("./arguments.js");
const { Model } = require("./model.js");
const { Operation } = require("./operation.js");
const { ofCall } = require("./options.js");
const { shown, watched } = require("./progress.js");
const { Reader } = require("./reader.js");
const { Scope } = require("./scope.js");
const { Steps } = require("./steps.js");

/** A record of an export. */
class ExportedRecord extends Model {
  #payload;
  #properties;

  constructor(reader) {
    super(reader);
    this.id = reader.present() ? reader.text() : null;
    this.#payload = reader.raw();
    this.#properties = reader.raw();
    this.source = reader.present() ? reader.text() : null;
  }

  get payload() {
    return this.#payload.value;
  }

  get payloadText() {
    return this.#payload.text;
  }

  get properties() {
    return this.#properties.value;
  }

  get propertiesText() {
    return this.#properties.text;
  }

  toJSON() {
    const { id, source, payload, properties, extra } = this;
    return { id, payload, properties, source, ...extra };
  }
}

const EXPORT = new Operation("export", null, {
  datasetId: text,
  to: (value) =>
    ["string", "function"].includes(typeof value) ||
    value instanceof URL ||
    value instanceof WritableStream ||
    isWritable(value)
      ? { value }
      : expected("a path, a stream to write to or a function", value),
  compression: optional(text),
  onProgress: optional(listener),
});

/** Node.js's own streams, and those of libraries that resemble them. */
function isWritable(value) {
  return (
    value instanceof Writable ||
    (typeof value?.write === "function" && typeof value.on === "function")
  );
}

/** Exports a dataset. */
function exportTo(native, request, options) {
  return EXPORT.gather(native, request, options, async (native, values) => {
    const { datasetId, to, compression, onProgress } = values;
    const call = EXPORT.received(
      native.prepareExport(datasetId, compression, onProgress !== undefined),
    );
    const cancel = () => native.cancel();
    const path = to instanceof URL ? fileURLToPath(to) : to;
    const run = typeof path === "string" ? call.toPath(path) : written(call, to, cancel);
    const outcome = await watched({
      run,
      next: () => call.progress(),
      tell: onProgress && ((progress) => onProgress(shown(progress))),
      cancel,
    });
    const report = EXPORT.received(outcome, native);
    return { ...report, path: report.path ?? null };
  });
}

/** Hands the pieces of an export over; what fails to take them breaks it off. */
async function written(call, to, cancel) {
  const run = call.toPieces();
  const end = new ExportEnd();
  async function* pieces() {
    for (let piece; (piece = await call.piece());) yield piece;
    // A failure must not look like the end.
    const outcome = await run;
    if (outcome.kind !== undefined) throw end;
  }
  try {
    await handOver(pieces(), to);
  } catch (error) {
    if (error !== end) {
      cancel();
      await run;
      throw error;
    }
  }
  return run;
}

/** Stands for the failure of the export where its pieces are read. */
class ExportEnd extends Error {
  message = "the export failed";
}

async function handOver(pieces, to) {
  if (typeof to === "function") {
    for await (const piece of pieces) await to(piece);
  } else if (to instanceof WritableStream) {
    await intoWeb(pieces, to.getWriter());
  } else {
    // The process's own streams are not closed.
    const end = to !== process.stdout && to !== process.stderr;
    await pipeline(Readable.from(pieces), to, { end });
  }
}

async function intoWeb(pieces, writer) {
  try {
    for await (const piece of pieces) {
      await writer.ready;
      await writer.write(piece);
    }
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => {});
    throw error;
  } finally {
    writer.releaseLock();
  }
}

const EXPORT_RECORDS = new Operation("export", null, { datasetId: text });

/** The records of an export, without a file. */
function exportRecords(native, request, options) {
  const { datasetId } = EXPORT_RECORDS.checked(request);
  const own = ofCall(options);
  return {
    [Symbol.asyncIterator]: () =>
      new Steps(() => {
        const scope = new Scope(native, own, { cancellable: true });
        const records = scope.native.exportRecords(datasetId);
        return {
          async next() {
            const response = EXPORT_RECORDS.received(await records.next(), native);
            if (!response) return undefined;
            const reader = new Reader(response);
            return reader.list(() => new ExportedRecord(reader));
          },
          stop: () => records.stop(),
          scope,
        };
      }),
  };
}

module.exports = { ExportedRecord, exportRecords, exportTo };
