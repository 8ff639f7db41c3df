// Behaviour cases: exports, and progress of transfers.

import assert from "node:assert/strict";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { gunzipSync } from "node:zlib";

import {
  CancelledError,
  DecodingError,
  NotFoundError,
  ServerError,
  ValidationError,
} from "mistral-datasets";

import { canned } from "../support/canned.mjs";
import { failure, Fixture } from "../support/fixture.mjs";

/** Creates a dataset of three records, its expected export, and a directory that is deleted after the test. */
async function setup(t) {
  const fixture = await Fixture.served();
  const dataset = await fixture.dataset();
  for (const text of ["first", "zweites 😀", "third"]) await fixture.record(dataset, text);
  const { fileUrl } = await fixture.datasets.exportToJsonl({ datasetId: dataset.id });
  const expected = await (await fixture.client.openLink(fileUrl)).text();
  await fixture.requests();
  const folder = await mkdtemp(join(tmpdir(), "export-"));
  t.after(() => rm(folder, { recursive: true }));
  const request = { datasetId: dataset.id, to: join(folder, "export.jsonl") };
  return { fixture, dataset, expected, folder, request };
}

/** Returns a callback and the text of the chunks it has received. */
function collector() {
  const chunks = [];
  const to = (chunk) => void chunks.push(chunk);
  return { to, text: () => Buffer.concat(chunks).toString() };
}

test("export_to_file", async (t) => {
  const { fixture, expected, folder, request } = await setup(t);
  await writeFile(request.to, "previous content");
  const report = await fixture.datasets.export(request);
  assert.deepEqual(report, { records: 3, bytes: Buffer.byteLength(expected), path: request.to });
  assert.equal(await readFile(request.to, "utf8"), expected);
  await fixture.datasets.export({ ...request, to: pathToFileURL(request.to) });

  // A failed export keeps the previous file and leaves no temporary file.
  await fixture.injectFault({ operation: "open_link", status: 500, body: "down", times: null });
  const failed = fixture.datasets.export(request);
  await failure(failed, ServerError, { attempts: 5, operation: "export" });
  assert.equal(await readFile(request.to, "utf8"), expected);
  assert.deepEqual(await readdir(folder), ["export.jsonl"]);
  await failure(fixture.datasets.export({ ...request, datasetId: "unknown" }), NotFoundError);
  const nowhere = { ...request, to: join(folder, "missing", "export.jsonl") };
  await failure(fixture.datasets.export(nowhere), ValidationError);
  await failure(fixture.datasets.export({ ...request, to: 5 }), ValidationError, {
    message: "to: expected a path, a writable stream or a function, found 5",
  });
});

test("export_compressed", async (t) => {
  const { fixture, dataset, expected, request } = await setup(t);
  const to = `${request.to}.gz`;
  await fixture.datasets.export({ ...request, to });
  assert.equal(gunzipSync(await readFile(to)).toString(), expected);
  const zstd = `${request.to}.zst`;
  const { bytes } = await fixture.datasets.export({ ...request, to: zstd });
  const written = await readFile(zstd);
  assert.deepEqual([written.length, written.readUInt32LE(0)], [bytes, 0xfd2fb528]);
  const chunks = [];
  const gzip = { datasetId: dataset.id, compression: "gzip" };
  await fixture.datasets.export({ ...gzip, to: (chunk) => void chunks.push(chunk) });
  assert.equal(gunzipSync(Buffer.concat(chunks)).toString(), expected);
  await failure(fixture.datasets.export({ ...request, compression: "br" }), ValidationError);
});

test("export_resumes", async (t) => {
  const { fixture, expected, request } = await setup(t);
  for (const fault of [{ truncateAfterBytes: 100 }, { resetAfterBytes: 0 }]) {
    await fixture.injectFault({ operation: "open_link", ...fault });
    await fixture.requests();
    assert.equal((await fixture.datasets.export(request)).records, 3);
    assert.equal(await readFile(request.to, "utf8"), expected);
    const downloads = (await fixture.requests()).filter(
      ({ operation }) => operation === "open_link",
    );
    assert.equal(downloads.length, 2);
    const range = fault.truncateAfterBytes ? "bytes=100-" : undefined;
    assert.equal(downloads[1].headers.range, range);
  }
});

test("export_renews_an_expired_url", async (t) => {
  const { fixture, expected, request } = await setup(t);
  await fixture.injectFault({ operation: "open_link", status: 403, body: "" });
  const { to, text } = collector();
  assert.equal((await fixture.datasets.export({ ...request, to })).records, 3);
  assert.equal(text(), expected);
  assert.deepEqual(await fixture.operations(), [
    "list_records",
    "export_to_jsonl",
    "open_link",
    "export_to_jsonl",
    "open_link",
  ]);
});

test("export_checks_the_line_count", async (t) => {
  const { fixture, dataset, folder, request } = await setup(t);
  const body = { records: { count: 5, results: [] } };
  await fixture.injectFault({ operation: "list_records", status: 200, body, times: null });
  const message = /2 of 5 records are missing/;
  const error = await failure(fixture.datasets.export(request), DecodingError);
  assert.match(error.message, message);
  assert.deepEqual(await readdir(folder), []);
  // An incomplete export destroys the stream instead of ending it.
  const sink = new PassThrough().resume();
  await failure(fixture.datasets.export({ ...request, to: sink }), DecodingError);
  assert.ok(sink.destroyed && !sink.writableFinished);
  const iterate = async () => {
    for await (const { id } of fixture.datasets.exportRecords({ datasetId: dataset.id })) {
      assert.ok(id);
    }
  };
  assert.match((await failure(iterate(), DecodingError)).message, message);
});

test("export_records", async (t) => {
  const { fixture, dataset } = await setup(t);
  const stored = await fixture.records(dataset);
  await fixture.requests();
  const exported = fixture.datasets.exportRecords({ datasetId: dataset.id });
  const found = [];
  for await (const record of exported) {
    found.push(record);
    assert.match(inspect(record, { depth: null }), /characters of JSON/);
  }
  assert.deepEqual(
    found.map(({ id, payloadText, propertiesText }) => [id, payloadText, propertiesText]),
    stored.map(({ id, payloadText, propertiesText }) => [id, payloadText, propertiesText]),
  );
  assert.deepEqual(found[1].properties, { text: "zweites 😀" });
  assert.ok(found[0].extra.created_at && found[0].toJSON().payload);
  // Leaving the loop cancels the export.
  for await (const { source } of exported) {
    assert.equal(source, "DIRECT_INPUT");
    break;
  }
  assert.throws(() => fixture.datasets.exportRecords({}), ValidationError);

  const body = '{"payload": {"messages": []}}\n\nthe conversation\n';
  await fixture.injectFault({ operation: "open_link", status: 200, body });
  const iterator = exported[Symbol.asyncIterator]();
  assert.equal((await iterator.next()).value.propertiesText, "{}");
  const error = await failure(iterator.next(), DecodingError);
  assert.match(error.message, /record 2/);
  assert.doesNotMatch(inspect(error, { depth: null }), /the conversation/);
  assert.deepEqual(await iterator.next(), { done: true, value: undefined });
});

test("export_to_writer", async (t) => {
  const { fixture, dataset, expected, request } = await setup(t);
  const datasetId = dataset.id;
  const file = createWriteStream(request.to);
  const report = await fixture.datasets.export({ datasetId, to: file });
  assert.deepEqual([report.records, report.path], [3, null]);
  assert.equal(await readFile(request.to, "utf8"), expected);
  const { to: write, text } = collector();
  let closed = false;
  const to = new WritableStream({ write, close: () => void (closed = true) });
  await fixture.datasets.export({ datasetId, to });
  assert.deepEqual([text(), closed], [expected, true]);

  // Errors of the destination are rethrown and cancel the export.
  const full = new Error("the disk is full");
  const sinks = [
    () => Promise.reject(full),
    new WritableStream({ write: () => Promise.reject(full) }),
    new Writable({ write: (chunk, encoding, done) => done(full) }),
  ];
  for (const to of sinks) await assert.rejects(fixture.datasets.export({ datasetId, to }), full);
  const stop = new AbortController();
  await fixture.injectFault({ operation: "open_link", delayMs: 5_000 });
  setTimeout(() => stop.abort(full), 100);
  const aborted = fixture.datasets.export({ datasetId, to: write }, { signal: stop.signal });
  await failure(aborted, CancelledError, { cause: full });

  // Neither the API key nor additional headers are sent to the presigned URL.
  const otherHost = await canned({ body: '{"payload": {}}' });
  const body = { file_url: `${otherHost.url}/file?signature=secret` };
  await fixture.injectFault([
    { operation: "list_records", status: 200, body: { records: { count: 1 } } },
    { operation: "export_to_jsonl", status: 200, body },
  ]);
  const options = { headers: { "x-secret": "value" } };
  assert.equal((await fixture.datasets.export({ datasetId, to: write }, options)).records, 1);
  const { headers } = otherHost.requests[0];
  assert.deepEqual([headers.authorization, headers["x-secret"]], [undefined, undefined]);
});

test("transfer_reports_progress", async (t) => {
  const { fixture, dataset, expected, request } = await setup(t);
  const datasetId = dataset.id;
  const collectProgress = async (call) => {
    const updates = [];
    await call((progress) => void updates.push(progress));
    return updates;
  };
  const exported = await collectProgress((onProgress) =>
    fixture.datasets.export({ ...request, onProgress }),
  );
  const bytes = Buffer.byteLength(expected);
  assert.deepEqual(
    { ...exported.at(-1) },
    { phase: "export", bytes, totalBytes: bytes, records: 3, totalRecords: 3 },
  );
  const imported = await collectProgress((onProgress) =>
    fixture.datasets.importJsonl({ datasetId, source: request.to, onProgress }),
  );
  const phases = [...new Set(imported.map(({ phase }) => phase))];
  assert.deepEqual(phases, ["check", "upload", "import"]);
  assert.equal(imported.at(-1).records, 3);
  const records = [{ messages: [] }, { messages: [] }];
  const created = await collectProgress((onProgress) =>
    fixture.datasets.createRecords({ datasetId, records, onProgress }),
  );
  assert.deepEqual([created.at(-1).phase, created.at(-1).records], ["send", 2]);
  // An error of the callback ends the call.
  const enough = new Error("enough");
  const onProgress = () => Promise.reject(enough);
  await assert.rejects(fixture.datasets.export({ ...request, onProgress }), enough);
  await assert.rejects(fixture.datasets.createRecords({ datasetId, records, onProgress }), enough);
});
