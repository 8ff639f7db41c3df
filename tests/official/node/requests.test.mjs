// Makes the same calls with the official SDK and with our package, and compares the requests that arrive. Calls of the official
// SDK whose body is nested, such as `createDatasetRecordRequest`, must be accepted unchanged.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import http from "node:http";
import { after, test } from "node:test";

import { Mistral as OfficialMistral } from "@mistralai/mistralai";

const require = createRequire(import.meta.url);
const { Mistral } = require("../../../bindings/node");

const ID = "019b2bd7-96e7-7219-8c0b-45a73da50082";

/** Starts a server that records requests and rejects them, because only the requests are compared. */
async function recordingServer() {
  const requests = [];
  const server = http.createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { method, url } = request;
    requests.push({ method, url, body: body === "" ? undefined : JSON.parse(body) });
    response.writeHead(404, { "content-type": "application/json" }).end('{"detail": {"message": "no"}}');
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => server.close());
  return { requests, serverURL: `http://127.0.0.1:${server.address().port}` };
}

const payload = { messages: [{ role: "user", content: "Hello" }], extra: { deep: [1, null] } };
const properties = { topic: "refund" };

/** The calls of the official SDK with a nested body, by name. */
const CALLS = {
  createRecord: (datasets) =>
    datasets.createRecord({
      datasetId: ID,
      createDatasetRecordRequest: { payload, properties, source: "DIRECT_INPUT" },
    }),
  update: (datasets) => datasets.update({ datasetId: ID, updateDatasetRequest: { name: "New name" } }),
  importFromFile: (datasets) =>
    datasets.importFromFile({ datasetId: ID, importDatasetFromFileRequest: { fileId: ID } }),
  importFromPlayground: (datasets) =>
    datasets.importFromPlayground({
      datasetId: ID,
      importDatasetFromPlaygroundRequest: { conversationIds: ["c-1", "c-2"] },
    }),
  importFromDatasetRecords: (datasets) =>
    datasets.importFromDatasetRecords({
      datasetId: ID,
      importDatasetFromDatasetRequest: { datasetRecordIds: [ID] },
    }),
  updatePayload: ({ records }) =>
    records.updatePayload({ datasetRecordId: ID, updateDatasetRecordPayloadRequest: { payload } }),
  updateProperties: ({ records }) =>
    records.updateProperties({
      datasetRecordId: ID,
      updateDatasetRecordPropertiesRequest: { properties },
    }),
};

for (const [name, call] of Object.entries(CALLS)) {
  test(`${name} with a nested body sends the same request`, async () => {
    const { requests, serverURL } = await recordingServer();
    for (const client of [
      new OfficialMistral({ apiKey: "k", serverURL }),
      new Mistral({ apiKey: "k", serverURL }),
    ]) {
      await assert.rejects(call(client.beta.observability.datasets));
    }
    const [official, ours] = requests;
    assert.equal(requests.length, 2);
    assert.deepEqual(ours, official);
  });
}

test("a judge definition is nested like in the official SDK, with the names of the wire format", async () => {
  const { requests, serverURL } = await recordingServer();
  const output = { type: "REGRESSION", min: 0, max: 1, min_description: "bad", max_description: "good" };
  const judge = { name: "n", description: "d", output, instructions: "i", tools: [] };
  const { records } = new Mistral({ apiKey: "k", serverURL }).beta.observability.datasets;
  const judgeDatasetRecordRequest = { judgeDefinition: { ...judge, model_name: "m" } };
  await assert.rejects(records.judge({ datasetRecordId: ID, judgeDatasetRecordRequest }));
  const official = new OfficialMistral({ apiKey: "k", serverURL }).beta.observability.datasets;
  const judgeDefinition = {
    ...judge,
    modelName: "m",
    output: { type: "REGRESSION", min: 0, max: 1, minDescription: "bad", maxDescription: "good" },
  };
  await assert.rejects(
    official.records.judge({ datasetRecordId: ID, judgeDatasetRecordRequest: { judgeDefinition } }),
  );
  assert.deepEqual(requests[0], requests[1]);
});
