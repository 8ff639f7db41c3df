// Imports a file into a dataset with the Node client, reads and edits it, copies it and exports the copy.
//
//     node examples/main_job.mjs CONVERSATIONS.jsonl EXPORT.jsonl
//
// Uses an embedded local server, and prints a summary as one line of JSON.

// With the package installed: `import { Mistral } from "mistral-datasets";`
import { Mistral } from "../bindings/node/lib/index.mjs";

// The maximum number of records that one import can copy.
const COPY_BATCH_SIZE = 10_000;

const [source, target] = process.argv.slice(2);
const started = performance.now();
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
for (let start = 0; start < records.length; start += COPY_BATCH_SIZE) {
  const datasetRecordIds = records.slice(start, start + COPY_BATCH_SIZE).map((record) => record.id);
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
  seconds: (performance.now() - started) / 1000,
};
console.log(JSON.stringify(report));
