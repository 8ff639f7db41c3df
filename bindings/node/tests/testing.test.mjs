// `mistral-datasets/testing`: workspaces, fault injection and recorded requests.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";

import {
  ConfigurationError,
  ConnectionError,
  Mistral,
  MistralError,
  NotFoundError,
  TaskFailedError,
  TimeoutError,
  ValidationError,
} from "mistral-datasets";
import { connectLocal, startLocal } from "mistral-datasets/testing";

import { failure } from "./support/fixture.mjs";

const server = await startLocal();
after(() => server.close());

const REFUNDS = { name: "Refund requests", description: "" };

test("workspaces are isolated", async () => {
  const [one, other] = [server.workspace(), server.workspace()];
  await one.client.datasets.create(REFUNDS);
  await one.injectFault({ status: 503, operation: "fetch_dataset", times: null });
  assert.equal((await other.client.datasets.list()).datasets.count, 0);
  assert.deepEqual(await other.faults(), []);
  assert.deepEqual(
    (await other.requests()).map(({ operation }) => operation),
    ["list_datasets"],
  );
  // The same key leads to the same workspace.
  const same = connectLocal(one.url, one.apiKey);
  assert.equal((await same.client.datasets.list()).datasets.count, 1);
  // Closing one workspace does not stop the server.
  await one.close();
  assert.equal((await same.client.datasets.list()).datasets.count, 1);
});

test("recorded requests show a sequence of faults", async () => {
  const local = server.workspace();
  const before = Date.now();
  const headers = { "retry-after": "0" };
  const [rejected, truncated] = await local.injectFault([
    { status: 503, headers, operation: "create_dataset", times: 2 },
    { truncateAfterBytes: 3, operation: "list_datasets" },
  ]);
  const client = local.client.withOptions({ retry: { firstDelayMs: 1 } });
  await client.datasets.create(REFUNDS);
  assert.equal((await client.datasets.list()).datasets.count, 1);
  const requests = await local.requests();
  assert.deepEqual(
    requests.map(({ number, operation, status, fault }) => [number, operation, status, fault]),
    [
      [1, "create_dataset", 503, rejected.id],
      [2, "create_dataset", 503, rejected.id],
      [3, "create_dataset", 201, null],
      [4, "list_datasets", 200, truncated.id],
      [5, "list_datasets", 200, null],
    ],
  );
  const [first] = requests;
  assert.deepEqual([first.method, first.path], ["POST", "/v1/observability/datasets"]);
  assert.ok(first.requestBytes > 20 && first.elapsedMs >= 0);
  assert.ok(before <= first.startedAt && first.startedAt <= Date.now());
  assert.equal(first.headers["content-type"], "application/json");
  assert.ok(!inspect([requests, local], { depth: null }).includes(local.apiKey));
  assert.deepEqual(await local.requests("list_datasets"), requests.slice(3));
  assert.deepEqual(
    (await local.faults()).map(({ matched, applied, rule }) => [matched, applied, rule.status]),
    [
      [2, 2, 503],
      [1, 1, undefined],
    ],
  );
  await local.clearRequests();
  assert.deepEqual(await local.requests(), []);
});

test("delayed, reset and truncated responses, and clearing faults", async () => {
  const local = server.workspace();
  const once = local.client.withOptions({ maxRetries: 0 });
  await local.injectFault({ delayMs: 60_000 });
  await failure(once.datasets.list({}, { timeoutMs: 20 }), TimeoutError);
  await local.injectFault({ resetAfterBytes: 0 });
  await failure(once.datasets.list(), ConnectionError);
  await local.injectFault({ drip: { bytes: 1_000, intervalMs: 1 } });
  assert.equal((await once.datasets.list()).datasets.count, 0);
  // The request is carried out although it fails, as with a proxy timeout.
  await local.injectFault({ status: 504, carryOut: true });
  await failure(once.datasets.create(REFUNDS), MistralError, { ambiguous: true });
  assert.equal((await once.datasets.list()).datasets.count, 1);
  const body = { detail: "gone" };
  await local.injectFault({
    status: 404,
    body,
    method: "GET",
    route: "/v1/files",
    times: null,
    skip: 1,
  });
  await once.files.list();
  assert.match((await failure(once.files.list(), NotFoundError)).message, /gone/);
  await local.clearFaults();
  await once.files.list();
});

test("failing, stuck and delayed tasks", async () => {
  const local = server.workspace();
  const { datasets } = local.client;
  const { id: datasetId } = await datasets.create(REFUNDS);
  const completionEventIds = await local.insertEvents([
    { eventId: "event-1", requestMessages: [], responseMessages: [] },
  ]);
  assert.deepEqual(completionEventIds, ["event-1"]);
  await local.injectFault([{ task: { fail: "disk full" } }, { task: { stuck: true } }]);
  await local.injectFault({ task: { delayMs: 200 } });
  const request = { datasetId, completionEventIds };
  const failed = datasets.importFromExplorer({ ...request, wait: true });
  assert.match((await failure(failed, TaskFailedError)).message, /disk full/);
  const stuck = await datasets.importFromExplorer(request);
  const delayed = await datasets.importFromExplorer({ ...request, wait: true });
  assert.equal(delayed.status, "COMPLETED");
  const { status } = await datasets.fetchTask({ datasetId, taskId: stuck.id });
  assert.equal(status, "RUNNING");
});

test("an invalid rule is rejected with the name of the property", async () => {
  const local = server.workspace();
  const rejected = (rule) => failure(local.injectFault(rule), ValidationError);
  assert.match(
    (await rejected({ status: 503, operation: "createRecord" })).message,
    /^local: operation: /,
  );
  assert.match((await rejected({})).message, /the rule has no effect/);
  assert.match((await rejected({ statsu: 503 })).message, /statsu/);
  assert.deepEqual(await local.faults(), []);
});

test("reset clears the workspace", async () => {
  const local = server.workspace();
  await local.client.datasets.create(REFUNDS);
  await local.injectFault({ status: 503, times: null });
  await local.reset();
  assert.deepEqual([await local.requests(), await local.faults()], [[], []]);
  assert.equal((await local.client.datasets.list()).datasets.count, 0);
});

test("other clients can use the workspace", async () => {
  const local = server.workspace();
  const other = new Mistral({ apiKey: local.apiKey, serverURL: local.url });
  await other.datasets.create(REFUNDS);
  const headers = { authorization: `Bearer ${local.environment.MISTRAL_API_KEY}` };
  const url = `${local.environment.MISTRAL_SERVER_URL}/v1/observability/datasets`;
  assert.equal((await (await fetch(url, { headers })).json()).datasets.count, 1);
  await local.client.close();
  assert.equal((await local.requests()).length, 2);
});

test("a server on disk can be stopped and restarted", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "mistral-datasets-"));
  t.after(() => rm(directory, { recursive: true }));
  const newest = await startLocal({ directory, generation: "g3" });
  const { datasets } = newest.client;
  const { id: datasetId } = await datasets.create(REFUNDS);
  await datasets.createRecord({ datasetId, payload: { anything: 1 }, properties: {} });
  // The third generation has no campaigns.
  await failure(newest.client.campaigns.list(), NotFoundError);
  await newest.clearRequests();
  // A pending request does not delay the shutdown.
  await newest.injectFault({ delayMs: 60_000 });
  const slow = fetch(`${newest.url}/v1/observability/datasets`, {
    headers: { authorization: `Bearer ${newest.apiKey}` },
  });
  slow.catch(() => {});
  while ((await newest.requests()).length < 1);
  const began = Date.now();
  await newest.close();
  await newest.close();
  assert.ok(Date.now() - began < 5_000);
  await assert.rejects(slow);
  await failure(newest.requests(), ConnectionError);

  const restarted = await startLocal({ directory: pathToFileURL(directory) });
  const same = restarted.workspace(newest.apiKey);
  assert.equal((await same.client.datasets.list()).datasets.count, 1);
  assert.equal((await same.client.campaigns.list()).campaigns.count, 0);
  if (Symbol.asyncDispose) await restarted[Symbol.asyncDispose]();
  else await restarted.close();
  assert.equal(inspect(restarted), `LocalWorkspace { url: '${restarted.url}' }`);
});

test("invalid options are rejected", async () => {
  await failure(startLocal({ generation: "g4" }), ConfigurationError);
  await failure(startLocal({ judgeUrl: "no URL" }), ConfigurationError);
  await failure(startLocal({ folder: "." }), ConfigurationError);
  await failure(startLocal({ directory: 5 }), ConfigurationError);
  assert.throws(() => connectLocal("not a URL"), ConfigurationError);
  assert.throws(() => server.workspace(""), ConfigurationError);
});
