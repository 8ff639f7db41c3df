// Behaviour cases: unusual values that are accepted, in responses and as names of directories.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { DecodingError, Mistral } from "mistral-datasets";

import { canned } from "../support/canned.mjs";
import { failure } from "../support/fixture.mjs";

const ID = "00000000-0000-0000-0000-000000000000";

test("unusual_values_in_responses_are_read", async () => {
  for (const [body, count] of [
    ['{"datasets": {"count": 0.0, "results": []}}', 0],
    ['\ufeff{"datasets": {"count": 2e0}}', 2],
  ]) {
    const { client } = await canned({ body });
    assert.equal((await client.datasets.list()).datasets.count, count);
  }
  const { client: fractional } = await canned({ body: '{"datasets": {"count": 0.5}}' });
  await failure(fractional.datasets.list(), DecodingError);

  const dataset = {
    id: ID,
    created_at: "2025-12-17T10:25:07.5",
    updated_at: "2025-12-17 10:25:07",
    deleted_at: null,
    name: "Refund requests",
    description: "",
    owner_id: ID,
    workspace_id: ID,
  };
  const { client } = await canned({ body: JSON.stringify(dataset) });
  const { createdAt, updatedAt } = await client.datasets.fetch({ datasetId: ID });
  assert.equal(createdAt.toRFC3339(), "2025-12-17T10:25:07.500000Z");
  assert.equal(updatedAt.toRFC3339(), "2025-12-17T10:25:07.000000Z");

  const file =
    '{"id": "f", "object": "file", "bytes": 3.0, "created_at": 1.0, "filename": "a", "purpose": "batch"';
  const { client: files } = await canned({
    body: `\ufeff${file}, "sample_type": "batch_request", "source": "upload"}`,
  });
  const uploaded = await files.files.upload({ file: { fileName: "a", content: "abc" } });
  assert.equal(uploaded.bytes, 3);
  const { client: failing } = await canned({ status: 404, body: '\ufeff{"message": "gone"}' });
  assert.match((await failure(failing.datasets.list(), Error)).message, /gone/);
});

test("local_directories_with_unusual_names", async (t) => {
  if (process.platform === "win32") {
    t.skip("these names are not allowed on Windows");
    return;
  }
  const names = [
    "file:odd",
    "file:x#y",
    "a?b",
    ":memory:",
    "%41",
    "file::memory:?cache=shared",
    "é b",
  ];
  const folder = mkdtempSync(join(tmpdir(), "names-"));
  const previous = process.cwd();
  // Only a relative path can start with `file:`.
  process.chdir(folder);
  t.after(() => {
    process.chdir(previous);
    rmSync(folder, { recursive: true });
  });
  for (const name of names) {
    const first = await Mistral.local(name);
    const created = await first.datasets.create({ name: "Refund requests", description: "" });
    await first.close();
    const second = await Mistral.local(join(folder, name));
    assert.deepEqual(await second.datasets.fetch({ datasetId: created.id }), created);
    await second.close();
  }
  assert.deepEqual(readdirSync(folder).sort(), [...names].sort());
});
