// Behaviour cases: pagers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { ConflictError, ValidationError } from "mistral-datasets";

import { failure, Fixture } from "../support/fixture.mjs";

/** Collects the items of an async iterable. */
async function all(iterable) {
  const items = [];
  for await (const item of iterable) items.push(item);
  return items;
}

const numbers = (count) => Array.from({ length: count }, (_, n) => n);

test("iterate_records_in_order", async () => {
  const fixture = await Fixture.start();
  const { id: datasetId } = await fixture.filled(250);
  const pager = fixture.datasets.iterRecords({ datasetId, pageSize: 20 });
  assert.equal(await pager.count(), 250);
  const items = await all(pager);
  assert.deepEqual(
    items.map(({ properties }) => properties.n),
    numbers(250),
  );
  // Another iteration starts from the beginning, and concurrent calls of `next` are served in order.
  const iterator = pager[Symbol.asyncIterator]();
  const results = await Promise.all(numbers(60).map(() => iterator.next()));
  assert.deepEqual(
    results.map(({ value }) => value.properties.n),
    numbers(60),
  );
  assert.deepEqual(await iterator.return(), { done: true, value: undefined });
  assert.deepEqual(await iterator.next(), { done: true, value: undefined });
});

test("iterate_is_lazy", async () => {
  const fixture = await Fixture.served();
  const { id: datasetId } = await fixture.filled(30);
  const items = fixture.datasets.iterRecords({ datasetId, pageSize: 10 })[Symbol.asyncIterator]();
  await sleep(50);
  assert.deepEqual(await fixture.requests(), []);
  assert.equal((await items.next()).done, false);
  await sleep(50);
  await items.return();
  assert.deepEqual(await fixture.operations(), ["list_records"]);
});

test("iterate_prefetches", async () => {
  const fixture = await Fixture.served();
  const { id: datasetId } = await fixture.filled(130);
  await fixture.injectFault({ operation: "list_records", delayMs: 30, times: null });
  const durations = [];
  for (const prefetch of [1, 8]) {
    const began = performance.now();
    const items = await all(fixture.datasets.iterRecords({ datasetId, pageSize: 10, prefetch }));
    durations.push(performance.now() - began);
    assert.equal(items.length, 130);
    assert.equal((await fixture.requests()).length, 13);
  }
  // Sequentially, 13 pages take 13 delays; with prefetch they take three: one page, then eight, then four.
  assert.ok(durations[0] >= 13 * 30, String(durations));
  assert.ok(durations[1] < durations[0] / 2, String(durations));
});

test("iterate_pages", async () => {
  const fixture = await Fixture.start();
  const { id: datasetId } = await fixture.filled(25);
  const pages = await all(fixture.datasets.iterRecords({ datasetId, pageSize: 10 }).pages());
  assert.deepEqual(
    pages.map(({ number, count, results }) => [number, count, results.length]),
    [
      [1, 25, 10],
      [2, 25, 10],
      [3, 25, 5],
    ],
  );
});

test("iterate_stops_at_the_limit", async () => {
  const fixture = await Fixture.served();
  const { id: datasetId } = await fixture.filled(50);
  const collect = (rest) => all(fixture.datasets.iterRecords({ datasetId, ...rest }));
  assert.equal((await collect({ limit: 5 })).length, 5);
  const requests = await fixture.requests();
  assert.equal(requests.length, 1);
  assert.match(requests[0].path, /page_size=5/);
  assert.equal((await collect({ pageSize: 10, limit: 20 })).length, 20);
  assert.equal((await fixture.requests()).length, 2);
  assert.deepEqual(await collect({ limit: 0 }), []);
  assert.deepEqual(await fixture.requests(), []);
});

test("iterate_skips_duplicates", async () => {
  const fixture = await Fixture.start();
  for (let n = 0; n < 6; n++) await fixture.dataset();
  const ids = [];
  for await (const { id } of fixture.datasets.iter({ pageSize: 2, prefetch: 1 })) {
    ids.push(id);
    // Datasets are listed newest first, so a new one shifts the others.
    if (ids.length === 1) await fixture.dataset();
  }
  assert.deepEqual([ids.length, new Set(ids).size], [6, 6]);
});

test("iterate_stops_on_an_endless_next", async () => {
  const fixture = await Fixture.served();
  const { id: datasetId } = await fixture.filled(3);
  const { records } = await fixture.datasets.listRecords({ datasetId, pageSize: 2 });
  const results = records.results.map((record) => record.toJSON());
  for (const count of [0, 2, 1_000_000]) {
    const body = { records: { count, next: "/endless", results } };
    await fixture.injectFault({ operation: "list_records", body, times: null });
    await fixture.requests();
    const collected = await all(
      fixture.datasets.iterRecords({ datasetId, pageSize: 2, prefetch: 4 }),
    );
    assert.equal(collected.length, 2, `count ${count}`);
    assert.ok((await fixture.requests()).length < 20, `count ${count}`);
  }
});

test("iterate_strict_compares_counts", async () => {
  const fixture = await Fixture.served();
  const { id: datasetId } = await fixture.filled(6);
  const pager = (rest) =>
    fixture.datasets.iterRecords({ datasetId, pageSize: 2, prefetch: 1, ...rest });
  assert.equal((await all(pager({ strict: true }))).length, 6);
  // The server counts more items than it returns.
  const { records } = await fixture.datasets.listRecords({ datasetId, pageSize: 2 });
  const results = records.results.map((record) => record.toJSON());
  const body = { records: { count: 6, next: null, results } };
  await fixture.injectFault({ operation: "list_records", body, times: null });
  assert.equal((await all(pager({ strict: false }))).length, 2);
  await failure(all(pager({ strict: true })), ConflictError);
  for (const invalid of [{ pageSize: 0 }, { pageSize: 101 }, { prefetch: 0 }, { prefetch: 65 }]) {
    await failure(all(pager(invalid)), ValidationError);
  }
});

test("iterate_datasets_and_tasks", async () => {
  const fixture = await Fixture.start();
  const { id: datasetId } = await fixture.dataset();
  for (let n = 0; n < 5; n++) {
    await fixture.datasets.create({ name: `Number ${n}`, description: "" });
    const fileId = await fixture.file('{"messages": []}\n');
    await fixture.datasets.importFromFile({ datasetId, fileId, wait: true });
  }
  const datasets = await all(fixture.datasets.iter({ q: "number", pageSize: 2 }));
  assert.deepEqual(
    datasets.map(({ name }) => name),
    ["Number 4", "Number 3", "Number 2", "Number 1", "Number 0"],
  );
  const tasks = await all(fixture.datasets.iterTasks({ datasetId, pageSize: 2 }));
  assert.equal(tasks.length, 5);
  // Tasks from a pager can be refreshed.
  assert.equal((await tasks[0].refresh()).status, "COMPLETED");
});
