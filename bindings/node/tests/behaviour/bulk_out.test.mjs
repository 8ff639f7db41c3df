// Cases on getting whole datasets out, and on the progress of transfers.

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

/** A dataset of three records, its export as text, and a folder that is gone after the test. */
async function filled(t) {
  const fixture = await Fixture.served();
  const dataset = await fixture.dataset();
  for (const text of ["first", "zweites 😀", "third"]) await fixture.record(dataset, text);
  const { fileUrl } = await fixture.datasets.exportToJsonl({ datasetId: dataset.id });
  const whole = await (await fixture.client.openLink(fileUrl)).text();
  await fixture.requests();
  const folder = await mkdtemp(join(tmpdir(), "export-"));
  t.after(() => rm(folder, { recursive: true }));
  const request = { datasetId: dataset.id, to: join(folder, "export.jsonl") };
  return { fixture, dataset, whole, folder, request };
}

/** The text of what a callback was given. */
function collecting() {
  const pieces = [];
  const to = (piece) => void pieces.push(piece);
  return { to, text: () => Buffer.concat(pieces).toString() };
}

test("export_to_file", async (t) => {
  const { fixture, whole, folder, request } = await filled(t);
  await writeFile(request.to, "what was there before");
  const report = await fixture.datasets.export(request);
  assert.deepEqual(report, { records: 3, bytes: Buffer.byteLength(whole), path: request.to });
  assert.equal(await readFile(request.to, "utf8"), whole);
  await fixture.datasets.export({ ...request, to: pathToFileURL(request.to) });

  // A failure leaves what was there, and nothing else.
  await fixture.injectFault({ operation: "open_link", status: 500, body: "down", times: null });
  const failed = fixture.datasets.export(request);
  await failure(failed, ServerError, { attempts: 5, operation: "export" });
  assert.equal(await readFile(request.to, "utf8"), whole);
  assert.deepEqual(await readdir(folder), ["export.jsonl"]);
  await failure(fixture.datasets.export({ ...request, datasetId: "unknown" }), NotFoundError);
  const nowhere = { ...request, to: join(folder, "missing", "export.jsonl") };
  await failure(fixture.datasets.export(nowhere), ValidationError);
  await failure(fixture.datasets.export({ ...request, to: 5 }), ValidationError, {
    message: "to: expected a path, a stream to write to or a function, found 5",
  });
});

test("export_compressed", async (t) => {
  const { fixture, dataset, whole, request } = await filled(t);
  const to = `${request.to}.gz`;
  await fixture.datasets.export({ ...request, to });
  assert.equal(gunzipSync(await readFile(to)).toString(), whole);
  const zstd = `${request.to}.zst`;
  const { bytes } = await fixture.datasets.export({ ...request, to: zstd });
  const written = await readFile(zstd);
  assert.deepEqual([written.length, written.readUInt32LE(0)], [bytes, 0xfd2fb528]);
  const pieces = [];
  const gzip = { datasetId: dataset.id, compression: "gzip" };
  await fixture.datasets.export({ ...gzip, to: (piece) => void pieces.push(piece) });
  assert.equal(gunzipSync(Buffer.concat(pieces)).toString(), whole);
  await failure(fixture.datasets.export({ ...request, compression: "br" }), ValidationError);
});

test("export_resumes", async (t) => {
  const { fixture, whole, request } = await filled(t);
  for (const rule of [{ truncateAfterBytes: 100 }, { resetAfterBytes: 0 }]) {
    await fixture.injectFault({ operation: "open_link", ...rule });
    await fixture.requests();
    assert.equal((await fixture.datasets.export(request)).records, 3);
    assert.equal(await readFile(request.to, "utf8"), whole);
    const openings = (await fixture.requests()).filter(
      ({ operation }) => operation === "open_link",
    );
    assert.equal(openings.length, 2);
    const range = rule.truncateAfterBytes ? "bytes=100-" : undefined;
    assert.equal(openings[1].headers.range, range);
  }
});

test("export_renews_an_expired_url", async (t) => {
  const { fixture, whole, request } = await filled(t);
  await fixture.injectFault({ operation: "open_link", status: 403, body: "" });
  const { to, text } = collecting();
  assert.equal((await fixture.datasets.export({ ...request, to })).records, 3);
  assert.equal(text(), whole);
  assert.deepEqual(await fixture.operations(), [
    "list_records",
    "export_to_jsonl",
    "open_link",
    "export_to_jsonl",
    "open_link",
  ]);
});

test("export_checks_the_line_count", async (t) => {
  const { fixture, dataset, folder, request } = await filled(t);
  const body = { records: { count: 5, results: [] } };
  await fixture.injectFault({ operation: "list_records", status: 200, body, times: null });
  const message = /2 of 5 records are missing/;
  const error = await failure(fixture.datasets.export(request), DecodingError);
  assert.match(error.message, message);
  assert.deepEqual(await readdir(folder), []);
  // A stream is destroyed, not ended, when what it was given is not the whole.
  const sink = new PassThrough().resume();
  await failure(fixture.datasets.export({ ...request, to: sink }), DecodingError);
  assert.ok(sink.destroyed && !sink.writableFinished);
  const pager = async () => {
    for await (const { id } of fixture.datasets.exportRecords({ datasetId: dataset.id })) {
      assert.ok(id);
    }
  };
  assert.match((await failure(pager(), DecodingError)).message, message);
});

test("export_records", async (t) => {
  const { fixture, dataset } = await filled(t);
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
  // Leaving the loop stops it.
  for await (const { source } of exported) {
    assert.equal(source, "DIRECT_INPUT");
    break;
  }
  assert.throws(() => fixture.datasets.exportRecords({}), ValidationError);

  const body = '{"payload": {"messages": []}}\n\nthe conversation\n';
  await fixture.injectFault({ operation: "open_link", status: 200, body });
  const steps = exported[Symbol.asyncIterator]();
  assert.equal((await steps.next()).value.propertiesText, "{}");
  const error = await failure(steps.next(), DecodingError);
  assert.match(error.message, /record 2/);
  assert.doesNotMatch(inspect(error, { depth: null }), /the conversation/);
  assert.deepEqual(await steps.next(), { done: true, value: undefined });
});

test("export_to_writer", async (t) => {
  const { fixture, dataset, whole, request } = await filled(t);
  const datasetId = dataset.id;
  const file = createWriteStream(request.to);
  const report = await fixture.datasets.export({ datasetId, to: file });
  assert.deepEqual([report.records, report.path], [3, null]);
  assert.equal(await readFile(request.to, "utf8"), whole);
  const { to: write, text } = collecting();
  let closed = false;
  const to = new WritableStream({ write, close: () => void (closed = true) });
  await fixture.datasets.export({ datasetId, to });
  assert.deepEqual([text(), closed], [whole, true]);

  // What a sink throws is what the export fails with, and nothing goes on behind it.
  const full = new Error("the disk is full");
  const sinks = [
    () => Promise.reject(full),
    new WritableStream({ write: () => Promise.reject(full) }),
    new Writable({ write: (piece, encoding, done) => done(full) }),
  ];
  for (const to of sinks) await assert.rejects(fixture.datasets.export({ datasetId, to }), full);
  const stop = new AbortController();
  await fixture.injectFault({ operation: "open_link", delayMs: 5_000 });
  setTimeout(() => stop.abort(full), 100);
  const aborted = fixture.datasets.export({ datasetId, to: write }, { signal: stop.signal });
  await failure(aborted, CancelledError, { cause: full });

  // Neither the key nor a further header goes to the link's host.
  const elsewhere = await canned({ body: '{"payload": {}}' });
  const body = { file_url: `${elsewhere.url}/file?signature=secret` };
  await fixture.injectFault([
    { operation: "list_records", status: 200, body: { records: { count: 1 } } },
    { operation: "export_to_jsonl", status: 200, body },
  ]);
  const options = { headers: { "x-secret": "value" } };
  assert.equal((await fixture.datasets.export({ datasetId, to: write }, options)).records, 1);
  const { headers } = elsewhere.requests[0];
  assert.deepEqual([headers.authorization, headers["x-secret"]], [undefined, undefined]);
});

test("transfer_reports_progress", async (t) => {
  const { fixture, dataset, whole, request } = await filled(t);
  const datasetId = dataset.id;
  const watch = async (call) => {
    const told = [];
    await call((progress) => void told.push(progress));
    return told;
  };
  const exported = await watch((onProgress) => fixture.datasets.export({ ...request, onProgress }));
  const bytes = Buffer.byteLength(whole);
  assert.deepEqual(
    { ...exported.at(-1) },
    { phase: "export", bytes, totalBytes: bytes, records: 3, totalRecords: 3 },
  );
  const imported = await watch((onProgress) =>
    fixture.datasets.importJsonl({ datasetId, source: request.to, onProgress }),
  );
  const phases = [...new Set(imported.map(({ phase }) => phase))];
  assert.deepEqual(phases, ["check", "upload", "import"]);
  assert.equal(imported.at(-1).records, 3);
  const records = [{ messages: [] }, { messages: [] }];
  const created = await watch((onProgress) =>
    fixture.datasets.createRecords({ datasetId, records, onProgress }),
  );
  assert.deepEqual([created.at(-1).phase, created.at(-1).records], ["send", 2]);
  // What a listener throws ends the call.
  const enough = new Error("enough");
  const onProgress = () => Promise.reject(enough);
  await assert.rejects(fixture.datasets.export({ ...request, onProgress }), enough);
  await assert.rejects(fixture.datasets.createRecords({ datasetId, records, onProgress }), enough);
});
