// Behaviour cases: files, presigned URLs and exports.

import assert from "node:assert/strict";
import { createReadStream, openAsBlob } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { NotFoundError, RawJson, ValidationError } from "mistral-datasets";

import { failure, Fixture } from "../support/fixture.mjs";

const TEXT = '{"messages": [{"role": "user", "content": "Grüße"}]}\n';
const BYTES = Buffer.from(TEXT);

test("upload_file_from_bytes", async () => {
  const { files } = await Fixture.start();
  for (const content of [TEXT, BYTES, new Uint8Array(BYTES).buffer, new Blob([TEXT])]) {
    const file = await files.upload({ file: { fileName: "häufig gefragt.jsonl", content } });
    assert.equal(file.filename, "häufig gefragt.jsonl");
    assert.deepEqual([file.bytes, file.object], [BYTES.length, "file"]);
    assert.match(file.id, /./);
  }
  const named = new File([TEXT], "named.jsonl", { type: "application/jsonl" });
  assert.equal((await files.upload({ file: named, purpose: "batch" })).filename, "named.jsonl");
});

test("upload_file_streamed", async (t) => {
  const { files } = await Fixture.start();
  const folder = await mkdtemp(join(tmpdir(), "upload-"));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, "records.jsonl");
  await writeFile(path, TEXT.repeat(50_000));
  const fileName = "records.jsonl";
  for (const file of [
    { fileName, content: createReadStream(path) },
    { fileName, content: (await openAsBlob(path)).stream() },
    await openAsBlob(path),
  ]) {
    assert.equal((await files.upload({ file })).bytes, BYTES.length * 50_000);
  }

  async function* chunks() {
    for (let number = 0; number < 10; number++) yield number % 2 ? TEXT : BYTES;
  }
  const { id, bytes } = await files.upload({ file: { fileName, content: chunks() } });
  assert.equal(bytes, BYTES.length * 10);
  assert.equal(await (await files.download({ fileId: id })).text(), TEXT.repeat(10));

  const missing = createReadStream(join(folder, "no such file"));
  await failure(files.upload({ file: { fileName, content: missing } }), Error, { code: "ENOENT" });
});

test("list_files", async () => {
  const fixture = await Fixture.start();
  const ids = [];
  for (const text of ["1", "2", "3"]) ids.unshift(await fixture.file(text));
  const { data, total } = await fixture.files.list();
  assert.deepEqual([data.map(({ id }) => id), total], [ids, 3]);
  const second = await fixture.files.list({ page: 1, pageSize: 2 });
  assert.deepEqual(
    second.data.map(({ id }) => id),
    ids.slice(2),
  );
});

test("retrieve_file", async () => {
  const { files } = await Fixture.start();
  const uploaded = await files.upload({ file: { fileName: "a.jsonl", content: TEXT } });
  const retrieved = await files.retrieve({ fileId: uploaded.id });
  assert.equal(retrieved.deleted, false);
  assert.deepEqual({ ...retrieved, deleted: null }, { ...uploaded });
});

test("delete_file", async () => {
  const fixture = await Fixture.start();
  const { files } = fixture;
  const fileId = await fixture.file(TEXT);
  const response = await files.delete({ fileId });
  assert.deepEqual([response.id, response.deleted], [fileId, true]);
  for (const call of [files.retrieve, files.delete, files.download]) {
    await failure(call.call(files, { fileId }), NotFoundError, { status: 404 });
  }
  assert.equal((await files.list()).total, 0);
});

test("download_file", async () => {
  const { files } = await Fixture.start();
  const content = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 256));
  const { id: fileId } = await files.upload({ file: { fileName: "any.bin", content } });
  const download = await files.download({ fileId });
  assert.equal(download.length, content.length);
  assert.ok(content.equals(await download.bytes()));

  const chunks = [];
  for await (const chunk of await files.download({ fileId })) chunks.push(chunk);
  assert.ok(content.equals(Buffer.concat(chunks)));

  for await (const chunk of await files.download({ fileId })) {
    assert.ok(chunk.length > 0);
    break;
  }
  const cancelled = await files.download({ fileId });
  await cancelled.cancel();
  assert.equal((await cancelled.bytes()).length, 0);
});

test("signed_url_needs_no_key", async () => {
  const fixture = await Fixture.start();
  const fileId = await fixture.file(TEXT);
  const { url } = await fixture.files.getSignedUrl({ fileId, expiry: 1 });
  assert.ok(url.startsWith(fixture.url), "the URL leads to the same server");
  assert.equal(await (await fetch(url)).text(), TEXT);
  assert.equal(await (await fixture.client.openLink(url)).text(), TEXT);
  assert.equal(await (await fixture.client.openLink(new URL(url))).text(), TEXT);
  assert.ok(!(await fetch(`${url}0`)).ok);
  await failure(fixture.files.getSignedUrl({ fileId, expiry: 0 }), ValidationError, {
    message: "expiry: expected at least 1, found 0",
  });
});

test("export_then_import", async () => {
  const fixture = await Fixture.start();
  const { datasets } = fixture;
  const dataset = await fixture.dataset();
  const formatted = RawJson.from('{\n  "messages" : [ ],\n\t"text": "a \\n b"\n}');
  await datasets.createRecord({ datasetId: dataset.id, payload: formatted, properties: { n: 1 } });
  for (let number = 0; number < 120; number++) {
    await fixture.record(dataset, `number ${number} \u2028 😀`);
  }
  const { fileUrl } = await datasets.exportToJsonl({ datasetId: dataset.id });
  const content = await (await fixture.client.openLink(fileUrl)).bytes();
  assert.equal(content.filter((byte) => byte === 10).length, 121);

  const copy = await fixture.dataset();
  const file = await fixture.files.upload({ file: { fileName: "export.jsonl", content } });
  const request = { datasetId: copy.id, fileId: file.id };
  assert.equal(
    (await fixture.done(await datasets.importFromFile(request))).importedRecordCount,
    121,
  );
  for (const page of [1, 2]) {
    const read = async ({ id }) => {
      const listing = await datasets.listRecords({ datasetId: id, pageSize: 100, page });
      return listing.records.results.map((record) => [record.payload, record.propertiesText]);
    };
    const original = await read(dataset);
    assert.ok(original.length > 0);
    assert.deepEqual(await read(copy), original);
  }
});
