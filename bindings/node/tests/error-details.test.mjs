// What an error carries: its message, the exception of the caller's source, the report, and construction in tests.

import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";

import {
  CreateReport,
  ImportReport,
  MistralError,
  NotFoundError,
  RateLimitError,
  reportOf,
  ServerError,
  TimeoutError,
  ValidationError,
} from "mistral-datasets";

import { canned } from "./support/canned.mjs";
import { failure, Fixture } from "./support/fixture.mjs";

class SourceError extends Error {}

/** Yields items and then throws. */
async function* failing(items, error) {
  yield* items;
  throw error;
}

const RECORD = { payload: { messages: [] }, properties: {} };

test("the message has the operation, status and request ID", async () => {
  const body = '{"detail": {"message": "try later", "error_code": "DATABASE_UNAVAILABLE"}}';
  const { client } = await canned({ status: 500, body, headers: { "x-request-id": "r-7" } });
  const { message, stack } = await failure(
    client.datasets.create({ name: "Refund requests", description: "" }),
    ServerError,
  );
  assert.match(
    message,
    /^create_dataset: try later \(DATABASE_UNAVAILABLE, status 500, request r-7/,
  );
  assert.ok(stack.startsWith(`ServerError: ${message}`));
});

test("an error can be constructed", () => {
  const cause = new Error("inner");
  const details = {
    operation: "fetch_dataset",
    status: 404,
    errorCode: "DATASET_NOT_FOUND",
    requestId: "r-1",
    attempts: 2,
    body: '{"detail": {"error_code": "DATASET_NOT_FOUND"}}',
    cause,
  };
  const error = new NotFoundError("the dataset does not exist", details);
  assert.ok(error instanceof MistralError && error instanceof NotFoundError);
  assert.equal(error.message, "the dataset does not exist");
  assert.equal(String(error), "NotFoundError: the dataset does not exist");
  for (const [name, value] of Object.entries(details)) assert.equal(error[name], value, name);
  assert.deepEqual([error.kind, error.statusCode, error.retryable], ["not_found", 404, false]);

  const plain = new RateLimitError("slow down");
  assert.deepEqual([plain.kind, plain.status, plain.requestId], ["rate_limit", null, null]);
  assert.deepEqual([plain.report, plain.task, "cause" in plain], [null, null, false]);
  class Special extends TimeoutError {}
  assert.equal(new Special("late").kind, "timeout");
});

test("exceptions of the source are rethrown as they are, with the report", async () => {
  const fixture = await Fixture.start();
  const { datasets } = fixture;
  const datasetId = (await fixture.dataset()).id;
  const error = new SourceError("the disk is gone");
  for (const strategy of ["single", "file", "auto"]) {
    const records = failing([RECORD, RECORD], error);
    const thrown = await failure(
      datasets.createRecords({ datasetId, records, strategy, concurrency: 1 }),
      SourceError,
    );
    assert.equal(thrown, error);
    assert.ok(reportOf(thrown) instanceof CreateReport, strategy);
    assert.equal(reportOf(thrown).datasetId, datasetId);
    assert.equal(reportOf(thrown).created, strategy === "file" ? 0 : 2);
  }
  const lines = ['{"messages": []}'];
  const imported = datasets.importJsonl({ datasetId, source: failing(lines, error) });
  assert.equal(await failure(imported, SourceError), error);
  assert.ok(reportOf(error) instanceof ImportReport);
  const stream = Readable.from(failing([Buffer.from(lines[0])], error));
  assert.equal(await failure(datasets.importJsonl({ datasetId, source: stream }), Error), error);

  function* blocking() {
    yield RECORD;
    throw error;
  }
  const blocked = datasets.createRecords({ datasetId, records: blocking(), strategy: "single" });
  assert.equal(await failure(blocked, SourceError), error);

  const file = { fileName: "f.jsonl", content: failing(["x"], error) };
  assert.equal(await failure(fixture.files.upload({ file }), SourceError), error);
});

test("a thrown primitive is rethrown, and has no report", async () => {
  const fixture = await Fixture.start();
  const datasetId = (await fixture.dataset()).id;
  const call = fixture.datasets.createRecords({ datasetId, records: failing([], "stop") });
  assert.equal(await call.then(assert.fail, (thrown) => thrown), "stop");
  assert.equal(reportOf("stop"), null);
});

test("a call can be resumed after an exception of its source", async () => {
  const fixture = await Fixture.start();
  const dataset = await fixture.dataset();
  const records = [0, 1, 2, 3].map((n) => ({ payload: { messages: [] }, properties: { n } }));
  const request = { datasetId: dataset.id, strategy: "single", concurrency: 1 };
  const interrupted = failing(records.slice(0, 2), new SourceError("interrupted"));
  const error = await failure(
    fixture.datasets.createRecords({ ...request, records: interrupted }),
    SourceError,
  );
  const resume = reportOf(error);
  await fixture.datasets.createRecords({ ...request, records, resume });
  const stored = await fixture.records(dataset);
  assert.deepEqual(
    stored.map(({ properties }) => properties.n),
    [0, 1, 2, 3],
  );
});

test("reportOf returns the report of a failed call, and null for other values", async () => {
  const fixture = await Fixture.start();
  const datasetId = (await fixture.dataset()).id;
  const records = [RECORD, { payload: 5 }];
  const error = await failure(
    fixture.datasets.createRecords({ datasetId, records, concurrency: 1 }),
    ValidationError,
  );
  assert.equal(reportOf(error), error.report);
  assert.equal(reportOf(error).created, 1);
  for (const value of [new Error("other"), null, undefined, {}, 5]) {
    assert.equal(reportOf(value), null);
  }
});

test("an invalid item of a source is a validation error", async () => {
  const fixture = await Fixture.start();
  const datasetId = (await fixture.dataset()).id;
  const source = Readable.from([{ not: "bytes" }]);
  await failure(fixture.datasets.importJsonl({ datasetId, source }), ValidationError);
});
