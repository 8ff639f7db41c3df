// Measures our client. Where other clients need a loop, ours uses the single call that replaces it.

import { Mistral } from "../../../bindings/node/lib/index.mjs";
import { PAGE_SIZE, sdkCases } from "./cases.mjs";
import { job, records, run } from "./measure.mjs";

const mistral = new Mistral({ apiKey: job.api_key, serverURL: job.server_url });
const { datasets } = mistral;
const { dataset_id: datasetId, scratch_dataset_id: scratchDatasetId } = job;

async function pager(iterations) {
  let count = 0;
  const limit = iterations * PAGE_SIZE;
  for await (const _ of datasets.iterRecords({ datasetId, limit })) count += 1;
  return count;
}

async function importJsonl(source) {
  return (await datasets.importJsonl({ datasetId: scratchDatasetId, source })).records;
}

async function exportRecords() {
  return (await datasets.export({ datasetId, to: job.output_file })).records;
}

await run({
  ...sdkCases(mistral, (record) => ({ datasetId: scratchDatasetId, ...record })),
  pager,
  pager_50ms: pager,
  async create_many(iterations) {
    const report = await datasets.createRecords({
      datasetId: scratchDatasetId,
      records: await records(iterations),
    });
    return report.created;
  },
  import: async (iterations) => importJsonl(await records(iterations)),
  export: exportRecords,
  million_import: () => importJsonl(job.records_file),
  million_export: exportRecords,
});
