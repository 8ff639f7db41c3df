// Behaviour cases: waiting for import tasks.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import {
  CancelledError,
  NotFoundError,
  TaskFailedError,
  TaskStatus,
  TimeoutError,
} from "mistral-datasets";

import { failure, Fixture } from "../support/fixture.mjs";

/** Starts an import. */
async function startImport(fixture, content, rest = {}) {
  const { id: datasetId } = await fixture.dataset();
  const fileId = await fixture.file(content);
  return fixture.datasets.importFromFile({ datasetId, fileId, ...rest });
}

/** Returns the JSON of a task with another status. */
const withStatus = (task, status) => ({ ...task.toJSON(), status });

const countPolls = async (fixture) =>
  (await fixture.operations()).filter((name) => name === "fetch_task").length;

test("wait_for_a_task", async () => {
  const fixture = await Fixture.start();
  const two = '{"messages": []}\n{"messages": []}\n';
  const task = await startImport(fixture, two);
  const seen = [];
  const done = await task.wait({ onProgress: ({ status }) => void seen.push(status) });
  assert.deepEqual([done.status, done.progress], [TaskStatus.COMPLETED, 100]);
  assert.equal(done.result.importedRecordCount, 2);
  assert.equal(seen.at(-1), TaskStatus.COMPLETED);
  assert.equal((await startImport(fixture, two, { wait: true })).status, TaskStatus.COMPLETED);
  const { value, response } = await task.refresh().withResponse();
  assert.deepEqual([value.id, response.status], [task.id, 200]);
  // Methods and internals are neither printed nor spread.
  assert.doesNotMatch(inspect(task, { depth: null }), /refresh|native/i);
  assert.ok(!("wait" in { ...task }));
  const stop = new Error("enough");
  await assert.rejects(
    task.wait({
      onProgress() {
        throw stop;
      },
    }),
    stop,
  );
});

test("wait_raises_for_a_failed_task", async () => {
  const fixture = await Fixture.served();
  const imported = startImport(fixture, '{"messages": []}\nnot JSON\n', { wait: true });
  const error = await failure(imported, TaskFailedError, { kind: "task_failed" });
  const { task } = error;
  assert.equal(task.status, TaskStatus.FAILED);
  assert.ok(error.message.includes(task.message), error.message);
  for (const status of ["CANCELED", "TERMINATED", "TIMED_OUT"]) {
    await fixture.injectFault({ operation: "fetch_task", body: withStatus(task, status) });
    const handle = fixture.datasets.task({ datasetId: task.datasetId, taskId: task.id });
    assert.equal((await failure(handle.wait(), TaskFailedError)).task.status, status);
  }
  assert.equal((await task.refresh()).status, TaskStatus.FAILED);
});

test("wait_times_out", async () => {
  const fixture = await Fixture.served();
  const task = await startImport(fixture, '{"messages": []}\n');
  const fault = { operation: "fetch_task", body: withStatus(task, "RUNNING"), times: null };
  await fixture.injectFault(fault);
  const error = await failure(task.wait({ timeoutMs: 250, pollIntervalMs: 20 }), TimeoutError);
  assert.equal(error.task.id, task.id);
  const count = await countPolls(fixture);
  assert.ok(count >= 3 && count <= 12, String(count));
  const reason = new Error("no time");
  const stop = new AbortController();
  setTimeout(() => stop.abort(reason), 50);
  const began = performance.now();
  const waiting = task.wait({ pollIntervalMs: 10_000, signal: stop.signal });
  const cancelled = await failure(waiting, CancelledError, { cause: reason });
  assert.ok(performance.now() - began < 2_000);
  assert.equal(cancelled.kind, "cancelled");
});

test("wait_polls_through_unknown_statuses", async () => {
  const fixture = await Fixture.served();
  const task = await startImport(fixture, '{"messages": []}\n');
  for (const status of ["UNKNOWN", "CONTINUED_AS_NEW", "RESTING"]) {
    await fixture.injectFault({ operation: "fetch_task", body: withStatus(task, status) });
  }
  assert.equal((await task.wait({ pollIntervalMs: 5 })).status, TaskStatus.COMPLETED);
  assert.ok((await countPolls(fixture)) >= 4);
});

test("task_from_saved_ids", async () => {
  const fixture = await Fixture.start();
  const { id: taskId, datasetId } = await startImport(fixture, '{"messages": []}\n');
  const handle = fixture.datasets.task({ datasetId, taskId });
  assert.deepEqual([handle.datasetId, handle.id], [datasetId, taskId]);
  assert.equal((await handle.wait()).id, taskId);
  assert.equal((await handle.refresh()).status, TaskStatus.COMPLETED);
  const unknown = fixture.datasets.task({ datasetId, taskId: datasetId });
  await failure(unknown.refresh(), NotFoundError, { errorCode: "DATASET_TASK_NOT_FOUND" });
});
