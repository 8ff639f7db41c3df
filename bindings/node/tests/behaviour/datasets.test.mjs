// Behaviour cases: datasets.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { NotFoundError, ValidationError } from "mistral-datasets";

import { failure, Fixture, nowhere } from "../support/fixture.mjs";

test("create_dataset", async () => {
  const { datasets } = await Fixture.start();
  const created = await datasets.create({ name: "Refund requests", description: "About refunds" });
  assert.equal(created.name, "Refund requests");
  assert.equal(created.description, "About refunds");
  assert.equal(created.createdAt.toRFC3339(), created.updatedAt.toRFC3339());
  assert.equal(created.deletedAt, null);
  for (const id of [created.id, created.ownerId, created.workspaceId]) {
    assert.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  }
});

test("create_dataset_checks_limits_before_sending", async () => {
  for (const [name, description, message] of [
    ["abcd", "", "name: expected 5 to 50 characters, found 4"],
    ["x".repeat(51), "", "name: expected 5 to 50 characters, found 51"],
    ["A name", "d".repeat(201), "description: expected at most 200 characters, found 201"],
  ]) {
    await failure(nowhere().datasets.create({ name, description }), ValidationError, {
      message,
      errorCode: "VALIDATION_ERROR",
      operation: "create_dataset",
      status: null,
    });
  }
});

test("create_dataset_counts_characters_not_bytes", async () => {
  const { datasets } = await Fixture.start();
  const name = "😀".repeat(50);
  assert.equal((await datasets.create({ name, description: "" })).name, name);
});

test("fetch_dataset", async () => {
  const fixture = await Fixture.start();
  const created = await fixture.dataset();
  assert.deepEqual(await fixture.datasets.fetch({ datasetId: created.id }), created);
});

test("fetch_dataset_by_slug", async () => {
  const fixture = await Fixture.start();
  const created = await fixture.dataset();
  assert.deepEqual(await fixture.datasets.fetch({ datasetId: created.slug }), created);
});

test("fetch_unknown_dataset", async () => {
  const { datasets } = await Fixture.start();
  const error = await failure(datasets.fetch({ datasetId: randomUUID() }), NotFoundError, {
    kind: "not_found",
    status: 404,
    statusCode: 404,
    errorCode: "DATASET_NOT_FOUND",
    operation: "fetch_dataset",
    retryable: false,
  });
  assert.match(error.requestId, /./);
});

test("update_dataset", async () => {
  const fixture = await Fixture.start();
  const created = await fixture.dataset();
  const change = { name: "Returned goods", description: "Something else" };
  const updated = await fixture.datasets.update({ datasetId: created.id, ...change });
  assert.deepEqual(
    { ...updated },
    { ...created, ...change, updatedAt: updated.updatedAt, slug: updated.slug },
  );
  assert.ok(updated.updatedAt.toRFC3339() > created.updatedAt.toRFC3339());
  assert.deepEqual(await fixture.datasets.fetch({ datasetId: created.id }), updated);
});

test("update_dataset_keeps_omitted_fields", async () => {
  const fixture = await Fixture.start();
  const { id: datasetId, description } = await fixture.dataset();
  const renamed = await fixture.datasets.update({ datasetId, name: "Returned goods" });
  assert.equal(renamed.description, description);
  const updated = await fixture.datasets.update({ datasetId, name: null, description: "Else" });
  assert.deepEqual([updated.name, updated.description], ["Returned goods", "Else"]);
});

test("delete_dataset", async () => {
  const fixture = await Fixture.start();
  const { datasets } = fixture;
  const dataset = await fixture.dataset();
  const record = await fixture.record(dataset, "hello");
  const datasetId = dataset.id;
  assert.equal(await datasets.delete({ datasetId }), undefined);
  for (const call of [datasets.fetch, datasets.listRecords, datasets.delete]) {
    await failure(call.call(datasets, { datasetId }), NotFoundError, {
      errorCode: "DATASET_NOT_FOUND",
    });
  }
  await failure(datasets.records.fetch({ datasetRecordId: record.id }), NotFoundError, {
    errorCode: "DATASET_RECORD_NOT_FOUND",
  });
  assert.equal((await datasets.list()).datasets.count, 0);
});

/** Creates a workspace with three datasets. */
async function withThreeDatasets() {
  const fixture = await Fixture.start();
  for (const name of ["first", "second", "third"]) {
    await fixture.datasets.create({ name, description: "" });
  }
  return fixture;
}

test("list_datasets_newest_first", async () => {
  const { datasets } = await withThreeDatasets();
  const { results } = (await datasets.list()).datasets;
  assert.deepEqual(
    results.map(({ name }) => name),
    ["third", "second", "first"],
  );
});

test("list_datasets_in_pages", async () => {
  const { datasets, url } = await withThreeDatasets();
  const first = (await datasets.list({ pageSize: 2 })).datasets;
  assert.deepEqual([first.count, first.results.length, first.previous], [3, 2, null]);
  assert.ok(first.next.startsWith(url));
  const second = (await datasets.list({ pageSize: 2, page: 2 })).datasets;
  assert.deepEqual([second.count, second.results.length, second.next], [3, 1, null]);
  assert.ok(second.previous);
  assert.deepEqual((await datasets.list({ pageSize: 2, page: 3 })).datasets.results, []);
});

test("list_datasets_by_query", async () => {
  const { datasets } = await Fixture.start();
  await datasets.create({ name: "Ärger am Schalter", description: "" });
  await datasets.create({ name: "Something else", description: "with ÄRGER in it" });
  await datasets.create({ name: "100% unrelated", description: "" });
  for (const [q, count] of Object.entries({ ärger: 2, SCHALTER: 1, "%": 1, nowhere: 0 })) {
    assert.equal((await datasets.list({ q })).datasets.count, count, q);
  }
});

test("list_datasets_count_only", async () => {
  const { datasets } = await withThreeDatasets();
  const { count, results } = (await datasets.list({ pageSize: 0 })).datasets;
  assert.deepEqual([count, results], [3, []]);
});

test("list_rejects_page_sizes_out_of_range", async () => {
  const { datasets } = nowhere();
  for (const [request, message] of [
    [{ pageSize: 101 }, "pageSize: expected 0 to 100, found 101"],
    [{ pageSize: -1 }, "pageSize: expected 0 to 100, found -1"],
    [{ page: 0 }, "page: expected at least 1, found 0"],
  ]) {
    await failure(datasets.list(request), ValidationError, { message });
    await failure(datasets.listRecords({ datasetId: "x", ...request }), ValidationError, {
      message,
    });
  }
});
