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

const judge = {
  name: "Politeness",
  description: "Whether the assistant is polite",
  modelName: "mistral-medium-latest",
  instructions: "Is it polite?",
  tools: ["web_search"],
  output: { type: "REGRESSION", min: 0, max: 1, minDescription: "rude", maxDescription: "polite" },
};
const classes = {
  ...judge,
  output: { type: "CLASSIFICATION", options: [{ value: "polite", description: "It is." }] },
};
const range = { from: new Date("2026-09-01T12:30:00Z"), to: new Date("2026-09-02T00:00:00.5Z") };
const page = { pageSize: 5, cursor: "a/b c" };
const searchExpression = "service_name = 'shop' AND span_attributes['a.b'] = 'é'";
const fieldName = "span_attributes['a.b/c é']";
const traceId = "0".repeat(31) + "1";
const aggregationRequest = {
  metric: { measure: "duration_ns", aggregation: "p95" },
  dimensions: ["service_name"],
  timeDimension: { granularity: "hour" },
  searchExpression,
  orderBy: [{ field: "time_bucket", direction: "desc" }],
  limit: 10,
};

/** The calls of the other groups that the official SDK has, by name. */
const OTHER_CALLS = {
  "records.judge": ({ datasets }) =>
    datasets.records.judge({
      datasetRecordId: ID,
      judgeDatasetRecordRequest: { judgeDefinition: judge },
    }),
  "judges.create": ({ judges }) => judges.create(classes),
  "judges.update": ({ judges }) => judges.update({ judgeId: ID, updateJudgeRequest: judge }),
  "judges.fetch": ({ judges }) => judges.fetch({ judgeId: ID }),
  "judges.delete": ({ judges }) => judges.delete({ judgeId: ID }),
  "judges.list": ({ judges }) => judges.list({ pageSize: 5, page: 2, q: "a b" }),
  "judges.list with filters": ({ judges }) =>
    judges.list({ typeFilter: ["REGRESSION", "CLASSIFICATION"], modelFilter: ["a", "b c"], pageSize: 5, page: 1 }),
  "judges.judgeConversation": ({ judges }) =>
    judges.judgeConversation({
      judgeId: ID,
      judgeConversationRequest: { messages: payload.messages, properties },
    }),
  "spans.searchSpans": ({ spans }) =>
    spans.searchSpans({ ...range, ...page, spansRequest: { searchExpression } }),
  "spans.aggregate": ({ spans }) => spans.aggregate({ ...range, aggregationRequest }),
  "spans.searchSpanEvaluations": ({ spans }) =>
    spans.searchSpanEvaluations({ ...range, ...page, spanEvaluationsRequest: { searchExpression } }),
  "spans.searchLatestSpanEvaluations": ({ spans }) =>
    spans.searchLatestSpanEvaluations({ ...range, ...page, spanEvaluationsRequest: { searchExpression } }),
  "spans.listSpanFields": ({ spans }) => spans.listSpanFields(),
  "spans.listSpanEvalFields": ({ spans }) => spans.listSpanEvalFields(),
  "spans.fetchSpanFieldOptions": ({ spans }) => spans.fetchSpanFieldOptions({ fieldName, ...range }),
  "spans.fetchSpanEvalFieldOptions": ({ spans }) =>
    spans.fetchSpanEvalFieldOptions({ fieldName: "evaluation_name" }),
  "traces.search": ({ traces }) =>
    traces.search({ ...range, ...page, tracesRequest: { searchExpression } }),
  "traces.aggregate": ({ traces }) => traces.aggregate({ ...range, aggregationRequest }),
  "traces.getTraceById": ({ traces }) => traces.getTraceById({ traceId }),
  "traces.getTraceSpans": ({ traces }) => traces.getTraceSpans({ traceId, ...range, ...page }),
  "traces.getSpanById": ({ traces }) =>
    traces.getSpanById({ traceId, spanId: "0123456789abcdef", ...range }),
  "traces.getTraceFields": ({ traces }) => traces.getTraceFields(),
  "traces.fetchOptions": ({ traces }) => traces.fetchOptions({ fieldName: "models_used", ...range }),
  "logs.search": ({ logs }) =>
    logs.search({ ...range, ...page, logsRequest: { searchExpression, order: "asc" } }),
  "logs.list": ({ logs }) => logs.list(),
  "logs.fetchOptions": ({ logs }) => logs.fetchOptions({ fieldName, ...range }),
};

/** Returns a request with a sorted query and times as numbers, since there are several ways to write them. */
function comparable({ method, url, body }) {
  const { pathname, searchParams } = new URL(url, "http://server");
  const query = [...searchParams].map(([name, value]) =>
    name === "from" || name === "to" ? [name, Date.parse(value)] : [name, value],
  );
  query.sort(([one], [other]) => one.localeCompare(other));
  return { method, path: decodeURIComponent(pathname), query, body };
}

for (const [name, call] of Object.entries(OTHER_CALLS)) {
  test(`${name} sends the same request`, async () => {
    const { requests, serverURL } = await recordingServer();
    for (const client of [
      new OfficialMistral({ apiKey: "k", serverURL }),
      new Mistral({ apiKey: "k", serverURL }),
    ]) {
      await assert.rejects(call(client.beta.observability));
    }
    assert.equal(requests.length, 2);
    const [official, ours] = requests.map(comparable);
    assert.deepEqual(ours, official);
  });
}

test("all operations of the official SDK are compared", () => {
  const { beta } = new OfficialMistral({ apiKey: "k" });
  const compared = new Set(Object.keys(OTHER_CALLS).map((name) => name.split(" ")[0]));
  for (const group of ["judges", "spans", "traces", "logs"]) {
    const properties = Object.entries(
      Object.getOwnPropertyDescriptors(Object.getPrototypeOf(beta.observability[group])),
    );
    for (const [name, { value }] of properties) {
      if (typeof value === "function" && name !== "constructor") {
        assert.ok(compared.has(`${group}.${name}`), `${group}.${name}`);
      }
    }
  }
});
