// Behaviour cases: the embedded server.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { ClosedError, ConfigurationError, ConnectionError, Mistral } from "mistral-datasets";

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
