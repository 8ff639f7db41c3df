// The main job through the Node client: fill a dataset from a file, read it, edit it, copy it, export the copy.
//
//     node examples/main_job.mjs CONVERSATIONS.jsonl EXPORT.jsonl
//
// It works against a server in the same process, and prints what it did as one line of JSON.

import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

// A program that installed the package imports it from "mistral-datasets".
import { Mistral } from "../bindings/node/lib/index.mjs";

const COPY_AT_ONCE = 10_000;

/** Waits for a task, and returns how many records it imported. */
async function finished(mistral, task) {
  while (task.status === "RUNNING") {
    await sleep(20);
    task = await mistral.datasets.fetchTask({ datasetId: task.datasetId, taskId: task.id });
  }
  if (task.status !== "COMPLETED") throw new Error(`the import ended as ${task.status}: ${task.message}`);
  return task.result?.importedRecordCount ?? 0;
}

/** Reads a dataset page by page. */
async function allRecords(mistral, datasetId) {
  const records = [];
  for (let page = 1; ; page += 1) {
    const reply = await mistral.datasets.listRecords({ datasetId, pageSize: 100, page });
    records.push(...reply.records.results);
    if (!reply.records.next) return records;
  }
}

const [source, target] = process.argv.slice(2);
const began = performance.now();
const mistral = await Mistral.local();
const { datasets, files } = mistral;

const dataset = await datasets.create({ name: "Main job", description: "Imported from a file" });
const file = await files.upload({
  file: { fileName: basename(source), content: createReadStream(source) },
});
const imported = await finished(
  mistral,
  await datasets.importFromFile({ datasetId: dataset.id, fileId: file.id }),
);

const records = await allRecords(mistral, dataset.id);
await datasets.records.updateProperties({
  datasetRecordId: records[0].id,
  properties: { "edited by": "node" },
});

const copy = await datasets.create({
  name: "Main job, copied",
  description: "Copied from the first dataset",
});
let copied = 0;
for (let start = 0; start < records.length; start += COPY_AT_ONCE) {
  const datasetRecordIds = records.slice(start, start + COPY_AT_ONCE).map((record) => record.id);
  copied += await finished(
    mistral,
    await datasets.importFromDatasetRecords({ datasetId: copy.id, datasetRecordIds }),
  );
}

const { fileUrl } = await datasets.exportToJsonl({ datasetId: copy.id });
const bytes = await (await mistral.openLink(fileUrl)).bytes();
await writeFile(target, bytes);
await mistral.close();

const report = {
  imported,
  listed: records.length,
  copied,
  exported_bytes: bytes.length,
  seconds: (performance.now() - began) / 1000,
};
console.log(JSON.stringify(report));
