// Behaviour cases: values are written exactly or refused, and uploads that can be read again.

import assert from "node:assert/strict";
import { test } from "node:test";

import { RateLimitError, RawJson, ValidationError } from "mistral-datasets";

import { bareMessage, failure, Fixture } from "../support/fixture.mjs";

const MESSAGES = [{ role: "user", content: "Hi" }];

const SURROGATE = '{"messages":[{"role":"user","content":"a \\ud800 b"}],"\\udfff":1}';

/** Returns the message of the error of a call that must fail with a ValidationError. */
const problem = async (call) => bareMessage(await failure(call, ValidationError));

test("values_are_written_exactly_or_refused", async () => {
  const fixture = await Fixture.served();
  const datasetId = (await fixture.dataset()).id;
  await fixture.requests();
  const create = (payload, properties = {}) =>
    fixture.datasets.createRecord({ datasetId, payload, properties });
  const loop = { messages: [] };
  loop.loop = [loop];
  for (const [payload, message] of [
    [{ messages: [{ score: NaN }] }, "payload.messages[0].score: NaN is not a JSON number"],
    [
      { messages: [{ score: -Infinity }] },
      "payload.messages[0].score: -Infinity is not a JSON number",
    ],
    [
      { "a b": { c: new Set([1]) } },
      'payload["a b"].c: a Set is not a JSON value; convert it to an array',
    ],
    [{ f: () => {} }, "payload.f: a function is not a JSON value"],
    [loop, "payload.loop[0]: the value contains itself"],
  ]) {
    assert.equal(await problem(create(payload)), message);
  }
  const invalid = create({ messages: [] }, { n: [1, NaN] });
  assert.equal(await problem(invalid), "properties.n[1]: NaN is not a JSON number");
  assert.deepEqual(await fixture.requests(), []);
  const properties = {
    big: 2 ** 53,
    f: 0.1,
    e: 1e300,
    zero: -0,
    "": null,
    text: "\u0001 é 😀 \u2028",
    deep: [[{}]],
  };
  const record = await create({ messages: MESSAGES }, properties);
  assert.deepEqual(record.properties, properties);
  assert.match(record.propertiesText, /"zero":-0,/);
});

test("create_records_names_the_invalid_value", async () => {
  const fixture = await Fixture.start();
  const datasetId = (await fixture.dataset()).id;
  const records = [
    { messages: [] },
    { payload: { messages: [{ score: NaN }] } },
    { messages: [], properties: { n: [NaN] } },
    { messages: [] },
  ];
  for (const strategy of ["single", "file"]) {
    const create = (rest) =>
      fixture.datasets.createRecords({ datasetId, records, strategy, ...rest });
    const { items } = await create({ onError: "continue" });
    assert.deepEqual(
      items.map(({ status }) => status === "failed"),
      [false, true, true, false],
    );
    const found = items.flatMap(({ error }) => (error ? [bareMessage(error)] : []));
    assert.deepEqual(found, [
      "records[1]: payload.messages[0].score: NaN is not a JSON number",
      "records[2]: properties.n[0]: NaN is not a JSON number",
    ]);
    assert.equal(await problem(create({ concurrency: 1 })), found[0]);
  }
});

test("escaped_lone_surrogates_are_preserved", async () => {
  const fixture = await Fixture.start();
  const datasetId = (await fixture.dataset()).id;
  const payload = RawJson.from(SURROGATE);
  const received = await fixture.datasets.createRecord({ datasetId, payload, properties: {} });
  assert.equal(received.payloadText, SURROGATE);
  assert.equal(received.payload.messages[0].content, "a \ud800 b");
  for (const strategy of ["single", "file"]) {
    const copy = await fixture.dataset();
    const records = [received, { ...received.payload }, { payload: received.payload }];
    await fixture.datasets.createRecords({ datasetId: copy.id, records, strategy });
    for (const { payloadText } of await fixture.records(copy)) {
      assert.equal(payloadText, SURROGATE);
    }
  }
});

test("null_properties_are_empty", async () => {
  const fixture = await Fixture.start();
  const dataset = await fixture.dataset();
  const datasetId = dataset.id;
  const payload = { messages: [] };
  const created = await fixture.datasets.createRecord({ datasetId, payload, properties: null });
  assert.deepEqual(created.properties, {});
  const { id: datasetRecordId } = await fixture.record(dataset, "Hi");
  await fixture.datasets.records.updateProperties({ datasetRecordId, properties: null });
  const filled = await fixture.datasets.records.fetch({ datasetRecordId });
  assert.deepEqual(filled.properties, {});
  const records = [
    { payload, properties: null },
    { messages: [], properties: null },
    { payload, properties: undefined },
  ];
  for (const strategy of ["single", "file"]) {
    await fixture.datasets.createRecords({ datasetId, records, strategy });
  }
  await fixture.datasets.importJsonl({ datasetId, source: records.slice(0, 2) });
  const found = (await fixture.records(dataset)).filter(({ id }) => id !== datasetRecordId);
  assert.deepEqual(
    found.map(({ payload, properties }) => [payload, properties]),
    Array(9).fill([payload, {}]),
  );
  const invalid = fixture.datasets.createRecord({ datasetId, payload: null, properties: null });
  assert.match(await problem(invalid), /^payload: expected an object/);
});

test("properties_beside_messages_belong_to_the_record", async () => {
  const fixture = await Fixture.start();
  const dataset = await fixture.dataset();
  const datasetId = dataset.id;
  const record = { messages: MESSAGES, properties: { n: 1 }, model: "m" };
  await fixture.datasets.createRecords({ datasetId, records: [record], strategy: "single" });
  await fixture.datasets.createRecords({ datasetId, records: [record], strategy: "file" });
  await fixture.datasets.importJsonl({ datasetId, source: [record] });
  const found = await fixture.records(dataset);
  assert.equal(found.length, 3);
  for (const { payloadText, properties } of found) {
    assert.equal(payloadText, JSON.stringify({ messages: MESSAGES, model: "m" }));
    assert.deepEqual(properties, { n: 1 });
  }
  assert.deepEqual(record.properties, { n: 1 }, "the caller's object is not modified");
});

test("uploads_from_memory_are_retried", async () => {
  const fixture = await Fixture.served();
  const text = "0123456789".repeat(50_000);
  const fault = { operation: "upload_file", status: 429, headers: { "retry-after": "0" } };
  const sources = [
    text,
    Buffer.from(text),
    new TextEncoder().encode(text),
    new TextEncoder().encode(text).buffer,
    new Blob([text]),
  ];
  for (const file of [
    ...sources.map((content) => ({ fileName: "a", content })),
    new File([text], "a"),
  ]) {
    await fixture.injectFault({ ...fault, times: 2 });
    await fixture.requests();
    const { id: fileId } = await fixture.files.upload({ file });
    assert.deepEqual(await fixture.operations(), Array(3).fill("upload_file"));
    assert.equal(await (await fixture.files.download({ fileId })).text(), text);
  }
  async function* stream() {
    yield text;
  }
  await fixture.injectFault({ ...fault, times: 1 });
  const upload = fixture.files.upload({ file: { fileName: "a", content: stream() } });
  await failure(upload, RateLimitError, { attempts: 1 });
});
