// Benchmarks of plain fetch and JSON.

import { job, run } from "./measure.mjs";
import { exported, PAGE, rows } from "./sdk.mjs";

const base = `${job.server_url}/v1/observability/datasets`;
const headers = {
  authorization: `Bearer ${job.api_key}`,
  "content-type": "application/json",
};

async function json(response) {
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.json();
}

await run(
  rows(
    async (page) => {
      const url = `${base}/${job.dataset_id}/records?page_size=${PAGE}&page=${page}`;
      return (await json(await fetch(url, { headers }))).records.results;
    },
    async (record) => {
      const url = `${base}/${job.scratch_id}/records`;
      await json(
        await fetch(url, {
          method: "POST",
          headers,
          body: JSON.stringify(record),
        }),
      );
    },
    async () => {
      const url = `${base}/${job.dataset_id}/exports/to-jsonl`;
      return exported((await json(await fetch(url, { headers }))).file_url);
    },
  ),
);
