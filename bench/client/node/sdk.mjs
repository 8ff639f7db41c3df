// The benchmarks that are identical for the official SDK and this client, except for the import of `Mistral`.

import { createReadStream, createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { job, lines } from "./measure.mjs";

export const PAGE = 100;

// The records kept by `hold`, so that they are alive when memory is measured.
export const held = [];

/** Reads every message and property of a record, as an evaluation would. */
export function read(record) {
  let length = Object.keys(record.properties).length;
  for (const message of record.payload.messages) length += message.content.length;
  return length;
}

/** Downloads an export to a file and counts its lines. */
export async function exported(link) {
  const response = await fetch(link);
  if (!response.ok) throw new Error(`status ${response.status}`);
  await pipeline(Readable.fromWeb(response.body), createWriteStream(job.output));
  let seen = 0;
  for await (const chunk of createReadStream(job.output)) {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) seen += 1;
  }
  return seen;
}

/** Returns the benchmarks built from functions that fetch a page, create a record and export the dataset. */
export function rows(page, create, bulkOut) {
  const creates = async (units) => {
    for (const record of await lines(units)) await create(record);
    return units;
  };
  const pager = async (units) => {
    let seen = 0;
    for (let number = 1; number <= units; number += 1) seen += (await page(number)).length;
    return seen;
  };
  return {
    async page(units) {
      let seen = 0;
      for (let unit = 0; unit < units; unit += 1) seen += (await page(1)).length;
      return seen;
    },
    async read(units) {
      let seen = 0;
      for (let unit = 0; unit < units; unit += 1) {
        for (const record of await page(1)) seen += read(record) > 0;
      }
      return seen;
    },
    create: creates,
    async eight(units) {
      let [started, seen] = [0, 0];
      const worker = async () => {
        while (started < units) {
          started += 1;
          const records = await page(1);
          seen += records.length;
        }
      };
      await Promise.all(Array.from({ length: 8 }, worker));
      return seen;
    },
    pager,
    pager_50ms: pager,
    async hold(units) {
      for (let number = 1; number <= units; number += 1) held.push(...(await page(number)));
      return held.length;
    },
    // There is no bulk call, so records are created one by one.
    bulk_in: creates,
    bulk_file: creates,
    bulk_out: bulkOut,
  };
}

/** Returns the benchmarks of a client with the official SDK's API. `created` builds its `createRecord` argument. */
export function client(mistral, created) {
  const { datasets } = mistral.beta.observability;
  return rows(
    async (page) => {
      const response = await datasets.listRecords({
        datasetId: job.dataset_id,
        pageSize: PAGE,
        page,
      });
      return response.records.results;
    },
    (record) => datasets.createRecord(created(record)),
    async () => exported((await datasets.exportToJsonl({ datasetId: job.dataset_id })).fileUrl),
  );
}
