// Behaviour cases: records.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { NotFoundError, RawJson, RecordSource, ValidationError } from "mistral-datasets";

import { failure, Fixture, nowhere } from "../support/fixture.mjs";

test("create_record", async () => {
  const fixture = await Fixture.start();
  const { id: datasetId } = await fixture.dataset();
  const payload = { messages: [{ role: "user", content: "Hi" }], model: "m" };
  const properties = { topic: "greeting" };
  const record = await fixture.datasets.createRecord({ datasetId, payload, properties });
  assert.deepEqual(record.payload, payload);
  assert.equal(record.payloadText, JSON.stringify(payload));
  assert.deepEqual(record.properties, properties);
  assert.deepEqual([record.source, record.datasetId], [RecordSource.DIRECT_INPUT, datasetId]);
  const source = RecordSource.TELEMETRY_SPAN;
  const traced = await fixture.datasets.createRecord({ datasetId, payload, properties, source });
  assert.equal(traced.source, source);
});

test("create_record_rejects_non_objects", async () => {
  const { createRecord } = nowhere().datasets;
  const create = (rest) => {
    const request = { datasetId: "d", payload: { messages: [] }, properties: {}, ...rest };
    return createRecord.call(nowhere().datasets, request);
  };
  for (const [value, found] of [
    [[null], ", found an array"],
    ["text", ", found a string"],
    [null, ", found null"],
    [new Date(), null],
    [RawJson.from("[1]"), null],
  ]) {
    // Null properties are empty.
    for (const name of value === null ? ["payload"] : ["payload", "properties"]) {
      const message =
        found === null ? `${name}: expected a JSON object` : `${name}: expected an object${found}`;
      await failure(create({ [name]: value }), ValidationError, { message, status: null });
    }
  }
});

test("create_record_without_messages_is_rejected", async () => {
  const fixture = await Fixture.strict();
  const dataset = await fixture.dataset();
  for (const payload of [{}, { messages: [[null]] }, { messages: "hello" }]) {
    const request = { datasetId: dataset.id, payload, properties: {} };
    const error = await failure(fixture.datasets.createRecord(request), ValidationError, {
      status: 422,
    });
    assert.match(error.message, /payload\.messages/);
  }
  assert.deepEqual(await fixture.records(dataset), []);

  const { datasets } = await Fixture.start();
  const { id: datasetId } = await datasets.create({ name: "Anything", description: "" });
  const payload = { sentence: "I like it", groundtruth: "positive" };
  const created = await datasets.createRecord({ datasetId, payload, properties: {} });
  assert.deepEqual({ ...created.payload }, payload);
});

/** JSON text that would change if it were parsed and serialized again. */
const UNUSUAL =
  String.raw`{"messages": [{"role":"user","content":"a\u0001b\u2028 \ud83d\ude00 😀 é"}], "z": 1.0, "a": 12345678901234567890123, ` +
  String.raw`"tiny": 1e-7, "exact": 0.1, "huge": 1E400, "negative zero": -0.0, "nested": {"b": [], "a": {}}, "": null, "lone": "\ud800"}`;

test("unusual_values_are_preserved", async () => {
  const fixture = await Fixture.start();
  const dataset = await fixture.dataset();
  const unusual = RawJson.from(UNUSUAL);
  const created = await fixture.datasets.createRecord({
    datasetId: dataset.id,
    payload: unusual,
    properties: unusual,
  });
  const fetched = await fixture.datasets.records.fetch({ datasetRecordId: created.id });
  const [listed] = await fixture.records(dataset);
  for (const record of [created, fetched, listed]) {
    assert.equal(record.payloadText, UNUSUAL);
    assert.equal(record.propertiesText, UNUSUAL);
    assert.deepEqual(record.payload, JSON.parse(UNUSUAL));
  }

  // Plain objects with unusual values.
  const payload = {
    messages: [{ content: "a\u0001b\u2028 😀 \ud800" }],
    n: [1e21, -0.5, 2 ** 53],
    "": null,
  };
  const written = await fixture.datasets.createRecord({
    datasetId: dataset.id,
    payload,
    properties: {},
  });
  assert.deepEqual(written.payload, payload);
});

test("list_records_in_order", async () => {
  const fixture = await Fixture.start();
  const dataset = await fixture.dataset();
  const ids = [];
  for (let number = 0; number < 7; number++) {
    ids.push((await fixture.record(dataset, String(number))).id);
  }
  const listed = [];
  for (const page of [1, 2, 3]) {
    const request = { datasetId: dataset.id, pageSize: 3, page };
    const { count, next, results } = (await fixture.datasets.listRecords(request)).records;
    assert.deepEqual([count, next !== null], [7, page < 3]);
    listed.push(...results.map(({ id }) => id));
  }
  assert.deepEqual(listed, ids);
});

test("fetch_record", async () => {
  const fixture = await Fixture.start();
  const record = await fixture.record(await fixture.dataset(), "hello");
  const fetched = await fixture.datasets.records.fetch({ datasetRecordId: record.id });
  assert.deepEqual(fetched.toJSON(), record.toJSON());
});

test("fetch_unknown_record", async () => {
  const { records } = (await Fixture.start()).datasets;
  await failure(records.fetch({ datasetRecordId: randomUUID() }), NotFoundError, {
    errorCode: "DATASET_RECORD_NOT_FOUND",
  });
  await failure(records.fetch({ datasetRecordId: "not a uuid" }), ValidationError, {
    message: "datasetRecordId: expected a UUID",
    status: null,
  });
});

test("update_record_payload", async () => {
  const fixture = await Fixture.start();
  const { records } = fixture.datasets;
  const record = await fixture.record(await fixture.dataset(), "before");
  const payload = { messages: [{ role: "user", content: "after" }] };
  assert.equal(await records.updatePayload({ datasetRecordId: record.id, payload }), undefined);
  const fetched = await records.fetch({ datasetRecordId: record.id });
  assert.deepEqual(fetched.payload, payload);
  assert.equal(fetched.propertiesText, record.propertiesText);
  assert.ok(fetched.updatedAt.toRFC3339() > record.updatedAt.toRFC3339());
});

test("update_record_properties", async () => {
  const fixture = await Fixture.start();
  const { records } = fixture.datasets;
  const record = await fixture.record(await fixture.dataset(), "hello");
  await records.updateProperties({ datasetRecordId: record.id, properties: { reviewed: true } });
  const fetched = await records.fetch({ datasetRecordId: record.id });
  assert.deepEqual(fetched.properties, { reviewed: true });
  assert.equal(fetched.payloadText, record.payloadText);
});

test("delete_record", async () => {
  const fixture = await Fixture.start();
  const { records } = fixture.datasets;
  const dataset = await fixture.dataset();
  const first = await fixture.record(dataset, "first");
  const second = await fixture.record(dataset, "second");
  await records.delete({ datasetRecordId: first.id });
  await failure(records.fetch({ datasetRecordId: first.id }), NotFoundError);
  await failure(records.delete({ datasetRecordId: first.id }), NotFoundError);
  const page = (await fixture.datasets.listRecords({ datasetId: dataset.id })).records;
  assert.deepEqual([page.count, page.results.map(({ id }) => id)], [1, [second.id]]);
});

test("bulk_delete_records", async () => {
  const fixture = await Fixture.start();
  const dataset = await fixture.dataset();
  const ids = [];
  for (let number = 0; number < 5; number++) {
    ids.push((await fixture.record(dataset, String(number))).id);
  }
  await fixture.datasets.records.bulkDelete({ datasetRecordIds: ids.slice(1, 4) });
  const left = (await fixture.records(dataset)).map(({ id }) => id);
  assert.deepEqual(left, [ids[0], ids[4]]);
});

test("bulk_delete_is_all_or_nothing", async () => {
  const fixture = await Fixture.start();
  const { records } = fixture.datasets;
  const dataset = await fixture.dataset();
  const { id } = await fixture.record(dataset, "hello");
  await failure(records.bulkDelete({ datasetRecordIds: [id, randomUUID()] }), NotFoundError, {
    errorCode: "DATASET_RECORD_NOT_FOUND",
  });
  assert.equal((await fixture.records(dataset)).length, 1);
  await failure(records.bulkDelete({ datasetRecordIds: [] }), ValidationError, {
    message: "datasetRecordIds: expected 1 to 500 items, found 0",
  });
});

test("judge_record_is_not_supported", async () => {
  const fixture = await Fixture.start();
  const { id: datasetRecordId } = await fixture.record(await fixture.dataset(), "hello");
  const judgeDefinition = {
    name: "Politeness",
    description: "Is it polite?",
    modelName: "m",
    instructions: "Judge.",
    output: {
      type: "REGRESSION",
      min: 0,
      max: 1,
      minDescription: "It is rude.",
      maxDescription: "It is polite.",
    },
    tools: [],
  };
  const judged = fixture.datasets.records.judge({ datasetRecordId, judgeDefinition });
  await failure(judged, ValidationError, { status: 400, errorCode: "FEATURE_NOT_SUPPORTED" });
});
