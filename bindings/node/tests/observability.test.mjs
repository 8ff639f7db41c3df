// The way from traffic to a dataset with a local server: telemetry, searches, judges, campaigns and imports.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import {
  ConflictError,
  JudgeRegressionOutput,
  NotFoundError,
  TaskStatus,
  ValidationError,
  expression,
  field,
} from "mistral-datasets";
import { connectLocal, startLocal } from "mistral-datasets/testing";

import { scripted } from "./support/canned.mjs";
import { all, failure } from "./support/fixture.mjs";
import { served } from "./support/served.mjs";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CLASSES = {
  type: "CLASSIFICATION",
  options: [
    { value: "polite", description: "It is." },
    { value: "rude", description: "It is not." },
  ],
};
const JUDGE = {
  name: "Politeness",
  description: "Whether the answer is polite",
  modelName: "judge-model",
  instructions: "Is it polite? {{ assistant_message }}",
  output: CLASSES,
  tools: [],
};

/** Sends spans as an exporter of OpenTelemetry does. */
async function send(local, spans) {
  const attributes = (values) =>
    Object.entries(values).map(([key, value]) => ({ key, value: { stringValue: value } }));
  const body = {
    resourceSpans: [
      {
        resource: { attributes: attributes({ "service.name": "shop" }) },
        scopeSpans: [
          {
            scope: { name: "test" },
            spans: spans.map(({ spanId, name, ...values }, index) => ({
              traceId: TRACE,
              spanId,
              name,
              kind: 3,
              startTimeUnixNano: String(BigInt(Date.now()) * 1_000_000n + BigInt(index * 1000)),
              endTimeUnixNano: String(BigInt(Date.now() + 5) * 1_000_000n),
              attributes: attributes(values),
            })),
          },
        ],
      },
    ],
  };
  const response = await fetch(`${local.url}/telemetry/v1/traces`, {
    method: "POST",
    headers: { authorization: `Bearer ${local.apiKey}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  assert.equal(response.status, 200, await response.text());
}

function chat(spanId, text, values = {}) {
  const message = (role, content) =>
    JSON.stringify([{ role, parts: [{ type: "text", content }], finish_reason: "stop" }]);
  return {
    spanId,
    name: "chat m",
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.input.messages": message("user", text),
    "gen_ai.output.messages": message("assistant", `You said ${text}`),
    aB: "kept",
    ...values,
  };
}

async function started() {
  const local = await startLocal();
  after(() => local.close());
  return local;
}

test("telemetry is searched and imported", async () => {
  const local = await started();
  const { spans, traces, datasets } = local.client;
  const [first, second] = ["00f067aa0ba902b7", "00f067aa0ba902b8"];
  await send(local, [chat(first, "It's été"), chat(second, "other", { "user.name": "O'Brien" })]);

  const found = await all(spans.iterSpans({ searchExpression: "operation_name = 'chat'" }));
  assert.deepEqual(found.map(({ spanId }) => spanId).sort(), [first, second]);
  assert.equal(found[0].spanAttributes.aB, "kept");
  assert.equal(found[0].resourceAttributes["service.name"], "shop");
  const searchExpression = expression`span_attributes['user.name'] = ${"O'Brien"}`;
  const { spans: page } = await spans.searchSpans({ searchExpression });
  assert.deepEqual(
    page.results.map(({ spanId }) => spanId),
    [second],
  );
  const pages = await all(spans.iterSpans({ pageSize: 1 }).pages());
  assert.deepEqual(pages.map(({ results }) => results.length).slice(0, 2), [1, 1]);

  const trace = await traces.getTraceById({ traceId: TRACE });
  assert.deepEqual([trace.spanCount, trace.serviceName], [2, "shop"]);
  assert.equal((await all(traces.iterTraceSpans({ traceId: TRACE }))).length, 2);
  assert.equal((await traces.getSpanById({ traceId: TRACE, spanId: first })).requestModel, "m");
  await failure(traces.getTraceById({ traceId: "1".repeat(32) }), NotFoundError, {
    errorCode: "TRACE_NOT_FOUND",
  });
  const metric = { measure: "duration_ns", aggregation: "count" };
  const { data } = await spans.aggregate({ metric, dimensions: ["request_model"] });
  assert.deepEqual([data[0].metricValue, data[0].dimensions], [2, { request_model: "m" }]);
  const { fieldDefinitions } = await spans.listSpanFields();
  assert.ok(fieldDefinitions.some(({ name }) => name === "service_name"));
  const invalid = await failure(
    spans.searchSpans({ searchExpression: "a = = 1" }),
    ValidationError,
  );
  assert.equal(invalid.status, 400);

  const { id: datasetId } = await datasets.create({ name: "Refund requests", description: "" });
  const report = await datasets.importSpans({
    datasetId,
    spans: spans.iterSpans({ searchExpression: "operation_name = 'chat'" }),
    mapping: {
      mappings: [
        {
          targetField: "messages",
          sourceField: { namespace: "span_attributes", key: "gen_ai.input.messages" },
        },
      ],
    },
  });
  assert.deepEqual([report.spans, report.records, report.skipped], [2, 2, 0]);
  const records = await all(datasets.iterRecords({ datasetId }));
  assert.ok(records.some(({ payloadText }) => payloadText.includes("It's été")));
});

test("events are searched by filters", async () => {
  const local = await started();
  const { chatCompletionEvents } = local.client;
  const messages = (content) => [{ role: "user", content }];
  await local.insertEvents(
    ["one", "two", "three"].map((text, n) => ({
      requestMessages: messages(text),
      responseMessages: [{ role: "assistant", content: "yes" }],
      extraFields: { model_name: n === 0 ? "small" : "large", aB: { c_d: n } },
    })),
  );
  const large = field("model_name").eq("large");
  const searchParams = large.and(field("last_user_message_preview").contains("three"));
  const { completionEvents } = await chatCompletionEvents.search({
    searchParams: large,
    extraFields: ["model_name"],
  });
  assert.deepEqual(
    completionEvents.results.map(({ extraFields }) => extraFields.model_name),
    ["large", "large"],
  );
  assert.equal(
    (await all(chatCompletionEvents.iter({ searchParams: large, pageSize: 1 }))).length,
    2,
  );
  const { completionEventIds } = await chatCompletionEvents.searchIds({ searchParams });
  assert.equal(completionEventIds.length, 1);
  const event = await chatCompletionEvents.fetch({ eventId: completionEventIds[0] });
  assert.deepEqual(event.requestMessages, messages("three"));
  const { fieldDefinitions } = await chatCompletionEvents.fields.list();
  assert.ok(fieldDefinitions.some(({ name }) => name === "model_name"));
  const counted = await chatCompletionEvents.fields.fetchOptionCounts({
    fieldName: "model_name",
    filterParams: { filters: null },
  });
  const counts = counted.counts.map(({ value, count }) => [value, count]).sort();
  assert.deepEqual(counts, [
    ["large", 2],
    ["small", 1],
  ]);
});

test("judges are stored", async () => {
  const { judges } = (await started()).client;
  const created = await judges.create(JUDGE);
  assert.deepEqual(created.output.options[1].value, "rude");
  await failure(judges.create(JUDGE), ConflictError, { errorCode: "JUDGE_NAME_ALREADY_EXISTS" });
  const { name, description, modelName, instructions, tools } = created;
  const output = { type: "REGRESSION", minDescription: "rude", maxDescription: "polite" };
  const judgeId = created.id;
  const definition = { name, description, modelName, instructions, tools, output };
  assert.equal(await judges.update({ judgeId, ...definition }), undefined);
  const updated = await judges.fetch({ judgeId });
  assert.ok(updated.output instanceof JudgeRegressionOutput);
  // What was read can be sent again.
  await judges.update({ judgeId, ...definition, output: updated.output, name: "Politeness 2" });
  const found = await all(judges.iter({ typeFilter: ["REGRESSION"], q: "Politeness" }));
  assert.deepEqual(
    found.map(({ name }) => name),
    ["Politeness 2"],
  );
  await judges.delete({ judgeId });
  await failure(judges.fetch({ judgeId }), NotFoundError, { errorCode: "JUDGE_NOT_FOUND" });
});

test("a campaign judges events, which are imported", async () => {
  const content = JSON.stringify({ analysis: "It is.", answer: "polite" });
  const model = await scripted(() => ({ choices: [{ message: { role: "assistant", content } }] }));
  const local = connectLocal(await served("--judge-url", `${model.client.serverURL}/v1`));
  after(() => local.close());
  const { judges, campaigns, datasets } = local.client;
  const judge = await judges.create(JUDGE);
  const messages = [{ role: "user", content: "Hello" }];
  const judged = await judges.judgeConversation({ judgeId: judge.id, messages });
  assert.deepEqual([judged.answer, judged.analysis], ["polite", "It is."]);

  const campaign = {
    name: "Politeness",
    description: "",
    judgeId: judge.id,
    searchParams: field("model_name").eq("m"),
    maxNbEvents: 10,
  };
  await failure(campaigns.create(campaign), ValidationError, {
    errorCode: "CAMPAIGN_NO_MATCHING_EVENTS",
  });
  await send(local, [chat("00f067aa0ba902b7", "Hello")]);
  const { id: campaignId, searchParams } = await campaigns.create(campaign);
  assert.equal(searchParams.filters.field, "model_name");
  const statuses = [];
  const status = await campaigns.wait({ campaignId, onProgress: (s) => void statuses.push(s) });
  assert.deepEqual([status, statuses.at(-1)], [TaskStatus.COMPLETED, "COMPLETED"]);
  const [event] = await all(campaigns.iterEvents({ campaignId }));
  const annotation = `__judge_${judge.id}`;
  assert.equal(event.extraFields[annotation], "polite");
  const polite = field(annotation).eq("polite");
  const found = await all(local.client.chatCompletionEvents.iter({ searchParams: polite }));
  assert.equal(found.length, 1);
  const { id: datasetId } = await datasets.create({ name: "Refund requests", description: "" });
  const task = await datasets.importFromCampaign({ datasetId, campaignId, wait: true });
  assert.equal(task.result.importedRecordCount, 1);
  await campaigns.delete({ campaignId });
  await failure(campaigns.fetch({ campaignId }), NotFoundError);
});
