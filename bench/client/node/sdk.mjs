// The rows that are the same program for the official SDK and for ours, but for the line that imports `Mistral`.

import { createReadStream, createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { job, lines } from "./measure.mjs";

export const PAGE = 100;

// What `hold` holds, so that it is still there when the memory is read.
export const held = [];

/** Looks at a record as an evaluation would: every message and every property. */
export function read(record) {
  let length = Object.keys(record.properties).length;
  for (const message of record.payload.messages) length += message.content.length;
  return length;
}

/** Downloads an export to a file, and counts its lines. */
export async function exported(link) {
  const response = await fetch(link);
  if (!response.ok) throw new Error(`status ${response.status}`);
  await pipeline(Readable.fromWeb(response.body), createWriteStream(job.output));
  let seen = 0;
  for await (const piece of createReadStream(job.output)) {
    for (let at = piece.indexOf(10); at >= 0; at = piece.indexOf(10, at + 1)) seen += 1;
  }
  return seen;
}

/** The rows of whoever gets a page, creates a record and exports a dataset in these ways. */
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
    // Nothing else is there to write many records with.
    bulk_in: creates,
    bulk_file: creates,
    bulk_out: bulkOut,
  };
}

/** The rows through a client with the official SDK's surface, but for how it wants a record to create. */
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
