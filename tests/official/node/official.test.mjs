// Tests all dataset and file operations of the unmodified official SDK against a running local server.
//
// MISTRAL_SERVER_URL is the URL of `mistral-datasets serve`. The server must accept any API key, because each test uses its own
// workspace.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Mistral } from "@mistralai/mistralai";
import { ObservabilityError } from "@mistralai/mistralai/models/errors";

import {
  BYE,
  HELLO,
  JUDGE,
  OPERATIONS,
  UNKNOWN,
  Workspace,
  rejectsWith,
  called,
  contents,
  ids,
  allItems,
  pageLinks,
  fetchSignedUrl,
  read,
  rejects,
  rejectsUntyped,
  serverURL,
  text,
} from "./workspace.mjs";

test("the SDK has exactly the expected operations", () => {
  const { client } = new Workspace();
  const groups = {
    datasets: client.beta.observability.datasets,
    records: client.beta.observability.datasets.records,
    files: client.files,
  };
  for (const [name, group] of Object.entries(groups)) {
    const properties = Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(group)));
    const methods = properties.filter(([name, { value }]) => value && name !== "constructor").map(([name]) => name);
    assert.deepEqual(methods.sort(), OPERATIONS[name]);
  }
});

// Datasets

test("create a dataset", async () => {
  const created = await new Workspace().datasets.create({ name: "Support chats", description: "Übersee 🌊" });
  assert.deepEqual([created.name, created.description], ["Support chats", "Übersee 🌊"]);
  for (const id of [created.id, created.ownerId, created.workspaceId]) assert.match(id, /^[0-9a-f-]{36}$/);
  assert.equal(created.deletedAt, null);
  assert.ok(Math.abs(created.createdAt.getTime() - Date.now()) < 60_000);
  assert.deepEqual(created.updatedAt, created.createdAt);
});

test("fetch a dataset", async () => {
  const api = new Workspace();
  const dataset = await api.dataset();
  assert.deepEqual(await api.datasets.fetch({ datasetId: dataset.id }), dataset);
});

test("update changes only the given fields", async () => {
  const api = new Workspace();
  const { id: datasetId, description } = await api.dataset();
  const renamed = await api.datasets.update({ datasetId, updateDatasetRequest: { name: "Sales chats" } });
  assert.deepEqual([renamed.name, renamed.description], ["Sales chats", description]);
  const described = await api.datasets.update({ datasetId, updateDatasetRequest: { name: null, description: "" } });
  assert.deepEqual([described.name, described.description], ["Sales chats", ""]);
  assert.equal((await api.datasets.update({ datasetId, updateDatasetRequest: {} })).name, "Sales chats");
  assert.equal((await api.datasets.fetch({ datasetId })).name, "Sales chats");
});

test("delete a dataset", async () => {
  const api = new Workspace();
  const dataset = await api.dataset();
  const record = await api.record(dataset);
  assert.equal(await api.datasets.delete({ datasetId: dataset.id }), undefined);
  await rejects(404, "DATASET_NOT_FOUND", api.datasets.fetch({ datasetId: dataset.id }));
  await rejects(404, "DATASET_RECORD_NOT_FOUND", api.records.fetch({ datasetRecordId: record.id }));
  assert.equal((await api.datasets.list()).datasets.count, 0);
});

test("list datasets in pages, newest first", async () => {
  const api = new Workspace();
  const created = [];
  for (let number = 0; number < 5; number++) created.push(await api.dataset(`Dataset ${number}`));
  const pages = [];
  for (const page of [1, 2, 3]) pages.push((await api.datasets.list({ pageSize: 2, page })).datasets);
  assert.deepEqual(ids(allItems(pages)), ids(created).reverse());
  for (const page of pages) assert.equal(page.count, 5);
  assert.deepEqual(pageLinks(pages), [">", "<>", "<"]);
});

test("search datasets", async () => {
  const api = new Workspace();
  for (const name of ["Alpha & omega", "Beta blockers", "ALPHA two"]) await api.dataset(name);
  const names = async (q) => (await api.datasets.list({ q })).datasets.results.map((dataset) => dataset.name);
  assert.deepEqual(await names("alpha"), ["ALPHA two", "Alpha & omega"]);
  assert.deepEqual(await names("a & o"), ["Alpha & omega"]);
  assert.equal((await names("customers")).length, 3);
  assert.deepEqual(await names("nothing"), []);
});

test("list datasets with page size 0 returns only the count", async () => {
  const api = new Workspace();
  await api.dataset();
  const { count, results } = (await api.datasets.list({ pageSize: 0 })).datasets;
  assert.deepEqual([count, results ?? []], [1, []]);
});

// Records

test("create a record", async () => {
  const api = new Workspace();
  const dataset = await api.dataset();
  const record = await api.record(dataset, HELLO, { channel: "web", score: null });
  assert.deepEqual([record.datasetId, record.source, record.deletedAt], [dataset.id, "DIRECT_INPUT", null]);
  assert.deepEqual(record.payload, HELLO);
  assert.deepEqual(record.properties, { channel: "web", score: null });
});

test("create a record with a source", async () => {
  const api = new Workspace();
  const { id: datasetId } = await api.dataset();
  const createDatasetRecordRequest = { payload: HELLO, properties: {}, source: "TELEMETRY_SPAN" };
  const record = await api.datasets.createRecord({ datasetId, createDatasetRecordRequest });
  assert.equal(record.source, "TELEMETRY_SPAN");
});

test("unusual values are preserved", async () => {
  const api = new Workspace();
  const unusual = {
    zebra: 5e-324,
    messages: [{ role: "user", content: "\u0000\u001f\u2028 𝒳🧑\u200d🚀 \\\"'" }, {}],
    big: Number.MAX_SAFE_INTEGER,
    float: 0.1,
    apple: { z: [[], {}, null, true], a: "" },
  };
  const record = await api.record(await api.dataset(), unusual, unusual);
  const { payload, properties } = await api.records.fetch({ datasetRecordId: record.id });
  assert.equal(JSON.stringify(payload), JSON.stringify(unusual));
  assert.equal(JSON.stringify(properties), JSON.stringify(unusual));
});

test("list records in pages, in order", async () => {
  const api = new Workspace();
  const dataset = await api.dataset();
  const created = [];
  for (let number = 0; number < 5; number++) created.push(await api.record(dataset, HELLO, { number }));
  const pages = [];
  for (const page of [1, 2, 3]) {
    pages.push((await api.datasets.listRecords({ datasetId: dataset.id, pageSize: 2, page })).records);
  }
  assert.deepEqual(allItems(pages), created);
  for (const page of pages) assert.equal(page.count, 5);
  assert.deepEqual(pageLinks(pages), [">", "<>", "<"]);
});

test("fetch a record", async () => {
  const api = new Workspace();
  const record = await api.record(await api.dataset());
  assert.deepEqual(await api.records.fetch({ datasetRecordId: record.id }), record);
});

test("update a payload", async () => {
  const api = new Workspace();
  const { id: datasetRecordId } = await api.record(await api.dataset(), HELLO, { kept: true });
  const updateDatasetRecordPayloadRequest = { payload: BYE };
  assert.equal(await api.records.updatePayload({ datasetRecordId, updateDatasetRecordPayloadRequest }), undefined);
  const read = await api.records.fetch({ datasetRecordId });
  assert.deepEqual([read.payload, read.properties], [BYE, { kept: true }]);
});

test("update properties", async () => {
  const api = new Workspace();
  const { id: datasetRecordId } = await api.record(await api.dataset(), HELLO, { replaced: true });
  const updateDatasetRecordPropertiesRequest = { properties: { new: [1, 2.5] } };
  const response = await api.records.updateProperties({ datasetRecordId, updateDatasetRecordPropertiesRequest });
  assert.equal(response, undefined);
  const read = await api.records.fetch({ datasetRecordId });
  assert.deepEqual([read.payload, read.properties], [HELLO, { new: [1, 2.5] }]);
});

test("delete a record", async () => {
  const api = new Workspace();
  const dataset = await api.dataset();
  const [deleted, kept] = [await api.record(dataset), await api.record(dataset)];
  assert.equal(await api.records.delete({ datasetRecordId: deleted.id }), undefined);
  await rejects(404, "DATASET_RECORD_NOT_FOUND", api.records.fetch({ datasetRecordId: deleted.id }));
  assert.deepEqual(ids(await api.listed(dataset)), [kept.id]);
});

test("delete several records", async () => {
  const api = new Workspace();
  const dataset = await api.dataset();
  const [first, kept, last] = [await api.record(dataset), await api.record(dataset), await api.record(dataset)];
  assert.equal(await api.records.bulkDelete({ datasetRecordIds: [first.id, last.id] }), undefined);
  assert.deepEqual(ids(await api.listed(dataset)), [kept.id]);
});

test("bulk delete is atomic", async () => {
  const api = new Workspace();
  const dataset = await api.dataset();
  const record = await api.record(dataset);
  const datasetRecordIds = [record.id, UNKNOWN];
  await rejects(404, "DATASET_RECORD_NOT_FOUND", api.records.bulkDelete({ datasetRecordIds }));
  assert.deepEqual(ids(await api.listed(dataset)), [record.id]);
});

test("judge a record", async () => {
  const api = new Workspace();
  const record = await api.record(await api.dataset(), { messages: [{ role: "user", content: "A rude question" }] });
  const judgeDatasetRecordRequest = { judgeDefinition: JUDGE };
  const judged = await api.records.judge({ datasetRecordId: record.id, judgeDatasetRecordRequest });
  assert.ok(["polite", "rude"].includes(judged.answer), judged.answer);
  assert.ok(judged.analysis);
});

// Files

test("upload and retrieve a file", async () => {
  const api = new Workspace();
  const content = new TextEncoder().encode("{}\n{}\n");
  const file = await api.files.upload({ file: { fileName: "chäts.jsonl", content } });
  assert.deepEqual([file.object, file.filename, file.sizeBytes], ["file", "chäts.jsonl", 6]);
  assert.ok(Math.abs(file.createdAt - Date.now() / 1000) < 60);
  assert.deepEqual(await api.files.retrieve({ fileId: file.id }), { ...file, deleted: false });
});

test("upload a Blob, a File and a stream", async () => {
  const api = new Workspace();
  const content = Uint8Array.from({ length: 1_280_000 }, (_, index) => index % 256);
  const blob = new Blob([content]);
  const options = { purpose: "fine-tune", expiry: 48, visibility: "user" };
  for (const [source, name] of [
    [blob, "blob"],
    [new File([content], "file.bin"), "file.bin"],
    [{ fileName: "stream.bin", content: blob.stream() }, "stream.bin"],
  ]) {
    const file = await api.files.upload({ file: source, ...options });
    assert.deepEqual([file.filename, file.sizeBytes, file.purpose], [name, content.length, "fine-tune"]);
    assert.deepEqual(await read(await api.files.download({ fileId: file.id })), content);
  }
});

test("list files", async () => {
  const api = new Workspace();
  const uploaded = [];
  for (const name of ["one", "two"]) {
    uploaded.push(await api.files.upload({ file: new File(["{}"], `${name}.jsonl`) }));
  }
  const page = await api.files.list();
  assert.deepEqual([page.object, page.total], ["list", 2]);
  assert.deepEqual(ids(page.data), ids(uploaded).reverse());
  const names = async (filter) => (await api.files.list(filter)).data.map((file) => file.filename);
  assert.deepEqual(await names({ page: 1, pageSize: 1 }), ["one.jsonl"]);
  assert.deepEqual(await names({ search: "TWO" }), ["two.jsonl"]);
});

test("download a file", async () => {
  const api = new Workspace();
  const { id: fileId } = await api.upload(HELLO);
  assert.equal(text(await read(await api.files.download({ fileId }))), `${JSON.stringify(HELLO)}\n`);
});

test("a signed URL does not require an API key", async () => {
  const api = new Workspace();
  const { id: fileId } = await api.upload(HELLO);
  for (const expiry of [undefined, 1]) {
    const { url } = await api.files.getSignedUrl({ fileId, expiry });
    assert.deepEqual(JSON.parse(text(await fetchSignedUrl(url))), HELLO);
  }
});

test("delete a file", async () => {
  const api = new Workspace();
  const { id: fileId } = await api.upload(HELLO);
  assert.deepEqual(await api.files.delete({ fileId }), { id: fileId, object: "file", deleted: true });
  await rejectsUntyped(404, api.files.retrieve({ fileId }));
  assert.equal((await api.files.list()).total, 0);
});

// Imports, tasks and exports

test("import from a file", async () => {
  const api = new Workspace();
  const dataset = await api.dataset();
  const file = await api.upload(
    { ...HELLO, properties: { form: "A" } },
    { payload: BYE, properties: { form: "B" } },
    HELLO,
  );
  const task = await api.importFile(dataset, file);
  assert.deepEqual([task.datasetId, task.workspaceId], [dataset.id, dataset.workspaceId]);
  await api.imported(task);
  const records = await api.listed(dataset);
  assert.deepEqual(contents(records), [
    [HELLO, { form: "A" }],
    [BYE, { form: "B" }],
    [HELLO, {}],
  ]);
  for (const record of records) assert.equal(record.source, "UPLOADED_FILE");
});

test("a file with an invalid line fails without importing records", async () => {
  const api = new Workspace();
  const dataset = await api.dataset();
  const task = await api.finished(await api.importFile(dataset, await api.upload(HELLO, { messages: "none" })));
  assert.equal(task.status, "FAILED");
  assert.match(task.message, /line 2/);
  assert.equal((await api.datasets.listRecords({ datasetId: dataset.id })).records.count, 0);
});

test("import from the playground", async () => {
  const api = new Workspace();
  const dataset = await api.dataset();
  const inserted = await api.insertFixture("conversations", [HELLO, BYE]);
  const conversationIds = inserted.map((conversation) => conversation.conversation_id);
  const importDatasetFromPlaygroundRequest = { conversationIds };
  await api.imported(
    await api.datasets.importFromPlayground({ datasetId: dataset.id, importDatasetFromPlaygroundRequest }),
  );
  const records = await api.listed(dataset);
  assert.deepEqual(
    records.map((record) => record.payload.messages),
    [HELLO.messages, BYE.messages],
  );
  for (const record of records) assert.equal(record.source, "PLAYGROUND");
});

test("import from dataset records", async () => {
  const api = new Workspace();
  const [dataset, target] = [await api.dataset(), await api.dataset("Another one")];
  const copied = [
    await api.record(dataset, HELLO, { payload: "hello" }),
    await api.record(dataset, BYE, { payload: "bye" }),
  ];
  const importDatasetFromDatasetRequest = { datasetRecordIds: ids(copied) };
  await api.imported(
    await api.datasets.importFromDatasetRecords({ datasetId: target.id, importDatasetFromDatasetRequest }),
  );
  const records = await api.listed(target);
  assert.deepEqual(contents(records), contents(copied));
  assert.ok(ids(records).every((id) => !ids(copied).includes(id)));
});

test("imports from unknown sources are rejected immediately", async () => {
  const api = new Workspace();
  const { id: datasetId } = await api.dataset();
  for (const call of [
    () => api.datasets.importFromFile({ datasetId, importDatasetFromFileRequest: { fileId: UNKNOWN } }),
    () =>
      api.datasets.importFromPlayground({
        datasetId,
        importDatasetFromPlaygroundRequest: { conversationIds: ["nowhere"] },
      }),
  ]) {
    assert.equal((await rejectsWith(ObservabilityError, call)).statusCode, 404);
  }
  const importDatasetFromDatasetRequest = { datasetRecordIds: [UNKNOWN] };
  await rejects(
    404,
    "DATASET_RECORD_NOT_FOUND",
    api.datasets.importFromDatasetRecords({ datasetId, importDatasetFromDatasetRequest }),
  );
  assert.equal((await api.datasets.listTasks({ datasetId })).tasks.count, 0);
});

test("list tasks, newest first", async () => {
  const api = new Workspace();
  const dataset = await api.dataset();
  const file = await api.upload(HELLO);
  const tasks = [];
  for (let run = 0; run < 3; run++) tasks.push(await api.imported(await api.importFile(dataset, file)));
  const pages = [];
  for (const page of [1, 2]) {
    pages.push((await api.datasets.listTasks({ datasetId: dataset.id, pageSize: 2, page })).tasks);
  }
  assert.deepEqual(allItems(pages), tasks.reverse());
  for (const page of pages) assert.equal(page.count, 3);
  assert.deepEqual(pageLinks(pages), [">", "<"]);
});

test("an exported dataset can be imported again", async () => {
  const api = new Workspace();
  const [dataset, target] = [await api.dataset(), await api.dataset("Copied dataset")];
  await api.record(dataset, HELLO, { number: 7 });
  await api.record(dataset, { ...BYE, more: [1.5, "🌊"] }, {});
  const { fileUrl } = await api.datasets.exportToJsonl({ datasetId: dataset.id });
  const exported = await fetchSignedUrl(fileUrl);
  const lines = text(exported).trimEnd().split("\n").map(JSON.parse);
  const [first, second] = contents(lines);
  assert.deepEqual(first, [HELLO, { number: 7 }]);
  assert.deepEqual(second, [{ ...BYE, more: [1.5, "🌊"] }, {}]);

  const file = await api.files.upload({ file: { fileName: "export.jsonl", content: exported } });
  await api.imported(await api.importFile(target, file));
  assert.deepEqual(contents(await api.listed(target)), contents(await api.listed(dataset)));
});

// Failures

test("unknown datasets are not found", async () => {
  const { datasets } = new Workspace();
  const datasetId = UNKNOWN;
  for (const call of [
    () => datasets.fetch({ datasetId }),
    () => datasets.update({ datasetId, updateDatasetRequest: { name: "Any name" } }),
    () => datasets.delete({ datasetId }),
    () => datasets.listRecords({ datasetId }),
    () => datasets.createRecord({ datasetId, createDatasetRecordRequest: { payload: HELLO, properties: {} } }),
    () => datasets.importFromFile({ datasetId, importDatasetFromFileRequest: { fileId: UNKNOWN } }),
    () => datasets.importFromPlayground({ datasetId, importDatasetFromPlaygroundRequest: { conversationIds: [] } }),
    () =>
      datasets.importFromDatasetRecords({
        datasetId,
        importDatasetFromDatasetRequest: { datasetRecordIds: [UNKNOWN] },
      }),
    () => datasets.exportToJsonl({ datasetId }),
    () => datasets.listTasks({ datasetId }),
    () => datasets.fetchTask({ datasetId, taskId: UNKNOWN }),
  ]) {
    await rejects(404, "DATASET_NOT_FOUND", call);
  }
});

test("unknown records are not found", async () => {
  const { records } = new Workspace();
  const datasetRecordId = UNKNOWN;
  for (const call of [
    () => records.fetch({ datasetRecordId }),
    () => records.delete({ datasetRecordId }),
    () => records.updatePayload({ datasetRecordId, updateDatasetRecordPayloadRequest: { payload: BYE } }),
    () => records.updateProperties({ datasetRecordId, updateDatasetRecordPropertiesRequest: { properties: {} } }),
  ]) {
    await rejects(404, "DATASET_RECORD_NOT_FOUND", call);
  }
});

test("unknown tasks are not found", async () => {
  const api = new Workspace();
  const { id: datasetId } = await api.dataset();
  await rejects(404, "DATASET_TASK_NOT_FOUND", api.datasets.fetchTask({ datasetId, taskId: UNKNOWN }));
});

test("API keys have isolated workspaces", async () => {
  const { id: datasetId } = await new Workspace().dataset();
  await rejects(404, "DATASET_NOT_FOUND", new Workspace().datasets.fetch({ datasetId }));
});

test("values out of range are validation errors", async () => {
  const api = new Workspace();
  const { id: datasetId } = await api.dataset();
  for (const name of ["four", "x".repeat(51)]) {
    const error = await rejects(422, "VALIDATION_ERROR", api.datasets.create({ name, description: "" }));
    assert.match(error.message, /name/);
  }
  for (const call of [
    () => api.datasets.create({ name: "Long story", description: "x".repeat(201) }),
    () => api.datasets.update({ datasetId, updateDatasetRequest: { name: "four" } }),
    () => api.datasets.list({ pageSize: 101 }),
    () => api.records.bulkDelete({ datasetRecordIds: [] }),
    () => api.records.fetch({ datasetRecordId: "no-uuid" }),
  ]) {
    await rejects(422, "VALIDATION_ERROR", call);
  }
});

test("unknown files are not found", async () => {
  const { files } = new Workspace();
  for (const operation of ["retrieve", "delete", "download", "getSignedUrl"]) {
    await rejectsUntyped(404, files[operation]({ fileId: UNKNOWN }));
  }
});

test("a missing or empty API key is rejected", async () => {
  // With an empty key, the SDK sends no Authorization header; with a blank one, only `Bearer`.
  for (const apiKey of [undefined, "", " "]) {
    const client = new Mistral({ apiKey, serverURL });
    for (const call of [() => client.beta.observability.datasets.list(), () => client.files.list()]) {
      assert.equal((await rejectsUntyped(401, call)).error_code, "AUTH_UNAUTHORIZED");
    }
  }
});

// Must be last. Checks that the tests above cover all operations, so it fails if only some tests run.
test("every operation was called", () => {
  const expected = Object.entries(OPERATIONS).flatMap(([group, names]) => names.map((name) => `${group}.${name}`));
  assert.deepEqual([...called].sort(), expected.sort());
});
