// Response objects, and JSON arguments.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import {
  Dataset,
  DatasetRecord,
  Model,
  RawJson,
  RecordSource,
  Timestamp,
  ValidationError,
} from "mistral-datasets";

import { canned } from "./support/canned.mjs";
import { bareMessage, failure, Fixture, nowhere } from "./support/fixture.mjs";

const ID = "019b2bd7-96e7-7219-8c0b-45a73da50088";
const RECORD = {
  id: ID,
  created_at: "2025-12-17T10:25:07.818693Z",
  updated_at: "2025-12-17T10:41:03Z",
  deleted_at: "2026-01-01T00:00:00.000001Z",
  dataset_id: ID,
  payload: { messages: [{ role: "user", content: "Grüße 😀" }] },
  properties: { topic: "greeting" },
  source: "PLAYGROUND",
};

/** Fetches a record with these additional fields. */
async function received(fields = {}) {
  const { client } = await canned({ body: JSON.stringify({ ...RECORD, ...fields }) });
  return client.datasets.records.fetch({ datasetRecordId: ID });
}

test("responses are objects of exported classes", async () => {
  const record = await received();
  assert.ok(record instanceof DatasetRecord && record instanceof Model);
  assert.deepEqual(Object.keys(record), [
    "id",
    "createdAt",
    "updatedAt",
    "deletedAt",
    "datasetId",
    "payload",
    "properties",
    "source",
  ]);
  assert.strictEqual(record.createdAt, record.createdAt);
  assert.equal(record.source, RecordSource.PLAYGROUND);
  assert.deepEqual(record.extra, {});
});

test("timestamps have microsecond precision", async () => {
  const { createdAt, updatedAt, deletedAt } = await received();
  assert.ok(createdAt instanceof Date && createdAt instanceof Timestamp);
  assert.equal(createdAt.getTime(), Date.parse("2025-12-17T10:25:07.818Z"));
  assert.equal(createdAt.microseconds, 818_693);
  assert.equal(createdAt.toRFC3339(), RECORD.created_at);
  assert.equal(JSON.stringify(createdAt), `"${RECORD.created_at}"`);
  assert.equal(updatedAt.toRFC3339(), "2025-12-17T10:41:03.000000Z");
  assert.equal(deletedAt.microseconds, 1);
  assert.equal(inspect(createdAt), RECORD.created_at);

  // Dates before 1970, and dates whose microseconds since 1970 a number cannot represent exactly.
  for (const text of [
    "1969-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00.000001Z",
    "9999-12-31T23:59:59.999999Z",
  ]) {
    assert.equal((await received({ created_at: text })).createdAt.toRFC3339(), text);
  }
  assert.equal(new Timestamp(1, 5).toRFC3339(), "1970-01-01T00:00:00.001005Z");
});

test("payloads are parsed once, on first access", async () => {
  const record = await received();
  const parse = JSON.parse;
  let parsed = 0;
  JSON.parse = (text) => {
    parsed += 1;
    return parse(text);
  };
  try {
    assert.equal(record.payloadText, JSON.stringify(RECORD.payload));
    assert.equal(parsed, 0);
    assert.equal(record.payload, record.payload);
    assert.equal(parsed, 1);
  } finally {
    JSON.parse = parse;
  }
  assert.deepEqual(record.payload, RECORD.payload);
  assert.deepEqual(record.properties, RECORD.properties);
});

test("every record of a page has its own field values", async () => {
  const other = "019b2bd7-96e7-7219-8c0b-45a73da50089";
  const results = [
    { ...RECORD, deleted_at: null, properties: {} },
    { ...RECORD, more: { long: "Grüße" }, dataset_id: other, source: "NEW_ONE" },
    { ...RECORD, deleted_at: undefined, payload: { messages: [] }, dataset_id: other },
  ];
  const page = { results, count: 3 };
  const { client } = await canned({ body: JSON.stringify({ records: page }) });
  const { records } = await client.datasets.listRecords({ datasetId: ID });
  for (const [index, record] of records.results.entries()) {
    const { payload, properties, source, dataset_id: datasetId } = results[index];
    assert.deepEqual([record.payload, record.properties], [payload, properties]);
    assert.deepEqual([record.source, record.datasetId], [source, datasetId]);
    assert.equal(record.createdAt.toRFC3339(), RECORD.created_at);
    assert.equal(record.payloadText, JSON.stringify(payload));
  }
  const deleted = records.results.map(({ deletedAt }) => deletedAt?.toRFC3339() ?? null);
  assert.deepEqual(deleted, [null, RECORD.deleted_at, null]);
  assert.deepEqual(records.results[1].extra, { more: { long: "Grüße" } });
});

test("toJSON uses API field names", async () => {
  const record = await received({ more: [1] });
  const expected = { ...RECORD, updated_at: "2025-12-17T10:41:03.000000Z", more: [1] };
  assert.deepEqual(record.toJSON(), expected);
  assert.deepEqual(JSON.parse(JSON.stringify([record])), [expected]);
  const page = { results: [RECORD], count: 1, next: null, previous: null };
  const { client } = await canned({ body: JSON.stringify({ records: page }) });
  const response = await client.datasets.listRecords({ datasetId: ID });
  assert.equal(response.toJSON().records.results[0].created_at, RECORD.created_at);
});

test("printed responses do not contain conversations", async () => {
  const record = await received({ more: { secret: "Grüße" } });
  const printed = inspect(record, { depth: null, showHidden: true });
  assert.match(printed, /^DatasetRecord \{/);
  assert.match(printed, /createdAt: 2025-12-17T10:25:07\.818693Z/);
  assert.match(printed, /payload: \[\d+ characters of JSON\]/);
  assert.doesNotMatch(printed, /Grüße|greeting/);
  assert.equal(
    inspect({ deep: { deeper: { record } } }, { depth: 2 }),
    "{ deep: { deeper: { record: [DatasetRecord] } } }",
  );
});

test("strings of all encodings are preserved", async () => {
  const { datasets } = await Fixture.start();
  for (const text of ["ascii", "Grüße", "日本語テスト", "😀😀😀😀😀", "a\u0001b\u2028c"]) {
    const dataset = await datasets.create({ name: text.padEnd(5, "."), description: text });
    assert.deepEqual([dataset.name, dataset.description], [text.padEnd(5, "."), text]);
    assert.ok(dataset instanceof Dataset);
  }
  const { results } = (await datasets.list()).datasets;
  assert.deepEqual(results.map(({ description }) => description).at(-2), "Grüße");
});

test("RawJson is sent unchanged", async () => {
  const text = '{"n": 12345678901234567890, "x": 1.0}';
  const exact = RawJson.from(text);
  assert.deepEqual([exact.text, String(exact), exact.parse().x], [text, text, 1]);
  assert.doesNotMatch(inspect(exact), /1234/);
  const fixture = await Fixture.start();
  const { id: datasetId } = await fixture.dataset();
  const record = await fixture.datasets.createRecord({
    datasetId,
    payload: RawJson.from(` {"messages": []} `),
    properties: exact,
  });
  assert.equal(record.propertiesText, text);
  for (const text of ["{", "", "my secret", 5, undefined, '"\ud800"']) {
    assert.throws(
      () => RawJson.from(text),
      (error) => error instanceof ValidationError && !/secret/.test(error.message),
    );
  }
});

test("objects that JSON cannot represent are rejected", async () => {
  const circular = {};
  circular.self = circular;
  const throwing = {
    toJSON() {
      throw new Error("no");
    },
  };
  for (const [payload, message] of [
    [{ n: 1n }, /^payload\.n: a BigInt is not a JSON value.*RawJson\.from/],
    [circular, /^payload\.self: the value contains itself$/],
    [throwing, /^payload: cannot be serialized as JSON: no$/],
    [
      { part: RawJson.from("{}") },
      /^payload\.part: .*RawJson can only be used as a whole argument/,
    ],
    [() => {}, /^payload: expected an object, found a function$/],
    [Symbol("s"), /^payload: expected an object, found a symbol$/],
  ]) {
    const request = { datasetId: "d", payload, properties: {} };
    const error = await failure(nowhere().datasets.createRecord(request), ValidationError);
    assert.match(bareMessage(error), message);
  }
});
