// Behaviour cases: searches of the traffic of `traces.json` and `logs.json`, and the import of spans.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  NotFoundError,
  RecordSource,
  SortOrder,
  ValidationError,
  expression,
  field,
} from "mistral-datasets";

import { all, failure, Fixture } from "../support/fixture.mjs";

const TRACE = "0af7651916cd43dd8448eb211c80319c";

/** The spans, in the order they started. */
const SPANS = ["00f067aa0ba902b1", "00f067aa0ba902b2", "00f067aa0ba902b3"];

/** Starts a server that has received the traces. */
async function started() {
  const fixture = await Fixture.served();
  await fixture.send("traces");
  return fixture;
}

function spanIds(spans) {
  return spans.map(({ spanId }) => spanId);
}

test("events_are_searched_with_filters", async () => {
  const { chatCompletionEvents: events } = (await started()).client;
  const slow = field("total_time_elapsed").gt(1);
  const summer = slow.and(field("last_user_message_preview").icontains("L'ÉTÉ"));
  const extraFields = ["model_name", "total_time_elapsed"];
  const { completionEvents } = await events.search({ searchParams: summer, extraFields });
  const [{ correlationId, nbInputTokens, ...event }, ...others] = completionEvents.results;
  assert.deepEqual([correlationId, nbInputTokens, others], [TRACE, 22, []]);
  assert.deepEqual(event.extraFields, { model_name: "large", total_time_elapsed: 1.25 });
  const pager = events.iter({ searchParams: { filters: null }, extraFields, pageSize: 1 });
  const models = (await all(pager)).map(({ extraFields }) => extraFields.model_name);
  assert.deepEqual(models, ["large", "large", "small"]);
  const { completionEventIds } = await events.searchIds({ searchParams: summer });
  assert.deepEqual(completionEventIds, [event.eventId]);
});

test("event_messages_have_chat_form", async () => {
  const { chatCompletionEvents: events } = (await started()).client;
  const searchParams = field("invoked_tools").includes("find_order");
  const [eventId, ...others] = (await events.searchIds({ searchParams })).completionEventIds;
  assert.deepEqual(others, []);
  const event = await events.fetch({ eventId });
  assert.deepEqual(event.requestMessages, [
    { role: "system", content: "Be brief." },
    { role: "user", content: "Where is order 7?" },
  ]);
  const [{ role, tool_calls: toolCalls }] = event.responseMessages;
  assert.equal(role, "assistant");
  assert.deepEqual([toolCalls[0].id, toolCalls[0].function.name], ["call1", "find_order"]);
  assert.deepEqual(JSON.parse(toolCalls[0].function.arguments), { number: 7 });
  assert.equal(event.nbMessages, 3);
});

test("event_fields_and_options", async () => {
  const { fields } = (await started()).client.chatCompletionEvents;
  const { fieldDefinitions } = await fields.list();
  const model = fieldDefinitions.find(({ name }) => name === "model_name");
  assert.ok(model.supportedOperators.includes("startswith"));
  const fieldName = "model_name";
  const { options } = await fields.fetchOptions({ fieldName, operator: "eq" });
  assert.deepEqual(options.toSorted(), ["large", "small"]);
  const count = async (filterParams) =>
    (await fields.fetchOptionCounts({ fieldName, filterParams })).counts.map(({ value, count }) => [
      value,
      count,
    ]);
  assert.deepEqual(await count({ filters: null }), [
    ["large", 2],
    ["small", 1],
  ]);
  assert.deepEqual(await count(field("invoked_tools").includes("find_order")), [["small", 1]]);
});

test("spans_are_searched_in_pages", async () => {
  const { spans } = (await started()).client;
  const pages = await all(spans.iterSpans({ pageSize: 2 }).pages());
  assert.deepEqual(
    pages.map(({ results }) => spanIds(results)),
    [[SPANS[2], SPANS[1]], [SPANS[0]]],
  );
  for (const searchExpression of [
    expression`span_attributes['user.name'] = ${"O'Brien"}`,
    expression`input_messages CONTAINS ${"l'été"}`,
  ]) {
    const [span, ...others] = (await spans.searchSpans({ searchExpression })).spans.results;
    assert.deepEqual([span.spanId, others], [SPANS[1], []]);
    assert.deepEqual([span.requestModel, span.usageInputTokens], ["large", 22]);
    assert.equal(span.spanAttributes["user.name"], "O'Brien");
  }
  const searchExpression = "request_model = 'large' AND duration_ns > 1000000000";
  const from = new Date("2026-09-01T12:00:01Z");
  const to = new Date("2026-09-01T12:00:02Z");
  const found = await all(spans.iterSpans({ searchExpression, from, to }));
  assert.deepEqual(spanIds(found), [SPANS[1]]);
});

test("traces_are_summarized", async () => {
  const { traces } = (await started()).client;
  const searchExpression = "span_count = 3";
  const [found, ...others] = await all(traces.iter({ searchExpression }));
  assert.deepEqual(others, []);
  const trace = await traces.getTraceById({ traceId: TRACE });
  assert.deepEqual(trace, found);
  assert.deepEqual([trace.traceId, trace.serviceName], [TRACE, "shop"]);
  assert.deepEqual([trace.llmCallCount, trace.inputTokens], [3, 66]);
  assert.deepEqual(trace.modelsUsed.toSorted(), ["large", "small"]);
  assert.equal(trace.firstTurnLastInputMessage, "Where is order 7?");
  const ofTrace = await all(traces.iterTraceSpans({ traceId: TRACE, pageSize: 2 }));
  assert.deepEqual(spanIds(ofTrace), SPANS);
  const span = await traces.getSpanById({ traceId: TRACE, spanId: SPANS[0] });
  assert.equal(span.requestModel, "small");
  const unknown = { traceId: TRACE, spanId: "1".repeat(16) };
  await failure(traces.getSpanById(unknown), NotFoundError, { errorCode: "SPAN_NOT_FOUND" });
});

test("span_evaluations_are_searched", async () => {
  const fixture = await started();
  await fixture.send("logs");
  const { spans } = fixture.client;
  const scores = async (pager) => (await all(pager)).map(({ scoreValue }) => scoreValue);
  const searchExpression = "evaluation_name = 'relevance' AND score_value < 0.6";
  assert.deepEqual(await scores(spans.iterSpanEvaluations({ searchExpression })), [0.5, 0.25]);
  assert.deepEqual(await scores(spans.iterLatestSpanEvaluations({ pageSize: 1 })), [0.5, 0.75]);
  const metric = { measure: "score_value", aggregation: "max" };
  const dimensions = ["evaluation_name"];
  const { data } = await spans.aggregateSpanEvaluations({ metric, dimensions });
  assert.deepEqual([data[0].metricName, data[0].metricValue], ["max_score_value", 0.75]);
  const fieldName = "score_label";
  const { options } = await spans.fetchSpanEvalFieldOptions({ fieldName });
  assert.deepEqual(options.toSorted(), ["high", "low", "medium"]);
});

test("logs_are_searched", async () => {
  const fixture = await Fixture.served();
  await fixture.send("logs");
  const { logs } = fixture.client;
  const pager = logs.iter({
    order: SortOrder.asc,
    pageSize: 1,
    searchExpression: "event_name = ''",
  });
  const bodies = (await all(pager)).map(({ body }) => body);
  assert.deepEqual(bodies, ["started", "the payment failed"]);
  const searchExpression = "severity_text = 'ERROR' AND body CONTAINS 'fail'";
  const [log, ...others] = (await logs.search({ searchExpression })).logs.results;
  assert.deepEqual([log.severityNumber, log.serviceName, others], [17, "shop", []]);
  const { options } = await logs.fetchOptions({ fieldName: "service_name" });
  assert.deepEqual(options, ["shop"]);
});

test("spans_are_aggregated", async () => {
  const { spans } = (await started()).client;
  const { data } = await spans.aggregate({
    metric: { measure: "duration_ns", aggregation: "avg" },
    dimensions: ["request_model"],
    orderBy: [{ field: "avg_duration_ns", direction: SortOrder.desc }],
  });
  assert.deepEqual(
    data.map(({ metricName, metricValue, dimensions }) => [metricName, metricValue, dimensions]),
    [
      ["avg_duration_ns", 1.25e9, { request_model: "large" }],
      ["avg_duration_ns", 0.5e9, { request_model: "small" }],
    ],
  );
  const counted = await spans.aggregate({
    metric: { measure: "duration_ns", aggregation: "count" },
    timeDimension: { granularity: "hour" },
    searchExpression: "request_model = 'large'",
  });
  assert.deepEqual(
    counted.data.map(({ metricValue, timeBucket }) => [metricValue, timeBucket.getTime()]),
    [[2, Date.parse("2026-09-01T12:00:00Z")]],
  );
});

test("unknown_search_field_is_rejected", async () => {
  const { chatCompletionEvents: events, spans } = (await Fixture.start()).client;
  const unknown = { status: 400, errorCode: "FIELDS_BAD_REQUEST" };
  await failure(spans.searchSpans({ searchExpression: "nothing = 1" }), ValidationError, {
    ...unknown,
    operation: "search_spans",
  });
  const searchParams = field("model_name").eq("large").or(field("nothing").eq(1));
  await failure(events.search({ searchParams }), ValidationError, unknown);
  const error = await failure(
    spans.searchSpans({ searchExpression: "duration_ns > > 1" }),
    ValidationError,
    { status: 400, errorCode: "TRACES_FILTER_QUERY_PARSE_ERROR" },
  );
  assert.match(error.message, /15/);
});

test("import_spans", async () => {
  const fixture = await started();
  const { id: datasetId } = await fixture.dataset();
  const sourceField = { namespace: "span_attributes", key: "gen_ai.input.messages" };
  const report = await fixture.datasets.importSpans({
    datasetId,
    spans: fixture.client.spans.iterSpans({ searchExpression: "request_model = 'large'" }),
    mapping: { mappings: [{ targetField: "messages", sourceField }] },
  });
  assert.deepEqual([report.spans, report.records, report.skipped], [2, 2, 0]);
  const records = await fixture.records({ id: datasetId });
  const texts = records.map(({ payload }) => payload.messages[0].parts[0].content);
  assert.deepEqual(texts.toSorted(), ["It's l'été", "Thanks"]);
  for (const { source, properties } of records) {
    assert.equal(source, RecordSource.TELEMETRY_SPAN);
    assert.equal(properties.trace_id, TRACE);
  }
});
