// Spans, traces and log records: search expressions, times, maps of attributes, aggregates, and the import of spans.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import {
  GetSpan,
  SpanImportReport,
  TaskFailedError,
  Timestamp,
  ValidationError,
  expression,
  reportOf,
} from "mistral-datasets";

import { flaky, scripted } from "./support/canned.mjs";
import { failure, nowhere } from "./support/fixture.mjs";

const ID = "019b2bd7-96e7-7219-8c0b-45a73da50082";
const TIME = "2026-09-01T12:30:00.123456Z";

/** The fields of a span that are not strings. */
const SPAN = {
  start_time: TIME,
  end_time: TIME,
  duration_ns: 5,
  status_code: "Later",
  request_choice_count: 0,
  request_max_tokens: 0,
  request_temperature: 0.5,
  request_top_p: null,
  request_top_k: null,
  request_presence_penalty: null,
  request_frequency_penalty: null,
  request_seed: 0,
  request_stop_sequences: [],
  request_encoding_formats: [],
  response_finish_reasons: ["stop"],
  usage_input_tokens: 1,
  usage_output_tokens: 2,
  usage_cache_read_input_tokens: 0,
  usage_cache_creation_input_tokens: 0,
  resource_attributes: { "service.name": "shop" },
  span_attributes: { "gen_ai.request.model": "m", aB: "1", a_b: "2" },
};

/** The fields of a span that are strings. */
const STRINGS = (
  "customer_id organization_id workspace_id user_id trace_id span_id parent_span_id trace_state span_name span_kind service_name " +
  "status_message error_type operation_name provider_name request_model response_model response_id output_type conversation_id " +
  "data_source_id agent_id agent_name agent_version agent_description workflow_name prompt_name tool_name tool_type tool_call_id " +
  "input_messages output_messages system_instructions tool_definitions tool_call_arguments tool_call_result scope_name scope_version"
).split(" ");

function span(id, values = {}) {
  const strings = Object.fromEntries(STRINGS.map((name) => [name, ""]));
  return { ...strings, ...SPAN, trace_id: "0".repeat(31) + "1", span_id: id, ...values };
}

test("a span has its attributes as they are", async () => {
  const values = { input_messages: "private", span_name: "chat m", more: [1] };
  const { client } = await scripted(() => ({ spans: { results: [span("a", values)] } }));
  const { spans } = await client.spans.searchSpans();
  const [found] = spans.results;
  assert.ok(found instanceof GetSpan);
  assert.deepEqual(found.spanAttributes, SPAN.span_attributes);
  assert.equal(found.spanAttributes, found.spanAttributes);
  assert.deepEqual({ ...found }.resourceAttributes, SPAN.resource_attributes);
  assert.deepEqual(
    [found.statusCode, found.requestTemperature, found.requestTopP, found.serviceAccountId],
    ["Later", 0.5, null, null],
  );
  assert.equal(found.startTime.toRFC3339(), TIME);
  const json = JSON.parse(JSON.stringify(found));
  assert.deepEqual(json, { ...span("a", values), service_account_id: null });
  const printed = inspect(found, { depth: null });
  assert.doesNotMatch(printed, /private|gen_ai/);
  assert.match(printed, /spanAttributes: \[\d+ characters of JSON\]/);
  assert.match(printed, /inputMessages: \[7 characters\]/);
  assert.match(printed, /spanName: 'chat m'/);
});

test("searches have a range, a cursor and an expression", async () => {
  const { client, requests } = await scripted(() => ({ logs: {} }));
  const request = {
    from: new Date(Date.UTC(2026, 8, 1, 12, 30)),
    to: new Timestamp(Date.UTC(2026, 8, 1, 12, 30), 5),
    pageSize: 5,
    cursor: "a b",
  };
  const body = { searchExpression: "service_name = 'shop'", order: "asc" };
  await client.logs.search({ ...request, ...body });
  await client.logs.search({ ...request, logsRequest: body });
  await client.logs.search({ from: "2026-09-01T14:30:00.25+02:00", to: null });
  const times = requests.map(({ url }) => {
    const [from, to] = ["from", "to"].map((name) => url.searchParams.get(name));
    return [Date.parse(from), to === null ? null : Date.parse(to)];
  });
  const time = Date.UTC(2026, 8, 1, 12, 30);
  assert.deepEqual(times, [
    [time, time],
    [time, time],
    [time + 250, null],
  ]);
  assert.match(requests[0].url.searchParams.get("to"), /:00\.000005/);
  assert.equal(requests[0].url.searchParams.get("cursor"), "a b");
  const sent = { search_expression: "service_name = 'shop'", order: "asc" };
  assert.deepEqual(
    requests.map(({ body }) => body),
    [sent, sent, {}],
  );
  const { logs } = nowhere();
  for (const [wrong, message] of [
    [{ from: "yesterday" }, "from: expected a timestamp such as 2026-09-01T12:30:00Z"],
    [{ from: "2026-09-01" }, "from: expected a timestamp such as 2026-09-01T12:30:00Z"],
    [{ to: "2026-13-01T00:00:00Z" }, "to: expected a timestamp such as 2026-09-01T12:30:00Z"],
    [{ to: new Date(NaN) }, "to: the date is invalid"],
    [{ to: 5 }, "to: expected a Date or a string, found 5"],
    [{ order: 5 }, "order: expected a string, found 5"],
    [{ logsRequest: { query: "x" } }, /unknown argument `query`/],
  ]) {
    const error = await failure(logs.search(wrong), ValidationError);
    if (typeof message === "string") assert.match(error.message, new RegExp(`: ${message} \\(`));
    else assert.match(error.message, message);
  }
});

test("texts of search expressions are quoted", async () => {
  const name = String.raw`O'Brien\ `;
  assert.equal(expression.text(name), String.raw`'O\'Brien\\ '`);
  assert.equal(expression.key("span_attributes", "a.'b"), String.raw`span_attributes['a.\'b']`);
  assert.equal(
    expression`a = ${name} AND b > ${1.5} OR c IN (${["x", 2]}) AND t > ${new Date(0)} AND d REGEXP '\d'`,
    String.raw`a = 'O\'Brien\\ ' AND b > 1.5 OR c IN ('x', 2) AND t > '1970-01-01T00:00:00.000Z' AND d REGEXP '\d'`,
  );
  for (const value of [NaN, null, {}, [], "\ud800", new Date(NaN), true]) {
    assert.throws(() => expression`a = ${value}`, ValidationError);
  }
  assert.throws(() => expression("a = 'b'"), ValidationError);
  assert.throws(() => expression.text(5), ValidationError);
  const error = await failure(
    nowhere().traces.search({ searchExpression: "service_name = 'it's'" }),
    ValidationError,
  );
  assert.match(error.message, /searchExpression: .*quote/);
});

test("spans, traces, logs and evaluations have pagers", async () => {
  const { client, requests } = await scripted(({ url }) => {
    const page = { results: [], next: url.searchParams.has("cursor") ? null : "n" };
    return { spans: page, traces: page, logs: page, span_evaluations: page };
  });
  const { spans, traces, logs } = client;
  const request = { from: new Date(0), searchExpression: "a = 1", pageSize: 10, limit: 5 };
  for (const pager of [
    spans.iterSpans(request),
    spans.iterSpanEvaluations(request),
    spans.iterLatestSpanEvaluations({ spanEvaluationsRequest: { searchExpression: "a = 1" } }),
    traces.iter(request),
    traces.iterTraceSpans({ traceId: "0".repeat(32), from: new Date(0) }),
    logs.iter({ ...request, order: "asc" }),
  ]) {
    for await (const _ of pager) assert.fail("the pages are empty");
  }
  assert.equal(requests.length, 12);
  const searches = requests.filter(({ method }) => method === "POST");
  assert.equal(searches.length, 10);
  for (const { body } of searches) assert.equal(body.search_expression, "a = 1");
});

test("aggregates have objects inside", async () => {
  const row = { metric_name: "count", metric_value: 3, time_bucket: TIME, dimensions: { aB: 1 } };
  const meta = { from_timestamp: TIME, to_timestamp: TIME, granularity_seconds: null };
  const { client, requests } = await scripted(() => ({
    data: [row, { metric_name: "count" }],
    meta,
  }));
  const aggregation = {
    metric: { measure: "duration_ns", aggregation: "p95" },
    dimensions: ["service_name"],
    timeDimension: { granularity: "hour" },
    orderBy: [{ field: "count", direction: "desc" }, { field: "time_bucket" }],
    limit: 5,
  };
  const { data } = await client.spans.aggregate({ from: new Date(0), ...aggregation });
  await client.traces.aggregate({ aggregationRequest: aggregation });
  for (const { body } of requests) {
    assert.deepEqual(body, {
      metric: { measure: "duration_ns", aggregation: "p95" },
      dimensions: ["service_name"],
      time_dimension: { granularity: "hour" },
      order_by: [{ field: "count", direction: "desc" }, { field: "time_bucket" }],
      limit: 5,
    });
  }
  assert.deepEqual(data[0].dimensions, { aB: 1 });
  assert.deepEqual(
    [data[1].metricValue, data[1].timeBucket, data[1].dimensions],
    [null, null, null],
  );
  for (const [wrong, message] of [
    [{ limit: 0 }, "limit: expected 1 to 10000, found 0"],
    [{ orderBy: [{}] }, "orderBy[0]: missing property `field`"],
    [{ metric: { measure: "a" } }, "metric: missing property `aggregation`"],
    [
      { timeDimension: { granularity: 5 } },
      "timeDimension.granularity: expected a string, found 5",
    ],
  ]) {
    const request = { ...aggregation, ...wrong };
    await failure(nowhere().spans.aggregate(request), ValidationError, { message });
  }
});

const MAPPING = {
  mappings: [
    {
      targetField: "messages",
      sourceField: { namespace: "span_attributes", key: "gen_ai.input.messages" },
    },
  ],
};

function task(status, imported = 0) {
  return {
    id: ID,
    created_at: TIME,
    updated_at: TIME,
    deleted_at: null,
    creator_id: ID,
    dataset_id: ID,
    workspace_id: ID,
    status,
    progress: 100,
    message: null,
    result: {
      requested_record_count: imported + 1,
      imported_record_count: imported,
      skipped_record_count: 1,
    },
  };
}

/** Starts a server of imports, whose spans are found by a search, too. */
async function importServer(status = "COMPLETED") {
  const imports = [];
  const isImport = ({ url }) => url.pathname.endsWith("/from-spans");
  const respond = (request) => {
    if (request.url.pathname.endsWith("/spans/search")) {
      return { spans: { results: [span("a"), span("b")], next: null } };
    }
    if (!isImport(request)) return task(status, 1);
    imports.push(request.body);
    return task("RUNNING");
  };
  const server = await scripted(respond, (request) => (isImport(request) ? 202 : 200));
  return { ...server, imports };
}

test("spans that a search returns are imported", async () => {
  const { client, imports } = await importServer();
  const spans = client.spans.iterSpans();
  const request = { datasetId: ID, mapping: MAPPING };
  await client.datasets.importSpans({ ...request, spans });
  const { results } = (await client.spans.searchSpans()).spans;
  await client.datasets.importSpans({ ...request, spans: results });
  for (const { span_references } of imports) {
    assert.deepEqual(
      span_references.map(({ span_id }) => span_id),
      ["a", "b"],
    );
  }
  const spanReferences = results.slice(0, 1);
  const task = await client.datasets.importFromSpans({
    datasetId: ID,
    importDatasetFromSpansRequest: { spanReferences, mappingContract: MAPPING },
    wait: true,
  });
  assert.equal(task.status, "COMPLETED");
  assert.equal(imports[2].span_references[0].span_id, "a");
  const [{ traceId, spanId }] = results;
  assert.deepEqual(Object.keys(imports[2].span_references[0]), ["trace_id", "span_id"]);
  assert.ok(traceId.endsWith("1") && spanId === "a");
});

test("spans are imported in parts", async () => {
  const { client, imports } = await importServer();
  const spans = Array.from({ length: 10_001 }, (_, n) => ({ traceId: "t", spanId: String(n) }));
  const progress = [];
  const report = await client.datasets.importSpans({
    datasetId: ID,
    spans,
    mapping: MAPPING,
    onProgress: ({ phase }) => void progress.push(phase),
  });
  assert.ok(report instanceof SpanImportReport);
  assert.deepEqual(
    imports.map(({ span_references }) => span_references.length),
    [10_000, 1],
  );
  assert.deepEqual(imports[1], {
    span_references: [{ trace_id: "t", span_id: "10000" }],
    mapping_contract: {
      mappings: [
        {
          target_field: "messages",
          source_field: { namespace: "span_attributes", key: "gen_ai.input.messages" },
        },
      ],
    },
  });
  assert.deepEqual([report.spans, report.records, report.skipped], [10_001, 2, 2]);
  assert.deepEqual(
    report.parts.map(({ first, spans, task }) => [first, spans, task.status]),
    [
      [0, 10_000, "COMPLETED"],
      [10_000, 1, "COMPLETED"],
    ],
  );
  assert.ok(progress.includes("import"));
});

test("a failed import of spans can be resumed", async () => {
  const failing = await importServer("FAILED");
  async function* generated() {
    yield { traceId: "t", spanId: "a" };
    yield { traceId: "t", spanId: "b" };
  }
  const request = { datasetId: ID, mapping: MAPPING };
  const error = await failure(
    failing.client.datasets.importSpans({ ...request, spans: generated() }),
    TaskFailedError,
  );
  const resume = reportOf(error);
  assert.ok(resume instanceof SpanImportReport);
  const { client, imports } = await importServer();
  const report = await client.datasets.importSpans({ ...request, spans: generated(), resume });
  assert.deepEqual([report.spans, imports.length], [2, 1]);
});

test("invalid sources of spans are refused", async () => {
  const { datasets } = nowhere();
  const request = { datasetId: ID, mapping: MAPPING };
  for (const [spans, message] of [
    ["ab", "spans: expected an iterable of spans, found a string"],
    [{}, "spans: expected an iterable of spans, found an object"],
  ]) {
    await failure(datasets.importSpans({ ...request, spans }), ValidationError, { message });
  }
  const invalid = await failure(datasets.importSpans({ ...request, spans: [5] }), ValidationError);
  assert.equal(invalid.cause.message, "spans[0]: traceId: expected a string, found undefined");
  await failure(datasets.importSpans({ ...request, spans: [] }), ValidationError);
  const mine = new Error("mine");
  async function* throwing() {
    yield { traceId: "t", spanId: "a" };
    throw mine;
  }
  await assert.rejects(datasets.importSpans({ ...request, spans: throwing() }), (e) => e === mine);
  await failure(datasets.importSpans({ ...request, mapping: {}, spans: [] }), ValidationError, {
    message: "mapping: missing property `mappings`",
  });
});

test("aggregates are retried like reads", async () => {
  const meta = { from_timestamp: TIME, to_timestamp: TIME };
  const { client, requests } = await flaky({ data: [], meta });
  const metric = { measure: "duration_ns", aggregation: "count" };
  assert.deepEqual((await client.spans.aggregateSpanEvaluations({ metric })).data, []);
  assert.equal(requests.length, 2);
});
