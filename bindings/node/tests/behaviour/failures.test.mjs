// Behaviour cases: configuration and connection errors, and secrets.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import {
  AuthenticationError,
  ConfigurationError,
  ConnectionError,
  Mistral,
  TimeoutError,
  ValidationError,
} from "mistral-datasets";

import { canned } from "../support/canned.mjs";
import { failure, nowhere } from "../support/fixture.mjs";
import { served } from "../support/served.mjs";

test("missing_key_is_a_configuration_error", () => {
  // A blank key, because the environment may contain a valid one.
  assert.throws(
    () => new Mistral({ apiKey: " " }),
    (error) => error instanceof ConfigurationError && /MISTRAL_API_KEY/.test(error.message),
  );
});

test("rejected_key_is_an_authentication_error", async () => {
  const serverURL = await served("--api-key", "right");
  const wrong = new Mistral({ apiKey: "wrong", serverURL });
  const error = await failure(wrong.datasets.list(), AuthenticationError, {
    status: 401,
    errorCode: "AUTH_UNAUTHORIZED",
  });
  assert.match(error.hint, /key/);
  await new Mistral({ apiKey: "right", serverURL }).datasets.list();
});

test("unreachable_server_is_a_connection_error", async () => {
  const client = nowhere();
  for (const call of [
    () => client.datasets.list(),
    () => client.files.download({ fileId: "file" }),
    () => client.files.upload({ file: { fileName: "a", content: "b" } }),
    () => client.openLink("http://127.0.0.1:9/link?signature=abc"),
  ]) {
    const error = await failure(call(), ConnectionError, { status: null, retryable: true });
    assert.match(error.message, /127\.0\.0\.1:9/);
    assert.ok(error.operation && error.hint);
    assert.ok(error.cause instanceof Error);
    assert.doesNotMatch(inspect(error, { depth: null }), /signature/);
  }
});

test("slow_server_is_a_timeout_error", async () => {
  const { url } = await canned({ body: '{"datasets": {"count": 0}}', delay: 20_000 });
  const client = new Mistral({ apiKey: "k", serverURL: url, timeoutMs: 100 });
  for (const call of [
    () => client.datasets.list(),
    () => client.files.download({ fileId: "file" }),
    () => client.files.upload({ file: { fileName: "a", content: "b" } }),
  ]) {
    await failure(call(), TimeoutError, { retryable: true });
  }
});

test("secrets_stay_out_of_errors", async () => {
  const body = '{"detail": [{"loc": ["body"], "msg": "bad", "input": "the conversation"}]}';
  const { client, url } = await canned({ status: 422, body });
  const payload = { messages: [{ role: "user", content: "the conversation" }] };
  const request = { datasetId: "d", payload, properties: {} };
  const rejected = await failure(client.datasets.createRecord(request), ValidationError, { body });
  const link = `${url}/file?signature=the-signature`;
  const expired = await failure(client.openLink(link), ValidationError);
  const unserializable = await failure(
    client.datasets.createRecord({ ...request, properties: { of: "the conversation", n: 1n } }),
    ValidationError,
  );
  for (const value of [client, client.datasets, rejected, expired, unserializable]) {
    const printed = inspect(value, { depth: null, showHidden: true }) + String(value);
    assert.doesNotMatch(printed, /the key|the conversation|the-signature/);
  }

  const times = { created_at: "2025-12-17T10:25:07Z", updated_at: "2025-12-17T10:25:07Z" };
  const id = "019b2bd7-96e7-7219-8c0b-45a73da50088";
  const record = {
    id,
    ...times,
    dataset_id: id,
    payload,
    properties: {},
    source: "S",
    more: payload,
  };
  const fetch = async (body, call) => call((await canned({ body: JSON.stringify(body) })).client);
  for (const response of [
    await fetch(record, ({ datasets }) => datasets.records.fetch({ datasetRecordId: id })),
    await fetch({ records: { count: 1, results: [record] } }, ({ datasets }) =>
      datasets.listRecords({ datasetId: id }),
    ),
    await fetch({ file_url: link }, ({ datasets }) => datasets.exportToJsonl({ datasetId: id })),
    await fetch({ url: link }, ({ files }) => files.getSignedUrl({ fileId: "f" })),
  ]) {
    const printed = inspect(response, { depth: null });
    assert.doesNotMatch(printed, /the conversation|the-signature/);
    assert.match(printed, /\[\d+ characters/);
  }
});

test("key_is_not_sent_to_other_hosts", async () => {
  const other = await canned({ body: '{"datasets": {"count": 3}}', host: "localhost" });
  const otherHost = `${other.url}/elsewhere`;
  const first = await canned({ status: 307, headers: { location: otherHost } });
  assert.equal((await first.client.datasets.list()).datasets.count, 3);
  await first.client.openLink(otherHost);
  assert.equal(first.requests[0].headers.authorization, "Bearer the key");
  assert.equal(other.requests.length, 2);
  for (const { headers } of other.requests) assert.equal(headers.authorization, undefined);
  await failure(first.client.openLink("file:///etc/hosts"), ValidationError);
});
