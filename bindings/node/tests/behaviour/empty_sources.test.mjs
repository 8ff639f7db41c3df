// Behaviour cases: sources that yield nothing.

import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";

import { ValidationError } from "mistral-datasets";

import { temporaryDirectory } from "../support/directory.mjs";
import { failure, Fixture } from "../support/fixture.mjs";

const LINE = '{"messages": []}\n';

async function isEmpty(promise) {
  const error = await failure(promise, ValidationError);
  assert.match(error.message, /the source is empty/);
  assert.match(error.hint, /read before/);
}

/** Returns an iterable that was read before. */
async function consumed(iterable) {
  for await (const item of iterable) void item;
  return iterable;
}

function* generate(...items) {
  yield* items;
}

test("import_jsonl_refuses_empty_sources", async (t) => {
  const fixture = await Fixture.served();
  const { id: datasetId } = await fixture.dataset();
  await fixture.requests();
  const path = join(await temporaryDirectory(t), "empty.jsonl");
  await writeFile(path, "");
  for (const lenient of [false, true]) {
    for (const source of [
      path,
      Buffer.from(""),
      Buffer.from("\n \n"),
      new Blob([]),
      createReadStream(path),
      Readable.from([]),
      await consumed(generate(LINE)),
      [],
    ]) {
      await isEmpty(fixture.datasets.importJsonl({ datasetId, source, lenient }));
    }
  }
  assert.deepEqual(await fixture.requests(), []);
});

test("create_records_refuses_empty_sources", async () => {
  const fixture = await Fixture.served();
  const { id: datasetId } = await fixture.dataset();
  await fixture.requests();
  for (const strategy of ["auto", "single", "file"]) {
    for (const records of [await consumed(generate({ messages: [] })), Readable.from([])]) {
      await isEmpty(fixture.datasets.createRecords({ datasetId, records, strategy }));
    }
    // A pager can be read again, so it cannot have been consumed.
    for (const records of [[], new Set(), fixture.datasets.iterRecords({ datasetId })]) {
      const report = await fixture.datasets.createRecords({ datasetId, records, strategy });
      assert.deepEqual(report.items, []);
    }
  }
  assert.deepEqual(new Set(await fixture.operations()), new Set(["list_records"]));
});

test("upload_refuses_consumed_sources", async () => {
  const fixture = await Fixture.served();
  const upload = (content) => fixture.files.upload({ file: { fileName: "a.jsonl", content } });
  const readable = new Blob([LINE]).stream();
  for (const content of [
    Readable.from([]),
    await consumed(generate(LINE)),
    await consumed(readable),
  ]) {
    const error = await failure(upload(content), ValidationError);
    assert.match(error.message, /the source is empty|reading failed/);
  }
  assert.deepEqual(await fixture.requests(), []);
  for (const content of ["", Buffer.alloc(0), new Blob([])]) {
    assert.equal((await upload(content)).bytes, 0);
  }
  assert.equal((await upload(Readable.from([Buffer.from("abc"), Buffer.from("de")]))).bytes, 5);
});
