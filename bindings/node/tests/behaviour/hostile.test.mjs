// Behaviour cases: compressed responses, and logging.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { brotliCompressSync, gzipSync } from "node:zlib";

import { MistralError } from "mistral-datasets";

import { canned } from "../support/canned.mjs";
import { failure, Fixture } from "../support/fixture.mjs";

test("compressed_responses_are_decoded", async () => {
  const text = '{"datasets": {"count": 3, "results": []}}';
  for (const [encoding, body] of [
    ["gzip", gzipSync(text)],
    ["br", brotliCompressSync(text)],
  ]) {
    const { client, requests } = await canned({ body, headers: { "content-encoding": encoding } });
    const { value, response } = await client.datasets.list().withResponse();
    assert.equal(value.datasets.count, 3);
    assert.equal(Buffer.from(response.body).toString(), text);
    assert.ok(requests[0].headers["accept-encoding"].includes(encoding));
  }
  const headers = { "content-encoding": "gzip" };
  const { client } = await canned({ body: "not gzip", headers });
  await failure(client.datasets.list({}, { maxRetries: 0 }), MistralError);
});

test("calls_are_logged_without_secrets", async () => {
  const events = [];
  const record = (level) => (message, facts) => void events.push({ level, message, ...facts });
  const levels = ["debug", "info", "warn", "error"];
  const logger = Object.fromEntries(levels.map((level) => [level, record(level)]));
  const fixture = await Fixture.served({ logger });
  const withoutLogger = new Fixture(fixture.client, fixture.local);
  const dataset = await fixture.dataset();
  await fixture.record(dataset, "the conversation");
  await fixture.injectFault({
    operation: "list_datasets",
    status: 503,
    headers: { "retry-after": "0" },
  });
  await fixture.datasets.list();
  for await (const { id } of fixture.datasets.iterRecords({ datasetId: dataset.id })) {
    assert.ok(id);
  }
  const { fileUrl } = await fixture.datasets.exportToJsonl({ datasetId: dataset.id });
  await (await fixture.client.openLink(fileUrl)).text();
  await fixture.datasets.export({ datasetId: dataset.id, to: () => {} });
  // Events arrive in a later iteration of the event loop.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const responses = events.filter(({ message }) => message === "mistral-datasets: response");
  const operations = new Set(responses.map(({ operation }) => operation));
  for (const name of ["create_dataset", "create_record", "list_datasets", "list_records"]) {
    assert.ok(operations.has(name), `${name} is not in ${inspect(operations)}`);
  }
  const [created] = responses;
  assert.deepEqual([created.level, created.status], ["debug", 201]);
  assert.ok(created.requestId && Number.isFinite(created.elapsedMs));
  assert.ok(events.some(({ level, message }) => level === "warn" && message.endsWith("retry")));
  const printed = inspect(events, { depth: null, maxArrayLength: null });
  const { search } = new URL(fileUrl);
  for (const secret of [fixture.key, "the conversation", search, search.slice(-20)]) {
    assert.ok(!printed.includes(secret), secret);
  }

  // A logger receives only events of its own client, and its errors are ignored.
  const before = events.length;
  const throwing = () => {
    throw new Error("failed");
  };
  const other = Object.fromEntries(levels.map((level) => [level, throwing]));
  await withoutLogger.client.withOptions({ logger: other }).datasets.list();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(events.length, before);
});
