// Behaviour cases: the embedded server.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { ClosedError, ConfigurationError, ConnectionError, Mistral } from "mistral-datasets";

import { canned } from "../support/canned.mjs";
import { failure } from "../support/fixture.mjs";

test("local_server_in_memory", async () => {
  const mistral = await Mistral.local();
  const { datasets, serverURL } = mistral;
  assert.equal(mistral.beta.observability.datasets, datasets);
  const { id: datasetId } = await datasets.create({ name: "Refund requests", description: "" });
  await datasets.createRecord({ datasetId, payload: { messages: [] }, properties: {} });
  assert.equal((await datasets.listRecords({ datasetId })).records.count, 1);
  await mistral.close();
  await mistral.close();
  await failure(datasets.list(), ClosedError);
  await failure(new Mistral({ apiKey: "k", serverURL }).datasets.list(), ConnectionError);
});

test("local_server_on_disk", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "local-"));
  t.after(() => rm(folder, { recursive: true }));
  const data = join(folder, "data");
  const first = await Mistral.local(data);
  const dataset = await first.datasets.create({ name: "Refund requests", description: "" });
  // The data directory is locked.
  await failure(Mistral.local(data), ConfigurationError);
  await first.close();

  const second = await Mistral.local(pathToFileURL(data));
  assert.deepEqual(await second.datasets.fetch({ datasetId: dataset.id }), dataset);
  await second[Symbol.asyncDispose]();
});

test("local_server_with_a_judge", async () => {
  const content = JSON.stringify({ analysis: "It is.", answer: "rude" });
  const chat = await canned({ body: JSON.stringify({ choices: [{ message: { content } }] }) });
  const mistral = await Mistral.local({
    judgeUrl: new URL(`${chat.url}/v1`),
    judgeKey: "the judge key",
    judgeTimeoutMs: 20_000,
    judgeModels: { "judge-model": "small" },
  });
  const { datasets } = mistral;
  const { id: datasetId } = await datasets.create({ name: "Refund requests", description: "" });
  const payload = { messages: [{ role: "user", content: "This is rude!" }] };
  const record = await datasets.createRecord({ datasetId, payload, properties: {} });
  const judgeDefinition = {
    name: "tone of it",
    description: "",
    modelName: "judge-model",
    output: { type: "CLASSIFICATION", options: [{ value: "rude", description: "" }] },
    instructions: "{{ user_message }}",
    tools: [],
  };
  const judged = await datasets.records.judge({ datasetRecordId: record.id, judgeDefinition });
  assert.deepEqual([judged.answer, judged.analysis], ["rude", "It is."]);
  const [{ url, headers }] = chat.requests;
  assert.deepEqual([url, headers.authorization], ["/v1/chat/completions", "Bearer the judge key"]);
  await mistral.close();

  for (const [options, message] of [
    [{ judgeUrl: "my secret" }, /the judge URL is invalid/],
    [{ judgeUrl: "https://host/v1?key=secret" }, /the judge URL must not have a query/],
    [{ judgeUrl: "http://host", judgeKey: "my\nsecret" }, /the judge key/],
    [{ judgeUrl: "http://host", judgeKey: 5 }, /^judgeKey: expected a string, found 5/],
    [{ judgeUrl: "http://host", judgeTimeoutMs: 0 }, /^judgeTimeoutMs: expected a positive/],
    [{ judgeUrl: "http://host", judgeModels: { m: 1 } }, /^judgeModels: .* at `m`/],
    [{ judgeKey: "secret" }, /^judgeKey: requires `judgeUrl`/],
    [{ judgeURL: "secret" }, /did you mean `judgeUrl`/],
  ]) {
    const error = await failure(Mistral.local(options), ConfigurationError);
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /secret/);
  }
});
