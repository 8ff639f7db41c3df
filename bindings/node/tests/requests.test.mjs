// Requests that are refused before anything is sent: raw responses that do not exist, values that are not sources of records, and
// streams that cannot be written.

import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";

import { ValidationError } from "mistral-datasets";

import { failure, Fixture } from "./support/fixture.mjs";

test("raw responses of calls without a single response are refused", async () => {
  const fixture = await Fixture.served();
  const { datasets, files, client } = fixture;
  const { id: datasetId } = await fixture.filled(3);
  const fileId = await fixture.file('{"messages": []}\n');
  const task = await datasets.importFromFile({ datasetId, fileId, wait: true });
  const { url } = await files.getSignedUrl({ fileId });
  const records = [{ messages: [] }];
  const chunks = [];
  await fixture.requests();
  for (const call of [
    () => datasets.createRecords({ datasetId, records }),
    () => datasets.importJsonl({ datasetId, source: records }),
    () => datasets.export({ datasetId, to: (chunk) => chunks.push(chunk) }),
    () => datasets.importFromFile({ datasetId, fileId, wait: true }),
    () => task.wait(),
    () => task.wait({ onProgress() {} }),
    () => datasets.task({ datasetId, taskId: task.id }).wait(),
    () => files.download({ fileId }),
    () => client.openLink(url),
    () => datasets.iterRecords({ datasetId }).count(),
  ]) {
    await assert.rejects(call().withResponse(), {
      name: "TypeError",
      message: /single request/,
    });
  }
  for (const iterable of [
    datasets.iterRecords({ datasetId }),
    datasets.exportRecords({ datasetId }),
  ]) {
    assert.throws(() => iterable.withResponse(), TypeError);
  }
  assert.deepEqual(await fixture.requests(), []);
  assert.deepEqual(chunks, []);
  // Without `wait`, a single request is sent.
  const imported = datasets.importFromFile({ datasetId, fileId, wait: false });
  assert.equal((await imported.withResponse()).response.status, 202);
  assert.equal((await task.refresh().withResponse()).value.id, task.id);
});

test("values that are not sources of records are refused", async () => {
  const fixture = await Fixture.served();
  const { id: datasetId } = await fixture.dataset();
  await fixture.requests();
  const one = "; for one record, use `createRecord` or pass `[record]`";
  const file = "; for a JSONL file, use `importJsonl`";
  for (const [records, found] of [
    [{ messages: [] }, `an object${one}`],
    [{ payload: { messages: [] }, properties: {} }, `an object${one}`],
    [new Map(), `a Map${one}`],
    ["records.jsonl", `a string${file}`],
    [Buffer.from("{}"), `a Buffer${file}`],
    [5, `5${one}`],
  ]) {
    await failure(fixture.datasets.createRecords({ datasetId, records }), ValidationError, {
      message: `records: expected an iterable of records, found ${found}`,
    });
  }
  assert.deepEqual(await fixture.requests(), []);
});

test("the same object may be changed between records", async () => {
  const fixture = await Fixture.start();
  function* changing() {
    const record = { messages: [], properties: { n: 0 } };
    for (let n = 0; n < 1_500; n++) {
      record.properties.n = n;
      yield record;
    }
  }
  for (const strategy of ["single", "file"]) {
    const { id: datasetId } = await fixture.dataset();
    await fixture.datasets.createRecords({
      datasetId,
      records: changing(),
      strategy,
      concurrency: 1,
    });
    const found = [];
    for await (const { properties } of fixture.datasets.iterRecords({ datasetId })) {
      found.push(properties.n);
    }
    assert.deepEqual(
      found,
      Array.from({ length: 1_500 }, (_, n) => n),
    );
  }
});

test("streams that cannot be written are refused", async () => {
  const fixture = await Fixture.served();
  const { id: datasetId } = await fixture.filled(3);
  const destroyed = new PassThrough().destroy();
  const ended = new PassThrough().end();
  const locked = new WritableStream();
  locked.getWriter();
  for (const [to, message] of [
    [destroyed, "to: the stream is not writable"],
    [ended, "to: the stream is not writable"],
    [locked, "to: the stream is locked"],
  ]) {
    await failure(fixture.datasets.export({ datasetId, to }), ValidationError, { message });
  }
  assert.deepEqual(await fixture.requests(), []);
});

test("a wait rejects a request that is not an object", async () => {
  const fixture = await Fixture.served();
  const { id: datasetId } = await fixture.dataset();
  const task = fixture.datasets.task({ datasetId, taskId: datasetId });
  for (const request of [5, null, "5"]) {
    const error = await failure(task.wait(request), ValidationError);
    assert.match(error.message, /^wait: expected an object such as \{ timeoutMs, /);
  }
});
