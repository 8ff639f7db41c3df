// Measures a program that sends its requests with fetch and parses responses as JSON.

import { cases, download, PAGE_SIZE } from "./cases.mjs";
import { job, run } from "./measure.mjs";

const base = `${job.server_url}/v1/observability/datasets`;
const headers = {
  authorization: `Bearer ${job.api_key}`,
  "content-type": "application/json",
};

async function json(url, init) {
  const response = await fetch(url, { headers, ...init });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.json();
}

await run(
  cases(
    async (page) => {
      const url = `${base}/${job.dataset_id}/records?page_size=${PAGE_SIZE}&page=${page}`;
      return (await json(url)).records.results;
    },
    async (record) => {
      const url = `${base}/${job.scratch_dataset_id}/records`;
      await json(url, { method: "POST", body: JSON.stringify(record) });
    },
    async () => download((await json(`${base}/${job.dataset_id}/exports/to-jsonl`)).file_url),
  ),
);
