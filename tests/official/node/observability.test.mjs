// Tests the operations on judges, spans, traces and logs of the unmodified official SDK, and its telemetry, against a running local
// server with a judge endpoint.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { randomBytes } from "node:crypto";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Mistral } from "@mistralai/mistralai";
import { configureTelemetry, flushTelemetry, shutdownTelemetry } from "@mistralai/mistralai/extra/observability";

import { HELLO, JUDGE, OBSERVABILITY_OPERATIONS, Workspace, called, rejects, serverURL } from "./workspace.mjs";

const hex = (bytes) => randomBytes(bytes).toString("hex");
const text = (key, value) => ({ key, value: { stringValue: value } });
const resource = { attributes: [text("service.name", "shop-bot")] };

/** Returns a span of a chat completion. */
function chatSpan(question, { model = "mistral-small", traceId = hex(16), start = Date.now() - 5000, ms = 1250 } = {}) {
  const messages = JSON.stringify([{ role: "user", parts: [{ type: "text", content: question }] }]);
  return {
    traceId,
    spanId: hex(8),
    name: `chat ${model}`,
    kind: 3,
    startTimeUnixNano: `${start}000000`,
    endTimeUnixNano: `${start + ms}000000`,
    status: { code: 1 },
    attributes: [
      text("gen_ai.operation.name", "chat"),
      text("gen_ai.request.model", model),
      text("gen_ai.input.messages", messages),
    ],
  };
}

async function withSpans() {
  const api = new Workspace();
  const first = chatSpan("Where is my order?");
  const second = chatSpan("Thanks", { traceId: first.traceId, start: Date.now() - 3000, model: "mistral-large" });
  await api.sendTelemetry("traces", { resourceSpans: [{ resource, scopeSpans: [{ spans: [first, second] }] }] });
  return { api, first, second };
}

const ids = (page) => page.results.map((span) => span.spanId);

test("the SDK has exactly the expected operations on judges and telemetry", () => {
  const { observability } = new Workspace().client.beta;
  for (const [name, expected] of Object.entries(OBSERVABILITY_OPERATIONS)) {
    const properties = Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(observability[name])));
    const methods = properties.filter(([name, { value }]) => value && name !== "constructor").map(([name]) => name);
    assert.deepEqual(methods.sort(), expected);
  }
});

test("judges are created, listed, updated, used and deleted", async () => {
  const { judges } = new Workspace();
  const judge = await judges.create(JUDGE);
  assert.deepEqual(await judges.fetch({ judgeId: judge.id }), judge);
  const listed = await judges.list({ q: "POLITE", typeFilter: ["CLASSIFICATION"], modelFilter: [JUDGE.modelName] });
  assert.deepEqual([listed.judges.results, listed.judges.count], [[judge], 1]);
  const judgeConversationRequest = { messages: HELLO.messages, properties: { language: "en" } };
  const judged = await judges.judgeConversation({ judgeId: judge.id, judgeConversationRequest });
  assert.ok(["polite", "rude"].includes(judged.answer));
  const updateJudgeRequest = { ...JUDGE, instructions: "Is {{ assistant_message }} polite?" };
  assert.equal(await judges.update({ judgeId: judge.id, updateJudgeRequest }), undefined);
  assert.equal((await judges.fetch({ judgeId: judge.id })).instructions, updateJudgeRequest.instructions);
  await rejects(409, "JUDGE_DID_NOT_CHANGE", judges.update({ judgeId: judge.id, updateJudgeRequest }));
  await judges.delete({ judgeId: judge.id });
  await rejects(404, "JUDGE_NOT_FOUND", judges.fetch({ judgeId: judge.id }));
});

test("spans are searched in pages, newest first", async () => {
  const { api, first, second } = await withSpans();
  const { spans } = await api.spans.searchSpans({ pageSize: 1, spansRequest: {} });
  assert.deepEqual(ids(spans), [second.spanId]);
  const rest = await api.spans.searchSpans({ pageSize: 1, cursor: spans.next ?? spans.cursor, spansRequest: {} });
  assert.deepEqual(ids(rest.spans), [first.spanId]);
  const searchExpression = "request_model = 'mistral-large' AND duration_ns > 1000000";
  const found = await api.spans.searchSpans({ spansRequest: { searchExpression } });
  assert.deepEqual(ids(found.spans), [second.spanId]);
  const invalid = api.spans.searchSpans({ spansRequest: { searchExpression: "request_model =" } });
  await rejects(400, "TRACES_FILTER_QUERY_PARSE_ERROR", invalid);
});

test("traces are summarized", async () => {
  const { api, first, second } = await withSpans();
  const { traceId } = first;
  const { traces } = await api.traces.search({ tracesRequest: { searchExpression: "span_count = 2" } });
  assert.deepEqual([traces.results[0].traceId, traces.results[0].llmCallCount], [traceId, 2]);
  assert.deepEqual(await api.traces.getTraceById({ traceId }), traces.results[0]);
  assert.deepEqual(ids((await api.traces.getTraceSpans({ traceId })).spans), [first.spanId, second.spanId]);
  assert.equal((await api.traces.getSpanById({ traceId, spanId: second.spanId })).spanId, second.spanId);
  await rejects(404, "TRACE_NOT_FOUND", api.traces.getTraceById({ traceId: hex(16) }));
});

test("logs and evaluations are searched", async () => {
  const { api, first } = await withSpans();
  const timeUnixNano = `${Date.now()}000000`;
  const evaluation = {
    timeUnixNano,
    traceId: first.traceId,
    spanId: first.spanId,
    eventName: "gen_ai.evaluation.result",
    attributes: [
      text("gen_ai.evaluation.name", "relevance"),
      { key: "gen_ai.evaluation.score.value", value: { doubleValue: 0.5 } },
    ],
  };
  const records = [{ timeUnixNano, severityText: "ERROR", severityNumber: 17, body: { stringValue: "failed" } }, evaluation];
  await api.sendTelemetry("logs", { resourceLogs: [{ resource, scopeLogs: [{ logRecords: records }] }] });
  const { logs } = await api.logs.search({ logsRequest: { searchExpression: "severity_text = 'ERROR'", order: "asc" } });
  assert.deepEqual(
    logs.results.map((log) => log.body),
    ["failed"],
  );
  for (const search of [api.spans.searchSpanEvaluations, api.spans.searchLatestSpanEvaluations]) {
    const { spanEvaluations } = await search({ spanEvaluationsRequest: {} });
    assert.deepEqual(
      spanEvaluations.results.map((found) => [found.evaluationName, found.scoreValue]),
      [["relevance", 0.5]],
    );
  }
  const fields = [
    [api.spans.listSpanFields, api.spans.fetchSpanFieldOptions, "service_name", "shop-bot"],
    [api.spans.listSpanEvalFields, api.spans.fetchSpanEvalFieldOptions, "evaluation_name", "relevance"],
    [api.traces.getTraceFields, api.traces.fetchOptions, "service_name", "shop-bot"],
    [api.logs.list, api.logs.fetchOptions, "service_name", "shop-bot"],
  ];
  for (const [list, fetchOptions, fieldName, value] of fields) {
    const { fieldDefinitions } = await list();
    assert.ok(fieldDefinitions.some((field) => field.name === fieldName && field.supportedOperators.includes("eq")));
    assert.deepEqual((await fetchOptions({ fieldName })).options, [value]);
  }
});

test("spans and traces are aggregated", async () => {
  const { api } = await withSpans();
  const metric = { measure: "duration_ns", aggregation: "avg" };
  const { data } = await api.spans.aggregate({ aggregationRequest: { metric, dimensions: ["request_model"] } });
  assert.deepEqual(data.map((row) => row.metricValue).sort(), [1.25e9, 1.25e9]);
  const count = { measure: "trace_id", aggregation: "count" };
  const traces = await api.traces.aggregate({ aggregationRequest: { metric: count } });
  assert.equal(traces.data[0].metricValue, 1);
});

test("the telemetry of the SDK arrives", async () => {
  const chat = createServer((request, response) => {
    request.resume().on("end", () => {
      const message = { role: "assistant", content: "Bonjour, été!" };
      const usage = { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 };
      const choices = [{ index: 0, message, finish_reason: "stop" }];
      const common = { id: "cmpl-1", object: "chat.completion", created: 0, model: "mistral-tiny" };
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify({ ...common, choices, usage }));
    });
  });
  await new Promise((resolve) => chat.listen(0, "127.0.0.1", resolve));
  after(() => chat.close());
  const api = new Workspace();
  process.env.MISTRAL_OTLP_TRACES_ENDPOINT = `${serverURL}/telemetry/v1/traces`;
  const client = new Mistral({ apiKey: api.key, serverURL: `http://127.0.0.1:${chat.address().port}` });
  assert.ok(await configureTelemetry(client));
  await client.chat.complete({ model: "mistral-tiny", messages: [{ role: "user", content: "Ça va, l'été?" }] });
  await flushTelemetry(client);
  await shutdownTelemetry(client);
  const deadline = Date.now() + 20_000;
  let found = [];
  while (found.length === 0) {
    assert.ok(Date.now() < deadline, "no span arrived");
    await sleep(50);
    const searchExpression = "operation_name = 'chat' AND input_messages CONTAINS 'été'";
    found = (await api.spans.searchSpans({ spansRequest: { searchExpression } })).spans.results;
  }
  assert.deepEqual([found[0].requestModel, found[0].usageOutputTokens], ["mistral-tiny", 5]);
});

test("every operation was called", () => {
  const expected = Object.entries(OBSERVABILITY_OPERATIONS).flatMap(([name, operations]) =>
    operations.map((operation) => `${name}.${operation}`),
  );
  assert.deepEqual(
    expected.filter((operation) => !called.has(operation)),
    [],
  );
});
