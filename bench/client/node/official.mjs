// Benchmarks of the official SDK, which is installed with its tests.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

import { job, run } from "./measure.mjs";
import { client } from "./sdk.mjs";

const require = createRequire(
  new URL("../../../tests/official/node/package.json", import.meta.url),
);
const { Mistral } = await import(pathToFileURL(require.resolve("@mistralai/mistralai")).href);

const mistral = new Mistral({ apiKey: job.api_key, serverURL: job.server_url });
const created = (record) => ({
  datasetId: job.scratch_id,
  createDatasetRecordRequest: record,
});

await run(client(mistral, created));
