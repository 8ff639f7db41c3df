// Behaviour cases: lines and files that are not, or not quite, JSON Lines.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { CreateReport, ImportReport, ValidationError } from "mistral-datasets";

import { temporaryDirectory } from "../support/directory.mjs";
import { failure, Fixture } from "../support/fixture.mjs";

const LINE = '{"messages": [], "text": "\ufeff"}';

/** Returns the message of the error with which an import of `content` must fail. */
async function refused(fixture, content, lenient = false) {
  const { id: datasetId } = await fixture.dataset();
  await fixture.requests();
  const source = Buffer.from(content);
  const call = fixture.datasets.importJsonl({ datasetId, source, lenient });
  const { message, report } = await failure(call, ValidationError);
  assert.ok(report instanceof ImportReport);
  assert.equal(report.invalidLines.length, 1);
  assert.deepEqual(await fixture.requests(), []);
  return message;
}

/** Imports content and returns the payloads. */
async function imported(fixture, content) {
  const dataset = await fixture.dataset();
  const source = Buffer.from(content);
  await fixture.datasets.importJsonl({ datasetId: dataset.id, source });
  return (await fixture.records(dataset)).map(({ payload }) => payload);
}

test("import_jsonl_refuses_json_arrays", async () => {
  const fixture = await Fixture.served();
  const arrays = [
    [{ messages: [] }, { messages: [] }],
    [{ payload: { messages: [] } }],
    [{ id: 1, conversations: [{ from: "human", value: "secret" }] }],
  ];
  for (const array of arrays) {
    for (const text of [JSON.stringify(array), JSON.stringify(array, null, 2)]) {
      for (const lenient of [false, true]) {
        const message = await refused(fixture, text, lenient);
        assert.match(message, /a JSON array of records, not JSON Lines/);
        assert.match(message, /jq -c '\.\[\]'/);
        assert.doesNotMatch(message, /secret/);
      }
    }
  }
  const messages = [{ role: "user", content: '[{"messages": []}]' }];
  assert.deepEqual(await imported(fixture, JSON.stringify(messages)), [{ messages }]);
});

/** Records with the unknown keys `metadata` (twice) and `propertys`. */
const UNKNOWN_KEYS = [
  { messages: [], metadata: 1 },
  { payload: { messages: [] }, propertys: { n: 1 }, metadata: {} },
  { payload: { messages: [] }, metadata: {}, id: 1, created_at: 2, updated_at: 3 },
  { payload: { messages: [] }, deleted_at: null, dataset_id: 4, source: "OTHER" },
];

test("import_jsonl_checks_keys", async () => {
  const fixture = await Fixture.served();
  const lines = UNKNOWN_KEYS.map((record) => `${JSON.stringify(record)}\n`).join("");
  const message = await refused(fixture, lines);
  for (const part of [
    "line 2, column 28: ",
    "`propertys`",
    "`properties`?",
    "`allowUnknownKeys`",
  ]) {
    assert.ok(message.includes(part), message);
  }
  const dataset = await fixture.dataset();
  for (const options of [{ allowUnknownKeys: true }, { lenient: true }]) {
    const source = Buffer.from(lines);
    const request = { datasetId: dataset.id, source, ...options };
    const report = await fixture.datasets.importJsonl(request);
    assert.deepEqual([report.records, report.invalidLineCount], [4, 0]);
    assert.deepEqual(report.unknownKeys, { metadata: 2, propertys: 1 });
    assert.equal(report.unknownKeyCount, 3);
  }
  const [first] = await fixture.records(dataset);
  assert.deepEqual(first.payload, { messages: [], metadata: 1 });
});

test("create_records_checks_keys", async () => {
  const fixture = await Fixture.served();
  const { id: datasetId } = await fixture.dataset();
  for (const [strategy, created] of [
    ["single", "created"],
    ["file", "imported"],
  ]) {
    const request = { datasetId, records: UNKNOWN_KEYS, strategy, concurrency: 1 };
    const error = await failure(fixture.datasets.createRecords(request), ValidationError);
    assert.match(error.message, /did you mean `properties`\?/);
    assert.ok(error.report instanceof CreateReport);
    let report = await fixture.datasets.createRecords({ ...request, onError: "continue" });
    assert.deepEqual(
      report.items.map(({ status }) => status),
      [created, "failed", "failed", created],
    );
    assert.equal(report.unknownKeyCount, 0);
    report = await fixture.datasets.createRecords({ ...request, allowUnknownKeys: true });
    assert.deepEqual([report.created, report.unknownKeyCount], [4, 3]);
    assert.deepEqual(report.unknownKeys, { metadata: 2, propertys: 1 });
  }
  // A record's fields have names in camel case.
  const record = { payload: { messages: [] }, createdAt: new Date(), datasetId: "x" };
  const report = await fixture.datasets.createRecords({ datasetId, records: [record] });
  assert.equal(report.created, 1);
});

test("import_jsonl_accepts_byte_order_marks", async (t) => {
  const fixture = await Fixture.served();
  const content = `\ufeff${LINE}\n\ufeff${LINE}\n${LINE}\n\ufeff\ufeff${LINE}`;
  assert.deepEqual(await imported(fixture, content), Array(4).fill(JSON.parse(LINE)));
  // Files without a final line break were joined.
  const plain = '{"messages": []}';
  const joined = await imported(fixture, `\ufeff${plain}\ufeff${plain}`);
  assert.deepEqual(joined, [{ messages: [] }, { messages: [] }]);
  const path = join(await temporaryDirectory(t), "marked.jsonl");
  await writeFile(path, content);
  const { id: datasetId } = await fixture.dataset();
  const report = await fixture.datasets.importJsonl({ datasetId, source: path, wait: false });
  const uploaded = await fixture.files.download({ fileId: report.files[0].fileId });
  assert.equal(Buffer.from(await uploaded.bytes()).toString(), `${LINE}\n`.repeat(4));
});

test("import_jsonl_names_other_formats", async () => {
  const fixture = await Fixture.served();
  for (const mark of ["\ufeff", ""]) {
    const little = Buffer.from(`${mark}${LINE}\n${LINE}\n`, "utf16le");
    const big = Buffer.from(little).swap16();
    for (const lenient of [false, true]) {
      assert.match(await refused(fixture, little, lenient), /UTF-16 \(little-endian\).* UTF-8/);
      assert.match(await refused(fixture, big, lenient), /UTF-16 \(big-endian\).* UTF-8/);
    }
  }
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
  assert.match(await refused(fixture, pointer, true), /a Git LFS pointer/);
  assert.match(await refused(fixture, `${LINE}\r\n\u001a`), /line 2, column 1: .*Ctrl-Z/);
  assert.match(await refused(fixture, `${LINE}\u001a`), /line 1, column 30: .*Ctrl-Z/);
});

/** A zstd frame with one uncompressed block of 17 bytes. */
const ZSTD_LINE = Buffer.concat([
  Buffer.from("28b52ffd2011890000", "hex"),
  Buffer.from('{"messages": []}\n'),
]);

test("import_jsonl_reads_unusual_compression", async () => {
  const fixture = await Fixture.served();
  const member = gzipSync(`\ufeff${LINE}\n`);
  const padded = Buffer.concat([member, member, Buffer.alloc(1000)]);
  assert.deepEqual(await imported(fixture, padded), Array(2).fill(JSON.parse(LINE)));
  const skippable = Buffer.concat([Buffer.from("502a4d1804000000", "hex"), Buffer.from("size")]);
  const frames = Buffer.concat([skippable, ZSTD_LINE, skippable, ZSTD_LINE]);
  assert.deepEqual(await imported(fixture, frames), [{ messages: [] }, { messages: [] }]);
});
