// Chat completion events and campaigns: filters, pages with cursors, free maps, and waiting.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import {
  FilterCondition,
  FilterExpression,
  FilterGroup,
  FilterOperator,
  RawJson,
  TaskFailedError,
  TimeoutError,
  UnknownVariant,
  ValidationError,
  field,
} from "mistral-datasets";

import { flaky, scripted } from "./support/canned.mjs";
import { failure, nowhere } from "./support/fixture.mjs";

const ID = "019b2bd7-96e7-7219-8c0b-45a73da50082";
const TIME = "2026-09-01T12:30:00.123456Z";

function event(id, extra_fields = {}) {
  return {
    event_id: id,
    correlation_id: "c",
    created_at: TIME,
    extra_fields,
    nb_input_tokens: 1,
    nb_output_tokens: 2,
  };
}

/** Returns the request that a search with these filters sends. */
async function sent(searchParams, request = {}) {
  const { client, requests } = await scripted(() => ({ completion_events: {} }));
  const { completionEvents } = await client.chatCompletionEvents.search({
    searchParams,
    ...request,
  });
  assert.deepEqual(
    { ...completionEvents },
    {
      results: [],
      next: null,
      cursor: null,
    },
  );
  return requests[0];
}

/** Returns the filters that a search sends. */
async function filters(searchParams) {
  return (await sent(searchParams)).body.search_params.filters;
}

test("there is a method for every operator", () => {
  const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(field("f")));
  const operators = methods
    .filter((name) => name !== "constructor")
    .map((name) => field("f")[name]("v").filters.op);
  assert.deepEqual(operators.sort(), Object.values(FilterOperator).sort());
});

test("conditions are combined to a tree", async () => {
  const filter = field("model_name")
    .eq("x")
    .and(field("invoked_tools").includes("web_search").or(field("input_tokens").gt(10)));
  assert.ok(filter instanceof FilterExpression);
  assert.deepEqual(await filters(filter), {
    AND: [
      { field: "model_name", op: "eq", value: "x" },
      {
        OR: [
          { field: "invoked_tools", op: "includes", value: "web_search" },
          { field: "input_tokens", op: "gt", value: 10 },
        ],
      },
    ],
  });
  assert.deepEqual(await filters(field("metadata.aB").isnull()), {
    field: "metadata.aB",
    op: "isnull",
    value: true,
  });
  const [a, b, c] = ["a", "b", "c"].map((name) => field(name).isnull(false));
  assert.deepEqual(a.and(b).and(c.filters), a.and(b, c));
  assert.equal(a.or(b).or(c).filters.or.length, 3);
  assert.equal(a.or(b).and(c).filters.and.length, 2);
  assert.throws(() => field(5), ValidationError);
});

test("filters are plain objects with camelCase names, too", async () => {
  const value = { aB: [1.5, null, new Date(0)], a_b: "é" };
  const or = [
    { field: "f", op: "len_eq", value: RawJson.from("12345678901234567890") },
    { and: [] },
    {},
  ];
  const request = await sent({ filters: { and: [{ field: "f", op: "later", value }, { or }] } });
  assert.equal(
    request.text,
    '{"search_params":{"filters":{"AND":[{"field":"f","op":"later","value":{"aB":[1.5,null,"1970-01-01T00:00:00.000Z"],' +
      '"a_b":"é"}},{"OR":[{"field":"f","op":"len_eq","value":12345678901234567890},{"AND":[]},{}]}]}}}',
  );
  assert.equal(await filters({ filters: null }), null);
});

test("invalid filters are refused with their path", async () => {
  const condition = { field: "f", op: "eq", value: 1 };
  const cyclic = { and: [] };
  cyclic.and.push(cyclic);
  for (const [searchParams, message] of [
    [{}, "searchParams: missing property `filters`"],
    [condition, "searchParams: unknown property `field`; expected one of `filters`"],
    [{ filters: [condition] }, "searchParams.filters: expected an object, found an array"],
    [{ filters: { ...condition, op: 5 } }, "searchParams.filters.op: expected a string, found 5"],
    [{ filters: { field: "f", op: "eq" } }, "searchParams.filters: missing property `value`"],
    [
      { filters: { or: [{ and: [{ ...condition, value: NaN }] }] } },
      "searchParams.filters.or[0].and[0].value: NaN is not a JSON number",
    ],
    [
      { filters: { field: "f", op: "eq", val: 1 } },
      "searchParams.filters: unknown property `val`; did you mean `value`?",
    ],
    [{ filters: { AND: [] } }, "searchParams.filters: unknown property `AND`; did you mean `and`?"],
    [
      { filters: { and: condition } },
      "searchParams.filters.and: expected an array, found an object",
    ],
    [
      { filters: { and: [, condition] } },
      "searchParams.filters.and[0]: expected an object, found undefined",
    ],
  ]) {
    const search = nowhere().chatCompletionEvents.search({ searchParams });
    await failure(search, ValidationError, { message });
  }
  const search = nowhere().chatCompletionEvents.search({ searchParams: { filters: cyclic } });
  assert.match((await failure(search, ValidationError)).message, /nested too deeply/);
});

test("extra fields keep their names", async () => {
  const extra_fields = { __judge_1: { answer: 1 }, model_name: "m", aB: { c_d: null } };
  const { client } = await scripted(() => ({
    completion_events: { results: [event("é", extra_fields)] },
  }));
  const request = { searchParams: { filters: null }, extraFields: ["model_name"] };
  const { completionEvents } = await client.chatCompletionEvents.search(request);
  const [found] = completionEvents.results;
  assert.deepEqual(found.extraFields, extra_fields);
  assert.equal(found.extraFieldsText, JSON.stringify(extra_fields));
  assert.equal(found.createdAt.microseconds, 123456);
  assert.deepEqual(JSON.parse(JSON.stringify(found)), event("é", extra_fields));
  assert.match(inspect(found), /extraFields: \[\d+ characters of JSON\]/);
});

test("an event has its messages as they are", async () => {
  const message = { role: "assistant", content: "private", tool_calls: [{ toolId: 1 }] };
  const { client, requests } = await scripted(({ method }) =>
    method === "POST"
      ? { analysis: "", answer: 1 }
      : {
          ...event("e", { a_b: 1 }),
          enabled_tools: [],
          request_messages: [message],
          response_messages: [message],
          nb_messages: 2,
          chat_transcription_events: [
            { audio_url: "https://secret.example/a", model: "m", response_message: message },
          ],
        },
  );
  const found = await client.chatCompletionEvents.fetch({ eventId: "a/b" });
  assert.equal(requests[0].url.pathname, "/v1/observability/chat-completion-events/a%2Fb");
  assert.deepEqual(found.requestMessages, [message]);
  assert.deepEqual(found.chatTranscriptionEvents[0].responseMessage, message);
  assert.doesNotMatch(inspect(found, { depth: null }), /private|secret/);
  await client.judges.judgeConversation({ judgeId: ID, messages: found.requestMessages });
  assert.deepEqual(requests[1].body, { messages: [message] });
});

/** Starts a server whose feed has these pages, by cursor. */
function feed(pages) {
  return scripted(({ url }) => ({
    completion_events: pages[url.searchParams.get("cursor") ?? ""],
  }));
}

test("a feed is read page by page", async () => {
  const { client, requests } = await feed({
    "": { results: [event("a"), event("b")], next: "1" },
    1: { results: [], cursor: "2 &" },
    "2 &": { results: [event("c")], next: null, cursor: null },
  });
  const searchParams = field("model_name").eq("m");
  const pager = client.chatCompletionEvents.iter({ searchParams, pageSize: 2 });
  for (const _ of [1, 2]) {
    const ids = [];
    for await (const { eventId } of pager) ids.push(eventId);
    assert.deepEqual(ids, ["a", "b", "c"]);
  }
  assert.equal(requests.length, 6);
  assert.equal(requests[0].url.search, "?page_size=2");
  const pages = [];
  for await (const { number, nextCursor, results } of pager.pages()) {
    pages.push([number, nextCursor, results.length]);
  }
  assert.deepEqual(pages.at(0), [1, "1", 2]);
  assert.deepEqual(pages.at(-1).slice(1), [null, 1]);
  const rest = [];
  const { search_params } = requests[0].body;
  assert.deepEqual(search_params.filters, searchParams.filters);
  for await (const { eventId } of client.chatCompletionEvents.iter({
    searchChatCompletionEventsRequest: { searchParams },
    cursor: "1",
    limit: 1,
  })) {
    rest.push(eventId);
  }
  assert.deepEqual(rest, ["c"]);
  assert.equal(pager.count, undefined);
  assert.throws(
    () => client.chatCompletionEvents.iter({ searchParams, prefetch: 2 }),
    /unknown argument `prefetch`/,
  );
});

test("leaving the loop over a feed sends no further request", async () => {
  const page = { results: [event("a"), event("b")], next: "1" };
  const { client, requests } = await feed({ "": page, 1: page });
  for await (const _ of client.chatCompletionEvents.iter({ searchParams: { filters: null } }))
    break;
  assert.equal(requests.length, 1);
});

test("searches are retried like reads", async () => {
  const { client, requests } = await flaky({ completion_event_ids: ["a"] });
  const searchParams = { filters: null };
  const { completionEventIds } = await client.chatCompletionEvents.searchIds({ searchParams });
  assert.deepEqual([completionEventIds, requests.length], [["a"], 2]);
});

test("options of fields are strings, booleans and nulls", async () => {
  const { client, requests } = await scripted(({ method }) =>
    method === "POST" ? { counts: [{ value: "a", count: 2 }] } : { options: ["a", true, null] },
  );
  const { fields } = client.chatCompletionEvents;
  const fieldName = "metadata.a b/é";
  const { options } = await fields.fetchOptions({ fieldName, operator: "eq" });
  assert.deepEqual(options, ["a", true, null]);
  assert.equal(
    requests[0].url.pathname,
    "/v1/observability/chat-completion-fields/metadata.a%20b%2F%C3%A9/options",
  );
  for (const [filterParams, body] of [
    [undefined, {}],
    [null, {}],
    [field("f").gt(1), { filter_params: { filters: { field: "f", op: "gt", value: 1 } } }],
  ]) {
    const { counts } = await fields.fetchOptionCounts({ fieldName, filterParams });
    assert.deepEqual({ ...counts[0] }, { value: "a", count: 2 });
    assert.deepEqual(requests.at(-1).body, body);
  }
});

const JUDGE = {
  id: ID,
  created_at: TIME,
  updated_at: TIME,
  owner_id: ID,
  workspace_id: ID,
  name: "Politeness",
  description: "",
  model_name: "m",
  output: { type: "CLASSIFICATION", options: [] },
  instructions: "i",
  tools: [],
};

function campaign(filters) {
  const { id, created_at, updated_at, owner_id, workspace_id, name, description } = JUDGE;
  const common = { id, created_at, updated_at, owner_id, workspace_id, name, description };
  return { ...common, max_nb_events: 5, search_params: { filters }, judge: JUDGE };
}

test("the filter of a campaign is a tree of known and unknown objects", async () => {
  const tree = {
    AND: [{ field: "f", op: "later", value: null, more: 1 }, { OR: [{}] }, 5],
    xor: [],
  };
  const { client, requests } = await scripted(() => campaign(tree), 201);
  const searchParams = { filters: null };
  const created = await client.campaigns.create({
    name: "Politeness",
    description: "",
    judgeId: ID,
    maxNbEvents: 5,
    searchParams,
  });
  const { filters } = created.searchParams;
  assert.ok(filters instanceof FilterGroup);
  const [condition, group, unknown] = filters.and;
  assert.ok(condition instanceof FilterCondition && group instanceof FilterGroup);
  assert.deepEqual([condition.op, condition.value, condition.extra], ["later", null, { more: 1 }]);
  assert.ok(unknown instanceof UnknownVariant);
  assert.deepEqual([unknown.raw, filters.or], [5, null]);
  assert.deepEqual(JSON.parse(JSON.stringify(created.searchParams)), { filters: tree });
  assert.deepEqual(requests[0].body.search_params, { filters: null });
});

test("a filter that was read is sent again", async () => {
  const tree = { AND: [{ field: "f", op: "eq", value: { a_b: 1.0 }, more: "m" }], later: 1 };
  const { client } = await scripted(() => campaign(tree));
  const { searchParams } = await client.campaigns.fetch({ campaignId: ID });
  assert.deepEqual(await filters(searchParams), tree);
});

/** Starts a server that reports these statuses of a campaign, the last one forever. */
function statuses(...all) {
  return scripted(() => ({ status: all.length > 1 ? all.shift() : all[0] }));
}

test("a campaign is awaited", async () => {
  const { client, requests } = await statuses("RUNNING", "LATER", "COMPLETED");
  const seen = [];
  const status = await client.campaigns.wait({
    campaignId: ID,
    pollIntervalMs: 1,
    onProgress: (status) => void seen.push(status),
  });
  assert.equal(status, "COMPLETED");
  assert.deepEqual(seen, ["RUNNING", "LATER", "COMPLETED"]);
  assert.equal(requests[0].url.pathname, `/v1/observability/campaigns/${ID}/status`);
});

test("waiting for a campaign fails", async () => {
  const failed = await statuses("FAILED");
  await failure(failed.client.campaigns.wait({ campaignId: ID }), TaskFailedError);
  const { client } = await statuses("RUNNING");
  const wait = { campaignId: ID, pollIntervalMs: 1, timeoutMs: 20 };
  await failure(client.campaigns.wait(wait), TimeoutError);
  const signal = AbortSignal.timeout(20);
  await assert.rejects(client.campaigns.wait({ campaignId: ID, signal }), { kind: "cancelled" });
  await failure(client.campaigns.wait({}), ValidationError, {
    message: "missing argument `campaignId`",
  });
  await assert.rejects(client.campaigns.wait({ campaignId: ID }).withResponse(), TypeError);
});
