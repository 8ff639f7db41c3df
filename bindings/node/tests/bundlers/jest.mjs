// Compares records with Jest's `expect`, in the published layout.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { expect } from "expect";

import { createProject } from "./layout.mjs";

const { directory } = createProject();
const { Mistral } = createRequire(join(directory, "index.js"))("mistral-datasets");

const PAYLOAD = { messages: [{ role: "user", content: "Hello" }] };

let mistral, record, same;

before(async () => {
  mistral = await Mistral.local();
  const { datasets } = mistral;
  const { id: datasetId } = await datasets.create({ name: "Refund requests", description: "" });
  record = await datasets.createRecord({ datasetId, payload: PAYLOAD, properties: { n: 1 } });
  same = await datasets.records.fetch({ datasetRecordId: record.id });
});

after(() => mistral.close());

test("toEqual sees payload, properties and times", () => {
  expect(record).toEqual(same);
  expect(record).toStrictEqual(same);
  expect({ ...record }).toEqual({
    id: record.id,
    datasetId: record.datasetId,
    source: "DIRECT_INPUT",
    createdAt: new Date(record.createdAt.getTime()),
    updatedAt: expect.any(Date),
    deletedAt: null,
    payload: PAYLOAD,
    properties: { n: 1 },
  });
  expect(record).toMatchObject({ payload: PAYLOAD, properties: { n: 1 } });
  expect(record).toHaveProperty("payload.messages.0.content", "Hello");
});

test("toEqual fails if payload, properties or times differ", () => {
  for (const difference of [
    { payload: { messages: [] } },
    { properties: { n: 2 } },
    { createdAt: new Date(0) },
  ]) {
    assert.throws(() => expect(record).toEqual({ ...same, ...difference }));
    assert.throws(() => expect(record).toMatchObject(difference));
  }
});
