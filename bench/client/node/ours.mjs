// Benchmarks of this client. Single calls replace loops where the client has one.

import { Mistral } from "../../../bindings/node/lib/index.mjs";
import { job, lines, run } from "./measure.mjs";
import { client, PAGE } from "./sdk.mjs";

const mistral = new Mistral({ apiKey: job.api_key, serverURL: job.server_url });
const { datasets } = mistral;
const { dataset_id: datasetId, scratch_id: scratchId } = job;

async function pager(units) {
  let seen = 0;
  for await (const _ of datasets.iterRecords({
    datasetId,
    limit: units * PAGE,
  }))
    seen += 1;
  return seen;
}

async function bulkOut() {
  return (await datasets.export({ datasetId, to: job.output })).records;
}

await run({
  ...client(mistral, (record) => ({ datasetId: scratchId, ...record })),
  pager,
  pager_50ms: pager,
  async bulk_in(units) {
    return (
      await datasets.createRecords({
        datasetId: scratchId,
        records: await lines(units),
      })
    ).created;
  },
  async bulk_file(units) {
    return (
      await datasets.importJsonl({
        datasetId: scratchId,
        source: await lines(units),
      })
    ).records;
  },
  bulk_out: bulkOut,
  async million_in() {
    return (await datasets.importJsonl({ datasetId: scratchId, source: job.records })).records;
  },
  million_out: bulkOut,
});
