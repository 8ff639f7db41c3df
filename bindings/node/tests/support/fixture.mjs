// Clients of local servers, and what tests often do with them.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Mistral, TaskStatus } from "mistral-datasets";

import { served } from "./served.mjs";

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

  /** A client of a server in a process of its own, with a key that is known, and so a workspace of its own. */
  static async served(options = {}) {
    const serverURL = await served();
    const key = randomUUID();
    // What is waited for in tests need not take long.
    const retries = { firstDelayMs: 5 };
    return new Fixture(new Mistral({ apiKey: key, serverURL, retries, ...options }), key);
  }

  constructor(client, key) {
    this.client = client;
    this.key = key;
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
    if (this.key !== undefined) await this.requests();
    return dataset;
  }

  /** Makes the server spoil requests: by one rule of its faults, or several. */
  async fault(rules) {
    await this.plant("faults", rules);
  }

  /** The requests that the server has had since it was last asked. */
  async requests() {
    const url = `${this.url}/local/v1/requests`;
    const headers = { authorization: `Bearer ${this.key}` };
    const { requests } = await (await fetch(url, { headers })).json();
    await fetch(url, { method: "DELETE", headers });
    return requests;
  }

  /** The operations of these requests. */
  async operations() {
    return (await this.requests()).map(({ operation }) => operation);
  }

  /** Plants what the service would have from elsewhere, by one of the server's own routes. */
  async plant(what, body) {
    const reply = await fetch(`${this.url}/local/v1/${what}`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.key}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.ok(reply.ok, `${what}: ${reply.status}`);
    return reply.json();
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
