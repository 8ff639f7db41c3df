// Behaviour cases: judges.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ConflictError,
  JudgeClassificationOutput,
  JudgeRegressionOutput,
  NotFoundError,
  ValidationError,
} from "mistral-datasets";

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
