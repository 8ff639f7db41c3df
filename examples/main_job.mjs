// The main job through the Node client: fill a dataset from a file, read it, edit it, copy it, export the copy.
//
//     node examples/main_job.mjs CONVERSATIONS.jsonl EXPORT.jsonl
//
// It works against a server in the same process, and prints what it did as one line of JSON.

// A program that installed the package imports it from "mistral-datasets".
import { Mistral } from "../bindings/node/lib/index.mjs";

const COPY_AT_ONCE = 10_000;

const [source, target] = process.argv.slice(2);
const began = performance.now();
const mistral = await Mistral.local();
const { datasets } = mistral;

const dataset = await datasets.create({ name: "Main job", description: "Imported from a file" });
const { records: imported } = await datasets.importJsonl({ datasetId: dataset.id, source });

const records = [];
for await (const record of datasets.iterRecords({ datasetId: dataset.id, strict: true })) {
  records.push(record);
}
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
  const request = { datasetId: copy.id, datasetRecordIds, wait: true };
  const task = await datasets.importFromDatasetRecords(request);
  copied += task.result?.importedRecordCount ?? 0;
}

const exported = await datasets.export({ datasetId: copy.id, to: target });
await mistral.close();

const report = {
  imported,
  listed: records.length,
  copied,
  exported_bytes: exported.bytes,
  seconds: (performance.now() - began) / 1000,
};
console.log(JSON.stringify(report));
