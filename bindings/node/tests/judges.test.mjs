// Judges, whose output is a union of objects: reading, writing and refusing it, and the arguments with objects inside.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import {
  JudgeClassificationOutput,
  JudgeRegressionOutput,
  RawJson,
  UnknownVariant,
  ValidationError,
} from "mistral-datasets";

import { scripted } from "./support/canned.mjs";
import { failure, nowhere } from "./support/fixture.mjs";

const ID = "019b2bd7-96e7-7219-8c0b-45a73da50082";
const TIME = "2026-09-01T12:30:00.123456Z";

/** A judge as the API sends it. */
function judge(output) {
  return {
    id: ID,
    created_at: TIME,
    updated_at: TIME,
    deleted_at: null,
    owner_id: ID,
    workspace_id: ID,
    name: "Politeness",
    description: "",
    model_name: "mistral-medium-latest",
    output,
    instructions: "Is {{ assistant_message }} polite?",
    tools: [],
    up_revision: null,
    down_revision: null,
    base_revision: null,
  };
}

const DEFINITION = {
  name: "Politeness",
  description: "",
  modelName: "mistral-medium-latest",
  instructions: "Is it polite?",
  tools: [],
};
const CLASSIFICATION = {
  type: "CLASSIFICATION",
  options: [{ value: "polite", description: "It is." }],
};

async function fetched(output) {
  const { client } = await scripted(() => judge(output));
  return (await client.judges.fetch({ judgeId: ID })).output;
}

test("the output of a judge is read by its type", async () => {
  const classes = await fetched(CLASSIFICATION);
  assert.ok(classes instanceof JudgeClassificationOutput);
  assert.deepEqual([classes.type, classes.options[0].value], ["CLASSIFICATION", "polite"]);
  const scale = await fetched({
    type: "REGRESSION",
    min: 0.5,
    min_description: "bad",
    max_description: "good",
    more: 1,
  });
  assert.ok(scale instanceof JudgeRegressionOutput);
  assert.deepEqual([scale.min, scale.max, scale.maxDescription], [0.5, null, "good"]);
  assert.equal(
    JSON.stringify(scale),
    '{"type":"REGRESSION","min":0.5,"min_description":"bad","max_description":"good","more":1}',
  );
});

test("an output of an unknown type is kept and not sent", async () => {
  const ranking = { type: "RANKING", n: 3, secret: "Grüße" };
  const output = await fetched(ranking);
  assert.ok(output instanceof UnknownVariant);
  assert.deepEqual([output.type, output.isUnknown, output.raw], ["UNKNOWN", true, ranking]);
  assert.equal(JSON.stringify({ output }), JSON.stringify({ output: ranking }));
  assert.equal(inspect(output), "UnknownVariant [41 characters of JSON]");
  await failure(nowhere().judges.create({ ...DEFINITION, output }), ValidationError, {
    message: "output: this version does not know the object's type, so it cannot be sent",
  });
});

test("invalid outputs are refused with their path", async () => {
  const { judges, datasets } = nowhere();
  const scale = { type: "REGRESSION", minDescription: "bad", maxDescription: "good" };
  for (const [output, message] of [
    [5, "output: expected an object, found 5"],
    [{}, "output: missing property `type`"],
    [{ type: "RANKING" }, 'output.type: expected "CLASSIFICATION" or "REGRESSION", found a string'],
    [{ type: "CLASSIFICATION" }, "output: missing property `options`"],
    [{ type: "CLASSIFICATION", options: {} }, "output.options: expected an array, found an object"],
    [
      { ...CLASSIFICATION, options: [{ value: "a", description: "b" }, { value: 5 }] },
      "output.options[1].value: expected a string, found 5",
    ],
    [
      { ...scale, min_description: "bad" },
      "output: unknown property `min_description`; did you mean `minDescription`?",
    ],
    [{ ...scale, min: NaN }, "output.min: expected a number, found NaN"],
    // These limits are checked by the native module.
    [{ ...scale, min: -1 }, "output.min: expected at least 0, found -1"],
    [{ ...scale, max: 1e9 }, "output.max: expected less than 1000000000, found 1000000000"],
    [RawJson.from("{}"), "output: missing property `type`"],
  ]) {
    await failure(judges.create({ ...DEFINITION, output }), ValidationError, { message });
  }
  const judgeDefinition = { ...DEFINITION, name: "tone", output: CLASSIFICATION };
  await failure(datasets.records.judge({ datasetRecordId: ID, judgeDefinition }), ValidationError, {
    message: "judgeDefinition.name: expected 5 to 50 characters, found 4",
  });
  const { modelName, ...incomplete } = judgeDefinition;
  assert.ok(modelName);
  await failure(
    datasets.records.judge({ datasetRecordId: ID, judgeDefinition: incomplete }),
    ValidationError,
    { message: "judgeDefinition: missing property `modelName`" },
  );
});

test("a judge is created and updated with objects in camelCase", async () => {
  const { client, requests } = await scripted(() => judge(CLASSIFICATION), 201);
  await client.judges.create({ ...DEFINITION, output: CLASSIFICATION });
  const { modelName: model_name, ...rest } = DEFINITION;
  assert.deepEqual(requests[0].body, { ...rest, model_name, output: CLASSIFICATION });
  const response = await scripted(() => undefined, 204);
  const read = await client.judges.create({ ...DEFINITION, output: CLASSIFICATION });
  const { name, description, modelName, instructions, tools, output } = read;
  const fields = { name: `${name}!`, description, modelName, instructions, tools, output };
  assert.equal(await response.client.judges.update({ judgeId: ID, ...fields }), undefined);
  assert.equal(response.requests[0].method, "PUT");
  assert.deepEqual(response.requests[0].body.output, CLASSIFICATION);
});

test("a judge that was read is a definition", async () => {
  const output = { ...CLASSIFICATION, later: { kept: 1.5 } };
  const { client } = await scripted(() => ({ ...judge(output), more: "not sent" }));
  const judgeDefinition = await client.judges.fetch({ judgeId: ID });
  for (const answer of ["3", 3.5]) {
    const { client, requests } = await scripted(() => ({ analysis: "Private.", answer }));
    const result = await client.datasets.records.judge({ datasetRecordId: ID, judgeDefinition });
    assert.equal(result.answer, answer);
    assert.doesNotMatch(inspect(result), /Private/);
    const { name, description, model_name, instructions, tools } = judge();
    assert.deepEqual(requests[0].body, {
      judge_definition: { name, description, model_name, instructions, tools, output },
    });
  }
});

test("messages and properties of a conversation keep their names", async () => {
  const messages = [
    { role: "user", content: "Hello", toolCallId: 1, tool_call_id: "c1" },
    RawJson.from('{"role": "tool", "n": 12345678901234567890}'),
  ];
  const properties = { aB: { a_b: [null] } };
  const { client, requests } = await scripted(() => ({ analysis: "", answer: 1 }));
  await client.judges.judgeConversation({ judgeId: ID, messages, properties });
  assert.equal(
    requests[0].text,
    '{"messages":[{"role":"user","content":"Hello","toolCallId":1,"tool_call_id":"c1"},' +
      '{"role": "tool", "n": 12345678901234567890}],"properties":{"aB":{"a_b":[null]}}}',
  );
  await failure(
    client.judges.judgeConversation({ judgeId: ID, messages: [{}, 5] }),
    ValidationError,
    {
      message: "messages[1]: expected an object, found 5",
    },
  );
  await failure(
    client.judges.judgeConversation({ judgeId: ID, messages: [{ content: { at: NaN } }] }),
    ValidationError,
    { message: "messages[0].content.at: NaN is not a JSON number" },
  );
});

test("judges are filtered by repeated parameters", async () => {
  const page = { results: [judge(CLASSIFICATION)], count: 1, next: null, previous: null };
  const { client, requests } = await scripted(() => ({ judges: page }));
  const request = { typeFilter: ["REGRESSION", "LATER"], modelFilter: ["a", "b c"], q: "tone" };
  const { judges } = await client.judges.list(request);
  assert.equal(judges.results[0].createdAt.toRFC3339(), TIME);
  const query = requests[0].url.searchParams;
  assert.deepEqual(query.getAll("type_filter"), request.typeFilter);
  assert.deepEqual(query.getAll("model_filter"), request.modelFilter);
  const items = [];
  for await (const { id } of client.judges.iter(request)) items.push(id);
  assert.deepEqual(items, [ID]);
  await failure(client.judges.list({ typeFilter: "REGRESSION" }), ValidationError, {
    message: "typeFilter: expected an array, found a string",
  });
});
