// Requests in the form of the official SDK: the fields of the body are in a property of their own.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ValidationError } from "mistral-datasets";

import { failure, Fixture } from "./support/fixture.mjs";

const PAYLOAD = { messages: [{ role: "user", content: "Hello" }] };

test("nested requests do the same as flat ones", async () => {
  const fixture = await Fixture.start();
  const { datasets } = fixture;
  const { id: datasetId } = await fixture.dataset();
  const renamed = await datasets.update({ datasetId, updateDatasetRequest: { name: "Renamed" } });
  assert.equal(renamed.name, "Renamed");
  const createDatasetRecordRequest = { payload: PAYLOAD, properties: { n: 1 } };
  const record = await datasets.createRecord({ datasetId, createDatasetRecordRequest });
  assert.deepEqual([record.payload, record.properties], [PAYLOAD, { n: 1 }]);
  const fileId = await fixture.file('{"messages": []}\n');
  const task = await datasets.importFromFile({
    datasetId,
    importDatasetFromFileRequest: { fileId },
    wait: true,
  });
  assert.equal(task.status, "COMPLETED");
});

test("the problems of nested requests are named", async () => {
  const { datasets } = await Fixture.start();
  const datasetId = "d";
  for (const [createDatasetRecordRequest, rest, message] of [
    [5, {}, "createDatasetRecordRequest: expected an object, found 5"],
    [null, {}, "createDatasetRecordRequest: expected an object, found null"],
    [{ payload: PAYLOAD }, {}, "missing argument `properties`"],
    [{ payload: PAYLOAD, props: {} }, {}, "unknown argument `props`; expected one of"],
    [{ payload: PAYLOAD, propertys: {} }, {}, "unknown argument `propertys`; did you mean"],
    [{ payload: 5, properties: {} }, {}, "payload: expected an object, found 5"],
    [
      { payload: PAYLOAD, properties: {} },
      { payload: PAYLOAD },
      "`payload` is also in `createDatasetRecordRequest`; pass it once",
    ],
  ]) {
    const call = datasets.createRecord({ datasetId, createDatasetRecordRequest, ...rest });
    const error = await failure(call, ValidationError);
    assert.ok(error.message.startsWith(`create_record: ${message}`), error.message);
  }
});
