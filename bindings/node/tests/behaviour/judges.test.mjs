// Behaviour cases: judges and campaigns.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import {
  ConflictError,
  JudgeClassificationOutput,
  JudgeRegressionOutput,
  NotFoundError,
  TaskStatus,
  ValidationError,
  field,
} from "mistral-datasets";
import { startLocal } from "mistral-datasets/testing";

import { canned } from "../support/canned.mjs";
import { all, failure, Fixture } from "../support/fixture.mjs";

const JUDGE = {
  name: "Politeness",
  description: "Whether the answer is polite",
  modelName: "large",
  instructions: "Is it polite? {{ assistant_message }}",
  output: {
    type: "CLASSIFICATION",
    options: [
      { value: "polite", description: "It is." },
      { value: "rude", description: "It is not." },
    ],
  },
  tools: [],
};

const SCALE = {
  ...JUDGE,
  name: "Closeness",
  modelName: "small",
  output: { type: "REGRESSION", min: 0, max: 10, minDescription: "far", maxDescription: "near" },
};

test("judge_crud", async () => {
  const { judges } = (await Fixture.start()).client;
  const classes = await judges.create(JUDGE);
  const scale = await judges.create(SCALE);
  assert.ok(classes.output instanceof JudgeClassificationOutput);
  assert.deepEqual(
    classes.output.options.map(({ value }) => value),
    ["polite", "rude"],
  );
  assert.ok(scale.output instanceof JudgeRegressionOutput);
  assert.deepEqual([scale.output.max, scale.output.maxDescription], [10, "near"]);
  assert.deepEqual(await judges.fetch({ judgeId: classes.id }), classes);

  const names = async (filters) => (await all(judges.iter(filters))).map(({ name }) => name);
  assert.deepEqual(await names({ pageSize: 1 }), ["Closeness", "Politeness"]);
  assert.deepEqual(await names({ typeFilter: ["REGRESSION"] }), ["Closeness"]);
  assert.deepEqual(await names({ modelFilter: ["large", "medium"] }), ["Politeness"]);
  assert.deepEqual(await names({ q: "POLITE", typeFilter: ["REGRESSION"] }), []);

  // What was read can be sent again.
  const changed = { ...SCALE, output: scale.output, instructions: "Is it close?" };
  assert.equal(await judges.update({ judgeId: scale.id, ...changed }), undefined);
  const updated = await judges.fetch({ judgeId: scale.id });
  assert.deepEqual([updated.instructions, updated.output], ["Is it close?", scale.output]);
  await failure(judges.update({ judgeId: scale.id, ...changed }), ConflictError, {
    errorCode: "JUDGE_DID_NOT_CHANGE",
  });
  await failure(judges.create(JUDGE), ConflictError, { errorCode: "JUDGE_NAME_ALREADY_EXISTS" });
  const broken = { ...JUDGE, name: "Broken", instructions: "{% if %}" };
  await failure(judges.create(broken), ValidationError, { errorCode: "TEMPLATE_SYNTAX_ERROR" });

  assert.equal(await judges.delete({ judgeId: scale.id }), undefined);
  await failure(judges.fetch({ judgeId: scale.id }), NotFoundError, {
    status: 404,
    errorCode: "JUDGE_NOT_FOUND",
  });
  assert.deepEqual(await names({}), ["Politeness"]);
});

test("campaign_judges_events", async () => {
  const content = JSON.stringify({ analysis: "It is.", answer: "polite" });
  const message = { role: "assistant", content };
  const chat = await canned({ body: JSON.stringify({ choices: [{ message }] }) });
  const local = await startLocal({ judgeUrl: `${chat.url}/v1` });
  after(() => local.close());
  const fixture = new Fixture(local.client, local);
  const { campaigns, chatCompletionEvents, judges } = local.client;
  const { id: judgeId } = await judges.create(JUDGE);
  const definition = {
    searchParams: field("model_name").eq("large"),
    judgeId,
    name: "Large models",
    description: "",
    maxNbEvents: 10,
  };
  await failure(campaigns.create(definition), ValidationError, {
    errorCode: "CAMPAIGN_NO_MATCHING_EVENTS",
  });

  await fixture.send("traces");
  const { id: campaignId, judge, maxNbEvents } = await campaigns.create(definition);
  assert.deepEqual([judge.id, maxNbEvents], [judgeId, 10]);
  const statuses = [];
  const status = await campaigns.wait({ campaignId, onProgress: (s) => void statuses.push(s) });
  assert.deepEqual([status, statuses.at(-1)], [TaskStatus.COMPLETED, TaskStatus.COMPLETED]);

  const annotation = `__judge_${judgeId}`;
  const events = await all(campaigns.iterEvents({ campaignId, pageSize: 1 }));
  const answers = events.map(({ extraFields }) => extraFields[annotation]);
  assert.deepEqual(answers, ["polite", "polite"]);
  const searchParams = field(annotation).eq("polite");
  const { completionEventIds } = await chatCompletionEvents.searchIds({ searchParams });
  assert.equal(completionEventIds.length, 2);
  const dataset = await fixture.dataset();
  await fixture.datasets.importFromCampaign({ datasetId: dataset.id, campaignId, wait: true });
  const records = await fixture.records(dataset);
  const imported = records.map(({ properties }) => properties[annotation]);
  assert.deepEqual(imported, ["polite", "polite"]);

  assert.equal(await campaigns.delete({ campaignId }), undefined);
  await failure(campaigns.fetch({ campaignId }), NotFoundError, {
    errorCode: "CAMPAIGN_NOT_FOUND",
  });
});
