// Behaviour cases: pagers over listings from which items are deleted.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ConflictError } from "mistral-datasets";

import { failure, Fixture } from "../support/fixture.mjs";

const numbers = (count) => Array.from({ length: count }, (_, n) => n);

test("iterate_while_deleting", async () => {
  const fixture = await Fixture.served();
  for (const [count, options, every] of [
    [2500, {}, 1],
    [300, { pageSize: 20, prefetch: 8 }, 2],
    [60, { pageSize: 7, prefetch: 1 }, 1],
  ]) {
    const { id: datasetId } = await fixture.filled(count);
    const found = [];
    for await (const record of fixture.datasets.iterRecords({ datasetId, ...options })) {
      found.push(record.properties.n);
      if (found.length % every > 0) continue;
      await fixture.datasets.records.delete({ datasetRecordId: record.id });
    }
    assert.deepEqual(found, numbers(count));
    const remaining = await fixture.datasets.iterRecords({ datasetId }).count();
    assert.equal(remaining, count - Math.floor(count / every));
  }
});

test("iterate_detects_missed_items", async () => {
  const fixture = await Fixture.served();
  const { id: datasetId } = await fixture.filled(3);
  const { records } = await fixture.datasets.listRecords({ datasetId, pageSize: 2 });
  const results = records.results.map((record) => record.toJSON());
  // Every response counts fewer items, so the pager never knows what it has missed.
  const rules = numbers(100).map((n) => ({
    operation: "list_records",
    body: { records: { count: 999 - n, next: "/next", results } },
  }));
  for (const options of [{}, { strict: true }, { strict: false }]) {
    await fixture.local.clearFaults();
    await fixture.injectFault(rules);
    const collect = async () => {
      const pager = { datasetId, pageSize: 2, prefetch: 1, ...options };
      let count = 0;
      for await (const record of fixture.datasets.iterRecords(pager)) count += record ? 1 : 0;
      return count;
    };
    if (options.strict === false) {
      assert.ok((await collect()) >= 2);
    } else {
      const error = await failure(collect(), ConflictError);
      assert.match(error.message, /may have been missed/);
    }
  }
});
