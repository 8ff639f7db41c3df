// What `mistral-datasets/testing` gives to tests of other people's code.

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

test("workspaces do not meet", async () => {
  const [one, other] = [server.workspace(), server.workspace()];
  await one.client.datasets.create(REFUNDS);
  await one.injectFault({ status: 503, operation: "fetch_dataset", times: null });
  assert.equal((await other.client.datasets.list()).datasets.count, 0);
  assert.deepEqual(await other.faults(), []);
  assert.deepEqual(
    (await other.requests()).map(({ operation }) => operation),
    ["list_datasets"],
  );
  // Whoever has the key is in the same workspace.
  const same = connectLocal(one.url, one.apiKey);
  assert.equal((await same.client.datasets.list()).datasets.count, 1);
  // Closing one leaves the server to the others.
  await one.close();
  assert.equal((await same.client.datasets.list()).datasets.count, 1);
});

test("a sequence of faults is seen in the journal", async () => {
  const local = server.workspace();
  const before = Date.now();
  const headers = { "retry-after": "0" };
  const [refused, lost] = await local.injectFault([
    { status: 503, headers, operation: "create_dataset", times: 2 },
    { truncateAfterBytes: 3, operation: "list_datasets" },
  ]);
  const client = local.client.withOptions({ retries: { firstDelayMs: 1 } });
  await client.datasets.create(REFUNDS);
  assert.equal((await client.datasets.list()).datasets.count, 1);
  const requests = await local.requests();
  assert.deepEqual(
    requests.map(({ number, operation, status, fault }) => [number, operation, status, fault]),
    [
      [1, "create_dataset", 503, refused.id],
      [2, "create_dataset", 503, refused.id],
      [3, "create_dataset", 201, null],
      [4, "list_datasets", 200, lost.id],
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

test("slow, broken and lost responses, and the end of faults", async () => {
  const local = server.workspace();
  const once = local.client.withOptions({ retries: 1 });
  await local.injectFault({ delayMs: 60_000 });
  await failure(once.datasets.list({}, { timeoutMs: 20 }), TimeoutError);
  await local.injectFault({ resetAfterBytes: 0 });
  await failure(once.datasets.list(), ConnectionError);
  await local.injectFault({ drip: { bytes: 1_000, intervalMs: 1 } });
  assert.equal((await once.datasets.list()).datasets.count, 0);
  // It is refused, but was carried out, as by a proxy that gave up too soon.
  await local.injectFault({ status: 504, carryOut: true });
  await failure(once.datasets.create(REFUNDS), MistralError, { ambiguous: true });
  assert.equal((await once.datasets.list()).datasets.count, 1);
  const body = { detail: "gone" };
  await local.injectFault({ status: 404, body, method: "GET", route: "/v1/files", times: null, skip: 1 });
  await once.files.list();
  assert.match((await failure(once.files.list(), NotFoundError)).message, /gone/);
  await local.clearFaults();
  await once.files.list();
});

test("tasks that fail or do not end", async () => {
  const local = server.workspace();
  const { datasets } = local.client;
  const { id: datasetId } = await datasets.create(REFUNDS);
  const completionEventIds = await local.insertEvents([
    { eventId: "event-1", requestMessages: [], responseMessages: [] },
  ]);
  assert.deepEqual(completionEventIds, ["event-1"]);
  await local.injectFault([{ task: { fail: "no more room" } }, { task: { stuck: true } }]);
  await local.injectFault({ task: { delayMs: 200 } });
  const request = { datasetId, completionEventIds };
  const failed = datasets.importFromExplorer({ ...request, wait: true });
  assert.match((await failure(failed, TaskFailedError)).message, /no more room/);
  const stuck = await datasets.importFromExplorer(request);
  const late = await datasets.importFromExplorer({ ...request, wait: true });
  assert.equal(late.status, "COMPLETED");
  const { status } = await datasets.fetchTask({ datasetId, taskId: stuck.id });
  assert.equal(status, "RUNNING");
});

test("a rule that cannot be meant is refused by its member", async () => {
  const local = server.workspace();
  const refused = (rule) => failure(local.injectFault(rule), ValidationError);
  assert.match((await refused({ status: 503, operation: "createRecord" })).message, /^operation: /);
  assert.match((await refused({})).message, /the rule has no effect/);
  assert.match((await refused({ statsu: 503 })).message, /statsu/);
  assert.deepEqual(await local.faults(), []);
});

test("a workspace that is reset is as at first", async () => {
  const local = server.workspace();
  await local.client.datasets.create(REFUNDS);
  await local.injectFault({ status: 503, times: null });
  await local.reset();
  assert.deepEqual([await local.requests(), await local.faults()], [[], []]);
  assert.equal((await local.client.datasets.list()).datasets.count, 0);
});

test("any other client uses the workspace", async () => {
  const local = server.workspace();
  const other = new Mistral({ apiKey: local.apiKey, serverURL: local.url });
  await other.datasets.create(REFUNDS);
  const headers = { authorization: `Bearer ${local.environment.MISTRAL_API_KEY}` };
  const url = `${local.environment.MISTRAL_SERVER_URL}/v1/observability/datasets`;
  assert.equal((await (await fetch(url, { headers })).json()).datasets.count, 1);
  await local.client.close();
  assert.equal((await local.requests()).length, 2);
});

test("a server of its own, and its end", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "mistral-datasets-"));
  t.after(() => rm(directory, { recursive: true }));
  const newest = await startLocal({ directory, generation: "g3" });
  const { datasets } = newest.client;
  const { id: datasetId } = await datasets.create(REFUNDS);
  await datasets.createRecord({ datasetId, payload: { anything: 1 }, properties: {} });
  // A request that would take a minute does not keep the server from ending.
  await newest.injectFault({ delayMs: 60_000 });
  const slow = fetch(`${newest.url}/v1/observability/datasets`, {
    headers: { authorization: `Bearer ${newest.apiKey}` },
  });
  slow.catch(() => {});
  while ((await newest.requests()).length < 3);
  const began = Date.now();
  await newest.close();
  await newest.close();
  assert.ok(Date.now() - began < 5_000);
  await assert.rejects(slow);
  await failure(newest.requests(), ConnectionError);

  const again = await startLocal({ directory: pathToFileURL(directory) });
  const same = again.workspace(newest.apiKey);
  assert.equal((await same.client.datasets.list()).datasets.count, 1);
  if (Symbol.asyncDispose) await again[Symbol.asyncDispose]();
  else await again.close();
  assert.equal(inspect(again), `LocalWorkspace { url: '${again.url}' }`);
});

test("what cannot be meant is refused", async () => {
  await failure(startLocal({ generation: "g4" }), ConfigurationError);
  await failure(startLocal({ directory: 5 }), ConfigurationError);
  assert.throws(() => connectLocal("no address"), ConfigurationError);
  assert.throws(() => server.workspace(""), ConfigurationError);
});
