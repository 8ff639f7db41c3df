// Records as objects: copies, comparisons, edits, and what is sent when a record is passed to a call.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { inspect } from "node:util";
import { MessageChannel } from "node:worker_threads";

import { RawJson, Timestamp } from "mistral-datasets";

import { Fixture } from "./support/fixture.mjs";

/** A payload that JavaScript cannot write again: a big integer, an escape, whitespace and a trailing zero. */
const PAYLOAD =
  '{"messages": [{"role": "user", "content": "H\\u0069"}], "trace_id": 12345678901234567890, "score": 1.50}';
const PROPERTIES = '{"tags": ["a", "b"], "id": 98765432109876543210}';
const PARSED = JSON.parse(PAYLOAD);

const NAMES = [
  "id",
  "createdAt",
  "updatedAt",
  "deletedAt",
  "datasetId",
  "payload",
  "properties",
  "source",
];

/** Creates a dataset with one record and returns the record as it is listed. */
async function stored() {
  const fixture = await Fixture.start();
  const dataset = await fixture.dataset();
  const { datasets } = fixture;
  await datasets.createRecord({
    datasetId: dataset.id,
    payload: RawJson.from(PAYLOAD),
    properties: RawJson.from(PROPERTIES),
  });
  const [record] = await fixture.records(dataset);
  /** Sends records or lines to a new dataset, and returns the texts that arrive. */
  const copied = async (send) => {
    const target = await fixture.dataset();
    await send(target.id);
    return (await fixture.records(target)).map((record) => [
      record.payloadText,
      record.propertiesText,
    ]);
  };
  return { fixture, dataset, datasets, record, copied };
}

/** The ways to send many records. */
const senders = ({ datasets }, records) => [
  (datasetId) => datasets.createRecords({ datasetId, records, strategy: "single" }),
  (datasetId) => datasets.createRecords({ datasetId, records, strategy: "file" }),
  (datasetId) => datasets.importJsonl({ datasetId, source: records }),
];

test("a record owns its properties", async () => {
  const { record, fixture, dataset } = await stored();
  assert.deepEqual(Object.keys(record), NAMES);
  const copy = { ...record };
  assert.deepEqual(Object.keys(copy), NAMES);
  assert.deepEqual(copy.payload, PARSED);
  assert.deepEqual(copy.properties, JSON.parse(PROPERTIES));
  assert.ok(copy.createdAt instanceof Timestamp);
  assert.equal(copy.deletedAt, null);
  const { payload, ...rest } = record;
  assert.deepEqual([payload, "payload" in rest, "properties" in rest], [PARSED, false, true]);
  assert.deepEqual(Object.assign({}, record).payload, PARSED);

  const [same] = await fixture.records(dataset);
  assert.deepStrictEqual(record, same);
  same.payload.messages[0].content = "x";
  assert.notDeepStrictEqual(record, same);
});

test("an exported record owns its properties", async () => {
  const { datasets, dataset, copied } = await stored();
  for await (const record of datasets.exportRecords({ datasetId: dataset.id })) {
    assert.deepEqual(Object.keys(record), ["id", "payload", "properties", "source"]);
    assert.deepEqual({ ...record }.payload, PARSED);
    record.properties = { edited: true };
    const texts = await copied((datasetId) =>
      datasets.createRecords({ datasetId, records: [record] }),
    );
    assert.deepEqual(texts, [[PAYLOAD, '{"edited":true}']]);
  }
});

test("records can be cloned and posted to other threads", async () => {
  const { record } = await stored();
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(record);
  const [posted] = await once(port2, "message");
  port1.close();
  for (const clone of [structuredClone(record), posted]) {
    assert.deepEqual(Object.keys(clone), NAMES);
    assert.deepEqual(clone.payload, PARSED);
    assert.deepEqual(clone.properties.tags, ["a", "b"]);
    // A clone of a timestamp is a date.
    assert.equal(clone.createdAt.getTime(), record.createdAt.getTime());
    assert.equal(clone.createdAt.constructor, Date);
  }
});

test("timestamps that differ by microseconds are not equal", () => {
  assert.deepStrictEqual(new Timestamp(1000, 5), new Timestamp(1000, 5));
  assert.notDeepStrictEqual(new Timestamp(1000, 5), new Timestamp(1000, 6));
});

test("copying and counting do not parse", async () => {
  const { record } = await stored();
  const parse = JSON.parse;
  JSON.parse = () => assert.fail("JSON was parsed");
  try {
    assert.equal(Object.keys(record).length, NAMES.length);
    assert.ok("payload" in record && Object.hasOwn(record, "properties"));
    assert.match(inspect(record), /\[\d+ characters of JSON\]/);
    assert.equal(record.payloadText, PAYLOAD);
  } finally {
    JSON.parse = parse;
  }
});

test("records are sent exactly as they were received", async () => {
  const { record, copied, ...rest } = await stored();
  const [unread] = senders(rest, [record]);
  assert.deepEqual(await copied(unread), [[PAYLOAD, PROPERTIES]]);
  structuredClone(record);
  for (const records of [
    [record],
    [{ ...record }],
    [{ payload: record.payload, properties: record.properties }],
  ]) {
    for (const send of senders(rest, records)) {
      assert.deepEqual(await copied(send), [[PAYLOAD, PROPERTIES]]);
    }
  }
  const single = await copied((datasetId) =>
    rest.datasets.createRecord({
      datasetId,
      payload: record.payload,
      properties: record.properties,
    }),
  );
  assert.deepEqual(single, [[PAYLOAD, PROPERTIES]]);
});

test("edits of a record are sent", async () => {
  const { fixture, dataset, copied, ...rest } = await stored();
  for (const index of [0, 1, 2]) {
    const [record] = await fixture.records(dataset);
    record.payload.messages[0].content = "edited";
    const texts = await copied(senders(rest, [record])[index]);
    assert.equal(JSON.parse(texts[0][0]).messages[0].content, "edited");
    // The properties were not edited.
    assert.equal(texts[0][1], PROPERTIES);
  }
  const [record] = await fixture.records(dataset);
  const { records } = rest.datasets;
  record.payload.messages.push({ role: "assistant", content: "Hello" });
  delete record.properties.id;
  const datasetRecordId = record.id;
  await records.updatePayload({ datasetRecordId, payload: record.payload });
  await records.updateProperties({ datasetRecordId, properties: record.properties });
  const updated = await records.fetch({ datasetRecordId });
  assert.deepEqual(updated.payload.messages[1], { role: "assistant", content: "Hello" });
  assert.equal(updated.propertiesText, '{"tags":["a","b"]}');
});

test("big integers keep their digits when other values are edited", async () => {
  const { record, datasets } = await stored();
  const { records } = datasets;
  const datasetRecordId = record.id;
  record.payload.messages.unshift({ role: "system", content: 'The "number" 99999999999999999999' });
  await records.updatePayload({ datasetRecordId, payload: record.payload });
  const { payloadText, payload } = await records.fetch({ datasetRecordId });
  assert.match(payloadText, /"trace_id":12345678901234567890,"score":1\.5\}$/);
  assert.match(payloadText, /99999999999999999999/);
  payload.trace_id = 7;
  await records.updatePayload({ datasetRecordId, payload });
  assert.match((await records.fetch({ datasetRecordId })).payloadText, /"trace_id":7,/);

  // These numbers differ, but are the same JavaScript number.
  for (const text of [
    '{"a": 12345678901234567890, "b": 12345678901234567891}',
    '{"a": 9007199254740993, "b": 9007199254740992.0}',
    '{"a": 9007199254740992e0, "b": 9007199254740993}',
  ]) {
    await records.updateProperties({ datasetRecordId, properties: RawJson.from(text) });
    const twins = await records.fetch({ datasetRecordId });
    const copied = { datasetRecordId, properties: twins.properties };
    await records.updateProperties(copied);
    assert.equal((await records.fetch({ datasetRecordId })).propertiesText, text);
    twins.properties.c = 1;
    await assert.rejects(records.updateProperties(copied), /properties\.a: several numbers/);
  }
});

test("an edit that was undone is not an edit", async () => {
  const { record, copied, ...rest } = await stored();
  record.payload.messages[0].content = "edited";
  record.payload.messages[0].content = "Hi";
  const [send] = senders(rest, [record]);
  assert.deepEqual(await copied(send), [[PAYLOAD, PROPERTIES]]);
});

test("assigned values are sent", async () => {
  const { record, copied, ...rest } = await stored();
  record.properties = { reviewed: true };
  assert.deepEqual({ ...record }.properties, { reviewed: true });
  assert.deepEqual(record.toJSON().properties, { reviewed: true });
  for (const records of [[record], [{ ...record }]]) {
    for (const send of senders(rest, records)) {
      assert.deepEqual(await copied(send), [[PAYLOAD, '{"reviewed":true}']]);
    }
  }
  record.payload = RawJson.from('{"messages": [], "n": 12345678901234567890}');
  const [send] = senders(rest, [record]);
  assert.deepEqual(await copied(send), [
    ['{"messages": [], "n": 12345678901234567890}', '{"reviewed":true}'],
  ]);
});

test("deleted and redefined properties are not sent as they were received", async () => {
  const { fixture, dataset, copied, datasets } = await stored();
  const create = (datasetId, record) => datasets.createRecords({ datasetId, records: [record] });
  const [redefined] = await fixture.records(dataset);
  Object.defineProperty(redefined, "properties", { value: { reviewed: true } });
  assert.deepEqual(await copied((datasetId) => create(datasetId, redefined)), [
    [PAYLOAD, '{"reviewed":true}'],
  ]);
  const [deleted] = await fixture.records(dataset);
  delete deleted.properties;
  await assert.rejects(create(dataset.id, deleted), /properties: expected an object/);
});

test("a class with toJSON can be a line", async () => {
  const { copied, datasets } = await stored();
  class Line {
    payload = { messages: [], internal: true };
    toJSON() {
      return { messages: [] };
    }
  }
  const texts = await copied((datasetId) =>
    datasets.importJsonl({ datasetId, source: [new Line()] }),
  );
  assert.deepEqual(texts, [['{"messages":[]}', "{}"]]);
});

test("undefined properties of a record are omitted", async () => {
  const { copied, ...rest } = await stored();
  for (const send of senders(rest, [{ payload: { messages: [] }, note: undefined }])) {
    assert.deepEqual(await copied(send), [['{"messages":[]}', "{}"]]);
  }
});

test("a copy with other properties keeps the conversation", async () => {
  const { record, copied, ...rest } = await stored();
  const copy = { ...record, properties: { reviewed: true } };
  for (const send of senders(rest, [copy])) {
    assert.deepEqual(await copied(send), [[PAYLOAD, '{"reviewed":true}']]);
  }
});

test("an edit that JSON cannot represent is refused with its path", async () => {
  const { record, datasets, dataset } = await stored();
  record.payload.messages[0].score = NaN;
  const create = datasets.createRecords({ datasetId: dataset.id, records: [record] });
  await assert.rejects(create, /records\[0\]: payload\.messages\[0\]\.score: NaN is not a JSON/);
  const imported = datasets.importJsonl({ datasetId: dataset.id, source: [record] });
  await assert.rejects(imported, (error) =>
    /line 1: payload\.messages\[0\]\.score: NaN/.test(error.cause.message),
  );
});
