// Measures the official SDK, which is installed for its own tests.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

import { sdkCases } from "./cases.mjs";
import { job, run } from "./measure.mjs";

const require = createRequire(
  new URL("../../../tests/official/node/package.json", import.meta.url),
);
const { Mistral } = await import(pathToFileURL(require.resolve("@mistralai/mistralai")).href);

const mistral = new Mistral({ apiKey: job.api_key, serverURL: job.server_url });
const createRequest = (record) => ({
  datasetId: job.scratch_dataset_id,
  createDatasetRecordRequest: record,
});

await run(sdkCases(mistral, createRequest));
