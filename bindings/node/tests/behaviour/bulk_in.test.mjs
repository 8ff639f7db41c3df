// Behaviour cases: creating many records, and importing JSONL.

import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { gzipSync } from "node:zlib";

import {
  CancelledError,
  MistralError,
  NotFoundError,
  RateLimitError,
  RawJson,
  reportOf,
  ValidationError,
} from "mistral-datasets";

import { bareMessage, failure, Fixture } from "../support/fixture.mjs";

const numbers = (count) => Array.from({ length: count }, (_, n) => n);

/** Returns a record whose property `n` is `n`. */
const record = (n) => ({ payload: { messages: [] }, properties: { n } });

/** Returns JSONL with records whose property `n` counts from 0. */
const lines = (count) =>
  numbers(count)
    .map((n) => `{"messages": [], "properties": {"n": ${n}}}\n`)
    .join("");

/** Returns the property `n` of all records of a dataset, in order. */
async function stored(fixture, { id: datasetId }) {
  const found = [];
  for await (const { properties } of fixture.datasets.iterRecords({ datasetId })) {
    found.push(properties.n);
  }
  return found;
}

const statuses = (report) => report.items.map(({ status }) => status);

async function times(fixture, operation) {
  return (await fixture.operations()).filter((name) => name === operation).length;
}

/** Creates a directory that is deleted after the test. */
async function temporaryDirectory(t) {
  const path = await mkdtemp(join(tmpdir(), "bulk-"));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

test("create_records_in_order", async () => {
  const fixture = await Fixture.start();
  const dataset = await fixture.dataset();
  const create = (records, rest) =>
    fixture.datasets.createRecords({ datasetId: dataset.id, records, concurrency: 1, ...rest });
  const exact = '{"messages": [], "n": 12345678901234567890}';
  const report = await create([
    record(0),
    { messages: [], properties: { n: 1 } },
    { messages: [] },
    { payload: RawJson.from(exact), properties: RawJson.from('{"n": 3}') },
    RawJson.from(exact),
  ]);
  assert.deepEqual([report.created, report.strategy], [5, "single"]);
  assert.match(report.reason, /records/);
  assert.ok(report.elapsedMs > 0);
  assert.deepEqual(await stored(fixture, dataset), [0, 1, undefined, 3, undefined]);
  const records = await fixture.records(dataset);
  assert.deepEqual(
    report.items.map(({ id }) => id),
    records.map(({ id }) => id),
  );
  assert.equal(records[3].payloadText, exact);
  // Existing records can be created again without changes.
  async function* existing() {
    yield records[4];
    yield* fixture.datasets.exportRecords({ datasetId: dataset.id });
  }
  assert.equal((await create(existing())).created, 6);
  assert.equal((await fixture.records(dataset))[5].payloadText, exact);
  for (const invalid of ["text", 5, undefined]) {
    await failure(create(invalid), ValidationError);
  }
  await failure(create([], { strategy: "some" }), ValidationError);
  await failure(create([], { concurrency: 65 }), ValidationError);
});

test("create_records_reads_the_source_lazily", async () => {
  const fixture = await Fixture.served();
  const dataset = await fixture.dataset();
  const stuck = { operation: "create_record", skip: 10, times: null, delayMs: 60_000 };
  await fixture.injectFault(stuck);
  const pulled = { sync: 0, async: 0, closed: 0 };
  function* sync() {
    try {
      for (;;) yield record(pulled.sync++);
    } finally {
      pulled.closed += 1;
    }
  }
  async function* async() {
    for (;;) yield record(pulled.async++);
  }
  const stop = new AbortController();
  const request = { datasetId: dataset.id, strategy: "single", concurrency: 4 };
  const call = (records) =>
    fixture.datasets.createRecords({ ...request, records }, { signal: stop.signal });
  const calls = [failure(call(sync()), CancelledError), failure(call(async()), CancelledError)];
  await sleep(500);
  stop.abort(new Error("enough"));
  const [error] = await Promise.all(calls);
  assert.ok(error.report.created + error.report.unknown >= 4);
  assert.equal(error.cause.message, "enough");
  await sleep(50);
  // 10 records were created, 4 are in flight, and a few are buffered.
  assert.ok(pulled.sync + pulled.async < 10 + 2 * (4 + 20), inspect(pulled));
  assert.equal(pulled.closed, 1, "the source is closed when the call ends");
});

test("create_records_stops_or_continues_on_errors", async () => {
  const fixture = await Fixture.strict();
  const records = () => {
    const all = numbers(6).map(record);
    all[1] = { payload: ["my secret"] };
    all[3] = { payload: { secret: "no messages" } };
    return all;
  };
  const create = (datasetId, rest = {}) =>
    fixture.datasets.createRecords({ datasetId, records: records(), concurrency: 1, ...rest });
  const first = await fixture.dataset();
  const error = await failure(create(first.id), ValidationError);
  assert.equal(bareMessage(error), "records[1]: payload: expected an object, found an array");
  assert.doesNotMatch(inspect(error, { depth: null }), /secret/);
  assert.deepEqual(statuses(error.report).slice(0, 3), ["created", "failed", "notSent"]);
  assert.deepEqual(await stored(fixture, first), [0]);

  const second = await fixture.dataset();
  const report = await create(second.id, { onError: "continue" });
  assert.deepEqual(statuses(report), [
    "created",
    "failed",
    "created",
    "failed",
    "created",
    "created",
  ]);
  const rejected = report.items[3].error;
  assert.ok(rejected instanceof ValidationError && rejected.status === 422);
  assert.deepEqual([report.created, report.failed], [4, 2]);
  assert.deepEqual(await stored(fixture, second), [0, 2, 4, 5]);

  // An error that affects all records, or a failing source, ends the call despite `continue`.
  const unknown = create("no-such-dataset", { onError: "continue" });
  assert.equal((await failure(unknown, NotFoundError)).report.created, 0);
  async function* failing() {
    yield record(0);
    throw new RangeError("the disk is gone");
  }
  const sourceFailed = fixture.datasets.createRecords({
    datasetId: second.id,
    records: failing(),
    onError: "continue",
  });
  const sourceError = await failure(sourceFailed, RangeError);
  assert.equal(sourceError.message, "the disk is gone");
  assert.equal(reportOf(sourceError).created, 1);
  const unserializable = { messages: [], n: 1n };
  const invalid = fixture.datasets.createRecords({
    datasetId: second.id,
    records: [unserializable, 5],
  });
  const message = bareMessage(await failure(invalid, ValidationError));
  assert.match(message, /^records\[0\]: payload\.n: a BigInt is not a JSON value/);
});

test("create_records_as_a_file", async () => {
  const fixture = await Fixture.served();
  const datasetId = (await fixture.dataset()).id;
  const create = (count, rest) =>
    fixture.datasets.createRecords({ datasetId, records: numbers(count).map(record), ...rest });
  const report = await create(3, { strategy: "file" });
  assert.deepEqual(statuses(report), ["imported", "imported", "imported"]);
  assert.deepEqual([report.strategy, report.task.status], ["file", "COMPLETED"]);
  const many = await create(1_500);
  assert.deepEqual([many.created, many.strategy], [1_500, "file"]);
  assert.equal(await times(fixture, "create_record"), 0);
  const { records } = await fixture.datasets.listRecords({ datasetId, pageSize: 0 });
  assert.equal(records.count, 1_503);
});

test("create_records_resumes", async () => {
  const fixture = await Fixture.served();
  const dataset = await fixture.dataset();
  const lost = { operation: "create_record", carryOut: true, resetAfterBytes: 0 };
  await fixture.injectFault({ ...lost, skip: 3 });
  const create = (resume) =>
    fixture.datasets.createRecords({
      datasetId: dataset.id,
      records: numbers(8).map(record),
      concurrency: 1,
      resume,
    });
  const { report, ambiguous } = await failure(create(), MistralError);
  assert.ok(ambiguous);
  assert.deepEqual([report.created, report.unknown, report.notSent > 0], [3, 1, true]);
  assert.ok(report.items[3].error.ambiguous);
  const resumed = await create(report);
  assert.deepEqual([resumed.created, resumed.unknown], [7, 1]);
  assert.equal(await times(fixture, "create_record"), 8);
  assert.deepEqual(await stored(fixture, dataset), numbers(8));
  await failure(create({}), ValidationError);
});

test("create_records_slows_down_on_429", async () => {
  const fixture = await Fixture.served();
  const dataset = await fixture.dataset();
  const throttled = { operation: "create_record", status: 429 };
  await fixture.injectFault({ ...throttled, skip: 4, times: 6, headers: { "retry-after": "1" } });
  const records = numbers(40).map(record);
  const create = (options, rest) =>
    fixture.datasets.createRecords({ datasetId: dataset.id, records, ...rest }, options);
  const report = await create({}, { concurrency: 4 });
  assert.equal(report.created, 40);
  assert.ok(report.elapsedMs >= 995);
  assert.equal(await times(fixture, "create_record"), 46);
  assert.deepEqual(
    (await stored(fixture, dataset)).sort((a, b) => a - b),
    numbers(40),
  );

  // If the server keeps responding 429, the call ends without sending the remaining records.
  await fixture.injectFault({ ...throttled, times: null });
  const fastRetries = { retry: { firstDelayMs: 2, maxDelayMs: 2 } };
  const error = await failure(
    create(fastRetries, { onError: "continue", concurrency: 1 }),
    RateLimitError,
  );
  assert.deepEqual([error.report.failed, error.report.unknown], [1, 0]);
});

test("import_jsonl_in_every_format", async (t) => {
  const fixture = await Fixture.start();
  const text = lines(3);
  const path = join(await temporaryDirectory(t), "records.jsonl");
  await writeFile(path, text);
  const bytes = Buffer.from(text);
  const halves = () => [bytes.subarray(0, 30), bytes.subarray(30)];
  for (const source of [
    path,
    pathToFileURL(path),
    bytes,
    new Uint8Array(bytes).buffer,
    new Blob([text]),
    createReadStream(path, { highWaterMark: 7 }),
    createReadStream(path, { encoding: "utf8", highWaterMark: 7 }),
    new Blob(halves()).stream(),
    halves(),
    text.trimEnd().split("\n"),
    numbers(3).map(record),
    (async function* () {
      yield* numbers(3).map((n) => ({ messages: [], properties: { n } }));
    })(),
  ]) {
    const dataset = await fixture.dataset();
    const report = await fixture.datasets.importJsonl({ datasetId: dataset.id, source });
    assert.deepEqual([report.lines, report.records, report.files.length], [3, 3, 1]);
    assert.equal(report.files[0].task.status, "COMPLETED");
    assert.deepEqual(await stored(fixture, dataset), [0, 1, 2]);
  }
  const dataset = await fixture.dataset();
  const started = { datasetId: dataset.id, source: bytes, wait: false, name: "mine.jsonl" };
  const { files } = await fixture.datasets.importJsonl(started);
  assert.equal((await files[0].task.wait()).status, "COMPLETED");
  await failure(
    fixture.datasets.importJsonl({ datasetId: dataset.id, source: 5 }),
    ValidationError,
    { message: "source: expected a path, bytes, a stream or an iterable, found 5" },
  );
});

test("import_jsonl_compressed", async (t) => {
  const fixture = await Fixture.start();
  const dataset = await fixture.dataset();
  const path = join(await temporaryDirectory(t), "records.jsonl");
  const importing = (source, compression) =>
    fixture.datasets.importJsonl({ datasetId: dataset.id, source, compression });
  await importing(gzipSync(lines(2)));
  assert.deepEqual(await stored(fixture, dataset), [0, 1]);
  await fixture.datasets.export({ datasetId: dataset.id, to: `${path}.zst` });
  await importing(`${path}.zst`);
  await importing(createReadStream(`${path}.zst`), "zstd");
  assert.deepEqual(await stored(fixture, dataset), [0, 1, 0, 1, 0, 1]);
  await failure(importing(Buffer.from(lines(2)), "gzip"), ValidationError);
  await failure(importing(Buffer.from(lines(2)), "brotli"), ValidationError);
});

test("import_jsonl_rejects_invalid_lines", async () => {
  const fixture = await Fixture.served();
  const dataset = await fixture.dataset();
  await fixture.requests();
  for (const [bad, column, problem] of [
    ['{"messages": "my secret"}', 14, "messages: expected an array, found a string"],
    ['{"message": []}', 1, "expected a field `payload` or a field `messages`"],
    ['"my secret"', 1, "the line: expected an object, found a string"],
  ]) {
    const source = ['{"messages": []}', "", bad, '{"messages": []}'];
    const call = fixture.datasets.importJsonl({ datasetId: dataset.id, source });
    const error = await failure(call, ValidationError, {
      message: `line 3, column ${column}: ${problem}`,
    });
    assert.deepEqual(error.report.invalidLines, [{ line: 3, column, problem }]);
    assert.doesNotMatch(inspect(error, { depth: null }), /secret/);
  }
  for (const source of ["/no/such/file.jsonl", [{ n: 1n }]]) {
    await failure(fixture.datasets.importJsonl({ datasetId: dataset.id, source }), ValidationError);
  }
  assert.deepEqual(await fixture.requests(), []);
});

test("import_jsonl_lenient", async () => {
  const fixture = await Fixture.start();
  const dataset = await fixture.dataset();
  const source = [{ messages: [] }, "not JSON", { messages: 5 }, record(3)];
  const request = { datasetId: dataset.id, source, lenient: true };
  const report = await fixture.datasets.importJsonl(request);
  assert.deepEqual([report.lines, report.records, report.invalidLineCount], [4, 2, 2]);
  assert.deepEqual(
    report.invalidLines.map(({ line }) => line),
    [2, 3],
  );
  assert.deepEqual(await stored(fixture, dataset), [undefined, 3]);
});

test("import_jsonl_splits_large_files", async () => {
  const fixture = await Fixture.served();
  const dataset = await fixture.dataset();
  const text = lines(100);
  const maxFileBytes = Math.floor(text.length / 3);
  const source = Buffer.from(text);
  const request = { datasetId: dataset.id, source, maxFileBytes };
  await fixture.injectFault({ operation: "import_from_file", skip: 2, status: 400 });
  const { report } = await failure(fixture.datasets.importJsonl(request), MistralError);
  assert.equal(report.files.length, 2);
  await fixture.requests();
  const resumed = await fixture.datasets.importJsonl({ ...request, resume: report });
  assert.deepEqual([resumed.lines, resumed.records, resumed.files.length], [100, 100, 4]);
  assert.equal(await times(fixture, "upload_file"), 2);
  assert.deepEqual(await stored(fixture, dataset), numbers(100));
});
