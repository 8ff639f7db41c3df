// Clients of local servers, and what tests often do with them.

import assert from "node:assert/strict";
import { after } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Mistral, TaskStatus } from "mistral-datasets";
import { startLocal } from "mistral-datasets/testing";

/** How long a task may take before a test gives up, in milliseconds. */
const PATIENCE = 30_000;

/** The statuses of a task that has ended. */
const ENDED = ["COMPLETED", "FAILED", "CANCELED", "TERMINATED", "TIMED_OUT"];

/** A client, and what tests do with it. */
export class Fixture {
  /** A client of a server in this process, which no other test uses. */
  static async start() {
    const client = await Mistral.local();
    after(() => client.close());
    return new Fixture(client);
  }

  /** A client of a workspace whose faults and journal are at hand. */
  static async served(options = {}) {
    const local = await startLocal();
    after(() => local.close());
    // What is waited for in tests need not take long.
    const retries = { firstDelayMs: 5 };
    return new Fixture(local.client.withOptions({ retries, ...options }), local);
  }

  constructor(client, local) {
    this.client = client;
    this.local = local;
    this.key = local?.apiKey;
    this.url = client.serverURL;
    this.datasets = client.datasets;
    this.files = client.files;
  }

  /** Creates a dataset. */
  dataset() {
    return this.datasets.create({ name: "Refund requests", description: "Tickets about refunds" });
  }

  /** Creates a record of one message. */
  record({ id }, text) {
    const payload = { messages: [{ role: "user", content: text }] };
    return this.datasets.createRecord({ datasetId: id, payload, properties: { text } });
  }

  /** The first hundred records of a dataset. */
  async records({ id }) {
    return (await this.datasets.listRecords({ datasetId: id, pageSize: 100 })).records.results;
  }

  /** Uploads text as a file, and returns its id. */
  async file(content) {
    return (await this.files.upload({ file: { fileName: "records.jsonl", content } })).id;
  }

  /** Waits until a task has ended. */
  async finished(task) {
    const deadline = Date.now() + PATIENCE;
    while (!ENDED.includes(task.status)) {
      assert.ok(Date.now() < deadline, `the task is still ${task.status}`);
      await sleep(5);
      task = await this.datasets.fetchTask({ datasetId: task.datasetId, taskId: task.id });
    }
    return task;
  }

  /** Waits until a task is done. */
  async done(task) {
    const { status, message, result } = await this.finished(task);
    assert.equal(status, TaskStatus.COMPLETED, message);
    return result;
  }

  /** A dataset with so many records, the nth of which says n. */
  async filled(records) {
    const dataset = await this.dataset();
    const lines = Array.from({ length: records }, (_, n) =>
      JSON.stringify({ messages: [], properties: { n } }),
    );
    const fileId = await this.file(`${lines.join("\n")}\n`);
    await this.datasets.importFromFile({ datasetId: dataset.id, fileId, wait: true });
    if (this.local !== undefined) await this.requests();
    return dataset;
  }

  /** Makes the server spoil requests: by one rule of its faults, or several. */
  async injectFault(rules) {
    await this.local.injectFault(rules);
  }

  /** The requests that the server has had since it was last asked. */
  async requests() {
    const requests = await this.local.requests();
    await this.local.clearRequests();
    return requests;
  }

  /** The operations of these requests. */
  async operations() {
    return (await this.requests()).map(({ operation }) => operation);
  }
}

/** A client of a port on which nothing listens. */
export function nowhere() {
  return new Mistral({ apiKey: "a key", serverURL: "http://127.0.0.1:9" });
}

/** The error with which a promise is rejected, which must be of the class and have these members. */
export async function failure(promise, of, members = {}) {
  const error = await promise.then(
    () => assert.fail(`expected a ${of.name}`),
    (error) => error,
  );
  assert.ok(error instanceof of, `expected a ${of.name}, found ${error.stack}`);
  for (const [name, value] of Object.entries(members)) assert.deepEqual(error[name], value, name);
  return error;
}
