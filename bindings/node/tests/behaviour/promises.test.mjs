// Behaviour cases: redirects, retry and transfers that must not lose, repeat or reveal anything.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import {
  ConfigurationError,
  ConflictError,
  DecodingError,
  Mistral,
  MistralError,
  NotFoundError,
  RateLimitError,
} from "mistral-datasets";

import { canned } from "../support/canned.mjs";
import { failure, Fixture } from "../support/fixture.mjs";

test("redirected_writes_are_refused", async () => {
  const other = await canned({ status: 204 });
  for (const [status, location] of [
    [307, other.url],
    [302, "/moved"],
  ]) {
    const { client, url, requests } = await canned({ status, headers: { location } });
    const target = status === 307 ? other.url : url;
    for (const call of [
      () => client.datasets.create({ name: "Refund requests", description: "" }),
      () => client.datasets.delete({ datasetId: "a-dataset" }),
    ]) {
      const error = await failure(call(), ConfigurationError, { attempts: 1 });
      assert.ok(error.message.includes(target), error.message);
      assert.match(error.hint, /server_url/);
    }
    assert.equal(requests.length, 2);
  }
  assert.equal(other.requests.length, 0);
});

test("redirect_loops_end_a_call", async () => {
  const { client, requests } = await canned({ status: 307, headers: { location: "/again" } });
  await failure(client.datasets.list(), DecodingError, { attempts: 1 });
  assert.equal(requests.length, 2);
});

test("redirected_reads_drop_headers", async () => {
  const other = await canned({ body: '{"datasets": {"count": 3}}' });
  const { url, requests } = await canned({ status: 302, headers: { location: other.url } });
  const client = new Mistral({ apiKey: "the key", serverURL: url, headers: { "X-Team": "blue" } });
  assert.equal((await client.datasets.list()).datasets.count, 3);
  const [[first], [second]] = [requests, other.requests];
  assert.deepEqual(
    [first.headers.authorization, first.headers["x-team"]],
    ["Bearer the key", "blue"],
  );
  assert.deepEqual(
    [second.headers.authorization, second.headers["x-team"]],
    [undefined, undefined],
  );
});

test("lost_deletion_succeeds", async () => {
  const fixture = await Fixture.served();
  const { id } = await fixture.dataset();
  const fileId = await fixture.file("{}\n");
  for (const operation of ["delete_dataset", "delete_file"]) {
    await fixture.injectFault({ operation, carryOut: true, resetAfterBytes: 0 });
  }
  const { response } = await fixture.datasets.delete({ datasetId: id }).withResponse();
  assert.equal(response.attempts, 2);
  const deleted = await fixture.files.delete({ fileId });
  assert.deepEqual([deleted.id, deleted.deleted], [fileId, true]);
  await failure(fixture.datasets.delete({ datasetId: id }), NotFoundError);
});

test("unavailable_writes_are_retried_unless_disabled", async () => {
  const fixture = await Fixture.served();
  const fault = { operation: "create_dataset", status: 503, headers: { "retry-after": "0" } };
  await fixture.injectFault(fault);
  await fixture.dataset();
  await fixture.injectFault(fault);
  const request = { name: "Refund requests", description: "" };
  const retry = { retryUnavailableWrites: false };
  const call = fixture.datasets.create(request, { retry });
  await failure(call, MistralError, { attempts: 1, ambiguous: true });
});

test("retry_policies_merge", async () => {
  const fixture = await Fixture.served();
  await fixture.injectFault({ operation: "list_datasets", status: 500, times: null });
  const once = fixture.client.withOptions({ maxRetries: 1 });
  const call = once.datasets.list({}, { retry: { firstDelayMs: 0 } });
  await failure(call, MistralError, { attempts: 2 });
});

test("retry_budget_is_reported", async () => {
  const fixture = await Fixture.served();
  await fixture.injectFault({ operation: "list_datasets", status: 500, times: null });
  const retry = { maxRetries: 10_000, firstDelayMs: 0, maxDelayMs: 0 };
  const error = await failure(fixture.datasets.list({}, { retry }), MistralError);
  assert.match(String(error), /retry budget/);
  assert.ok(error.attempts > 50 && error.attempts < 500, `${error.attempts} attempts`);
});

test("bulk_creation_obeys_max_retries", async () => {
  const fixture = await Fixture.served();
  const { id } = await fixture.dataset();
  await fixture.injectFault({ operation: "create_record", status: 429, times: null });
  for (const [maxRetries, attempts] of [
    [undefined, 10],
    [2, 3],
    [0, 1],
  ]) {
    await fixture.requests();
    const retry = { maxRetries, firstDelayMs: 0, maxDelayMs: 0 };
    const records = [{ payload: { messages: [] }, properties: {} }];
    const call = fixture.datasets.createRecords(
      { datasetId: id, records, strategy: "single" },
      { retry },
    );
    await failure(call, RateLimitError, { attempts });
    assert.equal((await fixture.requests()).length, attempts);
  }
});

test("stream_uploads_are_not_retried", async () => {
  const fixture = await Fixture.served();
  const headers = { "retry-after": "30" };
  await fixture.injectFault({ operation: "upload_file", status: 429, headers, times: null });
  const content = (async function* () {
    yield Buffer.from("{}\n");
  })();
  const started = Date.now();
  const call = fixture.files.upload({ file: { fileName: "a.jsonl", content } });
  await failure(call, RateLimitError, { attempts: 1 });
  assert.ok(Date.now() - started < 10_000);
});

/** Makes the next download break after the first record, and continue with another file. */
async function replaceExport(fixture, datasetId) {
  const { fileUrl } = await fixture.datasets.exportToJsonl({ datasetId });
  const text = await (await fixture.client.openLink(fileUrl)).text();
  const body = '{"payload": {}, "properties": {"text": "other"}}\n'.repeat(3);
  await fixture.injectFault([
    { operation: "open_link", truncateAfterBytes: Buffer.from(text).indexOf("\n") + 20 },
    { operation: "open_link", status: 200, headers: { etag: '"other"' }, body },
  ]);
}

test("export_of_a_changed_file_is_a_conflict", async (context) => {
  const fixture = await Fixture.served();
  const dataset = await fixture.dataset();
  const datasetId = dataset.id;
  for (const text of ["first", "second", "third"]) await fixture.record(dataset, text);

  await replaceExport(fixture, datasetId);
  const records = fixture.datasets.exportRecords({ datasetId })[Symbol.asyncIterator]();
  assert.equal((await records.next()).value.properties.text, "first");
  await failure(records.next(), ConflictError);

  await replaceExport(fixture, datasetId);
  await failure(fixture.datasets.export({ datasetId, to: () => {} }), ConflictError);

  // A file is started again.
  await replaceExport(fixture, datasetId);
  const directory = mkdtempSync(join(tmpdir(), "mistral-datasets-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const to = join(directory, "export.jsonl");
  assert.equal((await fixture.datasets.export({ datasetId, to })).records, 3);
});
