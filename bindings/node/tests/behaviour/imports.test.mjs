// Behaviour cases: import tasks.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { NotFoundError, RecordSource, TaskStatus } from "mistral-datasets";

import { failure, Fixture } from "../support/fixture.mjs";

test("import_from_file", async () => {
  const fixture = await Fixture.start();
  const dataset = await fixture.dataset();
  const fileId = await fixture.file(
    '{"payload": {"messages": [{"role": "user", "content": "B"}], "n": 1.0}, "properties": {"z": 1, "a": 2}}\n\n' +
      '{"messages": [{"role": "user", "content": "A"}]}\r\n' +
      '{"messages": [], "properties": {"last": true}}',
  );
  const started = await fixture.datasets.importFromFile({ datasetId: dataset.id, fileId });
  assert.deepEqual([started.status, started.datasetId], [TaskStatus.RUNNING, dataset.id]);
  const task = await fixture.finished(started);
  assert.deepEqual([task.status, task.progress], [TaskStatus.COMPLETED, 100]);
  assert.deepEqual(
    { ...task.result },
    { requestedRecordCount: 3, importedRecordCount: 3, skippedRecordCount: 0 },
  );
  const [first, second, third] = await fixture.records(dataset);
  assert.equal(first.payloadText, '{"messages": [{"role": "user", "content": "B"}], "n": 1.0}');
  assert.equal(first.propertiesText, '{"z": 1, "a": 2}');
  assert.deepEqual(second.payload, { messages: [{ role: "user", content: "A" }] });
  assert.deepEqual([second.properties, third.properties], [{}, { last: true }]);
  for (const { source } of [first, second, third]) assert.equal(source, RecordSource.UPLOADED_FILE);
});

test("import_from_file_is_all_or_nothing", async () => {
  const fixture = await Fixture.start();
  const dataset = await fixture.dataset();
  const good = '{"messages": [{"role": "user", "content": "fine"}]}';
  for (const bad of ['{"messages": 5}', "{", '{"properties": {}}', "[]", '{"payload": []}']) {
    const fileId = await fixture.file([good, good, bad, good, ""].join("\n"));
    const task = await fixture.finished(
      await fixture.datasets.importFromFile({ datasetId: dataset.id, fileId }),
    );
    assert.equal(task.status, TaskStatus.FAILED, bad);
    assert.match(task.message, /line 3/);
    assert.deepEqual(await fixture.records(dataset), []);
  }
});

/** Two completion events. */
const EVENTS = ["one", "two"].map((question, index) => ({
  requestMessages: [{ role: "user", content: question }],
  responseMessages: [{ role: "assistant", content: String(index + 1) }],
}));

test("import_from_explorer", async () => {
  const fixture = await Fixture.served();
  const dataset = await fixture.dataset();
  const completionEventIds = await fixture.local.insertEvents(EVENTS);
  await fixture.done(
    await fixture.datasets.importFromExplorer({ datasetId: dataset.id, completionEventIds }),
  );
  const records = await fixture.records(dataset);
  assert.deepEqual([records.length, records[0].source], [2, RecordSource.EXPLORER]);
  const contents = records[0].payload.messages.map(({ content }) => content);
  assert.deepEqual(contents, ["one", "1"]);
});

test("import_from_campaign", async () => {
  const fixture = await Fixture.served();
  const dataset = await fixture.dataset();
  const events = await fixture.local.insertEvents(EVENTS);
  const campaignId = await fixture.local.insertCampaign("Week 1", events);
  await fixture.done(
    await fixture.datasets.importFromCampaign({ datasetId: dataset.id, campaignId }),
  );
  assert.equal((await fixture.records(dataset)).length, 2);
});

test("import_from_playground", async () => {
  const fixture = await Fixture.served();
  const dataset = await fixture.dataset();
  const conversations = [{ messages: [{ role: "user", content: "played" }] }];
  const conversationIds = await fixture.local.insertConversations(conversations);
  const datasetId = dataset.id;
  await fixture.done(await fixture.datasets.importFromPlayground({ datasetId, conversationIds }));
  const records = await fixture.records(dataset);
  assert.deepEqual([records.length, records[0].source], [1, RecordSource.PLAYGROUND]);

  const nothing = await fixture.datasets.importFromPlayground({ datasetId, conversationIds: [] });
  assert.equal((await fixture.done(nothing)).importedRecordCount, 0);
});

test("import_from_dataset_records", async () => {
  const fixture = await Fixture.start();
  const from = await fixture.dataset();
  const to = await fixture.dataset();
  const first = await fixture.record(from, "first");
  const second = await fixture.record(from, "second");
  const datasetRecordIds = [second.id, first.id];
  await fixture.done(
    await fixture.datasets.importFromDatasetRecords({ datasetId: to.id, datasetRecordIds }),
  );
  const copies = await fixture.records(to);
  const texts = (records) => records.map((record) => [record.payloadText, record.propertiesText]);
  assert.deepEqual(texts(copies), texts([second, first]));
  for (const { id } of copies) assert.ok(!datasetRecordIds.includes(id));
  assert.equal((await fixture.records(from)).length, 2);
});

test("import_from_unknown_sources_is_rejected", async () => {
  const fixture = await Fixture.start();
  const { datasets } = fixture;
  const { id: datasetId } = await fixture.dataset();
  const unknown = randomUUID();
  for (const call of [
    () => datasets.importFromFile({ datasetId, fileId: unknown }),
    () => datasets.importFromExplorer({ datasetId, completionEventIds: [unknown] }),
    () => datasets.importFromCampaign({ datasetId, campaignId: unknown }),
    () => datasets.importFromPlayground({ datasetId, conversationIds: [unknown] }),
    () => datasets.importFromDatasetRecords({ datasetId, datasetRecordIds: [unknown] }),
    () => datasets.importFromFile({ datasetId: unknown, fileId: unknown }),
  ]) {
    await failure(call(), NotFoundError, { status: 404 });
  }
  assert.equal((await datasets.listTasks({ datasetId })).tasks.count, 0);
});

test("list_tasks", async () => {
  const fixture = await Fixture.start();
  const { id: datasetId } = await fixture.dataset();
  const ids = [];
  for (let number = 0; number < 3; number++) {
    const fileId = await fixture.file("");
    const task = await fixture.datasets.importFromFile({ datasetId, fileId });
    ids.unshift((await fixture.finished(task)).id);
  }
  const { count, next, results } = (await fixture.datasets.listTasks({ datasetId, pageSize: 2 }))
    .tasks;
  assert.deepEqual([count, next !== null], [3, true]);
  assert.deepEqual(
    results.map(({ id }) => id),
    ids.slice(0, 2),
  );
});

test("fetch_unknown_task", async () => {
  const fixture = await Fixture.start();
  const { id: datasetId } = await fixture.dataset();
  await failure(fixture.datasets.fetchTask({ datasetId, taskId: randomUUID() }), NotFoundError, {
    errorCode: "DATASET_TASK_NOT_FOUND",
  });
});
