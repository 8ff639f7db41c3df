// Clients of local servers, and helpers for tests.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Mistral, TaskStatus } from "mistral-datasets";
import { startLocal } from "mistral-datasets/testing";

/** Maximum duration of a task in a test, in milliseconds. */
const TASK_TIMEOUT = 30_000;

/** The samples of telemetry for all languages. */
const SAMPLES = new URL("../../../../tests/behaviour/", import.meta.url);

/** The final statuses of a task. */
const FINAL_STATUSES = ["COMPLETED", "FAILED", "CANCELED", "TERMINATED", "TIMED_OUT"];

/** A client with helpers. */
export class Fixture {
  /** Starts a server for one test. */
  static async start() {
    const client = await Mistral.local();
    after(() => client.close());
    return new Fixture(client);
  }

  /** Starts a server of the first generation for one test. It requires messages and properties. */
  static async strict() {
    const local = await startLocal({ generation: "g1" });
    after(() => local.close());
    return new Fixture(local.client, local);
  }

  /** Starts a server for one test, with access to faults and recorded requests. */
  static async served(options = {}) {
    const local = await startLocal();
    after(() => local.close());
    // Shorter retry delays keep the tests fast.
    const retry = { firstDelayMs: 5 };
    return new Fixture(local.client.withOptions({ retry, ...options }), local);
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

  /** Creates a record with one message. */
  record({ id }, text) {
    const payload = { messages: [{ role: "user", content: text }] };
    return this.datasets.createRecord({ datasetId: id, payload, properties: { text } });
  }

  /** Returns the first 100 records of a dataset. */
  async records({ id }) {
    return (await this.datasets.listRecords({ datasetId: id, pageSize: 100 })).records.results;
  }

  /** Uploads a file and returns its ID. */
  async file(content) {
    return (await this.files.upload({ file: { fileName: "records.jsonl", content } })).id;
  }

  /** Waits until a task has a final status. */
  async finished(task) {
    const deadline = Date.now() + TASK_TIMEOUT;
    while (!FINAL_STATUSES.includes(task.status)) {
      assert.ok(Date.now() < deadline, `the task is still ${task.status}`);
      await sleep(5);
      task = await this.datasets.fetchTask({ datasetId: task.datasetId, taskId: task.id });
    }
    return task;
  }

  /** Waits until a task is COMPLETED and returns its result. */
  async done(task) {
    const { status, message, result } = await this.finished(task);
    assert.equal(status, TaskStatus.COMPLETED, message);
    return result;
  }

  /** Creates a dataset with records whose property `n` counts from 0. */
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

  /** Sends the sample of "traces" or "logs" as an exporter of OpenTelemetry does. */
  async send(signal) {
    const response = await fetch(`${this.url}/telemetry/v1/${signal}`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.key}`, "content-type": "application/json" },
      body: readFileSync(new URL(`${signal}.json`, SAMPLES)),
    });
    assert.equal(response.status, 200, await response.text());
  }

  /** Injects one or more faults. */
  async injectFault(rules) {
    await this.local.injectFault(rules);
  }

  /** Returns the requests recorded since the last call. */
  async requests() {
    const requests = await this.local.requests();
    await this.local.clearRequests();
    return requests;
  }

  /** Returns the operations of the requests recorded since the last call. */
  async operations() {
    return (await this.requests()).map(({ operation }) => operation);
  }
}

/** Returns all items of a pager. */
export async function all(pager) {
  const items = [];
  for await (const item of pager) items.push(item);
  return items;
}

/** Returns a client for a port that nothing listens on. */
export function nowhere() {
  return new Mistral({ apiKey: "a key", serverURL: "http://127.0.0.1:9" });
}

/** Returns what an error's message says, without the operation, status and request ID that surround it. */
export function bareMessage({ message, operation, errorCode, status }) {
  const start = operation === null ? "" : `${operation}: `;
  assert.ok(message.startsWith(start), message);
  const end = message.lastIndexOf(` (${errorCode ?? `status ${status}`}`);
  return message.slice(start.length, end < 0 ? undefined : end);
}

/**
 * Returns the error a promise rejects with, after checking its class and properties. The message is compared without the
 * operation and notes.
 */
export async function failure(promise, ErrorClass, properties = {}) {
  const error = await promise.then(
    () => assert.fail(`expected a ${ErrorClass.name}`),
    (error) => error,
  );
  assert.ok(error instanceof ErrorClass, `expected a ${ErrorClass.name}, found ${error.stack}`);
  for (const [name, value] of Object.entries(properties)) {
    assert.deepEqual(name === "message" ? bareMessage(error) : error[name], value, name);
  }
  return error;
}
