// The cases that all clients share.

import { createReadStream, createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { job, records } from "./measure.mjs";

export const PAGE_SIZE = 100;

// Keeps the records of the `retain` case alive until memory is measured.
export const retained = [];

/** Reads every message and property of a record, as an evaluation would. */
function read(record) {
  let length = Object.keys(record.properties).length;
  for (const message of record.payload.messages) length += message.content.length;
  return length;
}

/** Downloads an export and returns its number of lines. */
export async function download(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`status ${response.status}`);
  await pipeline(Readable.fromWeb(response.body), createWriteStream(job.output_file));
  let lines = 0;
  for await (const chunk of createReadStream(job.output_file)) {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1;
  }
  return lines;
}

/** Returns the cases for a client, given how it lists a page, creates a record and exports the dataset. */
export function cases(listPage, createRecord, exportRecords) {
  const create = async (iterations) => {
    for (const record of await records(iterations)) await createRecord(record);
    return iterations;
  };
  const pager = async (iterations) => {
    let count = 0;
    for (let page = 1; page <= iterations; page += 1) count += (await listPage(page)).length;
    return count;
  };
  return {
    async page(iterations) {
      let count = 0;
      for (let iteration = 0; iteration < iterations; iteration += 1)
        count += (await listPage(1)).length;
      return count;
    },
    async read(iterations) {
      let count = 0;
      for (let iteration = 0; iteration < iterations; iteration += 1) {
        for (const record of await listPage(1)) count += read(record) > 0;
      }
      return count;
    },
    create,
    async concurrent(iterations) {
      let [started, count] = [0, 0];
      const worker = async () => {
        while (started < iterations) {
          started += 1;
          const page = await listPage(1);
          count += page.length;
        }
      };
      await Promise.all(Array.from({ length: 8 }, worker));
      return count;
    },
    pager,
    pager_50ms: pager,
    async retain(iterations) {
      for (let page = 1; page <= iterations; page += 1) retained.push(...(await listPage(page)));
      return retained.length;
    },
    // Only our client has calls that create many records.
    create_many: create,
    import: create,
    export: exportRecords,
  };
}

/** Returns the cases for a client that has the official SDK's interface, given how it expects a record to create. */
export function sdkCases(mistral, createRequest) {
  const { datasets } = mistral.beta.observability;
  return cases(
    async (page) => {
      const response = await datasets.listRecords({
        datasetId: job.dataset_id,
        pageSize: PAGE_SIZE,
        page,
      });
      return response.records.results;
    },
    (record) => datasets.createRecord(createRequest(record)),
    async () => download((await datasets.exportToJsonl({ datasetId: job.dataset_id })).fileUrl),
  );
}
