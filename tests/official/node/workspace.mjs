// A workspace of the local server as the official SDK sees it, and what the tests expect of its failures.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { Mistral } from "@mistralai/mistralai";
import { MistralError, ObservabilityError, SDKError } from "@mistralai/mistralai/models/errors";

export const serverURL = process.env.MISTRAL_SERVER_URL?.replace(/\/$/, "");
if (!serverURL) throw new Error("MISTRAL_SERVER_URL must say where `mistral-datasets serve` listens");

// Without a key of its own, a client must find none in the environment either.
delete process.env.MISTRAL_API_KEY;

// What this version offers in this area: the first test compares it with the SDK, the last with what was called.
export const OPERATIONS = {
  datasets: [
    "create",
    "createRecord",
    "delete",
    "exportToJsonl",
    "fetch",
    "fetchTask",
    "importFromDatasetRecords",
    "importFromFile",
    "importFromPlayground",
    "list",
    "listRecords",
    "listTasks",
    "update",
  ],
  records: ["bulkDelete", "delete", "fetch", "judge", "updatePayload", "updateProperties"],
  files: ["delete", "download", "getSignedUrl", "list", "retrieve", "upload"],
};

export const UNKNOWN = "01890000-0000-7000-8000-000000000000";
export const HELLO = {
  messages: [
    { role: "user", content: "Hello?" },
    { role: "assistant", content: "Good morning." },
  ],
};
export const BYE = { messages: [{ role: "user", content: "Goodbye." }] };
export const JUDGE = {
  name: "politeness",
  description: "Whether the assistant is polite",
  modelName: "mistral-large-latest",
  instructions: "Judge the answer.",
  tools: [],
  output: {
    type: "CLASSIFICATION",
    options: [
      { value: "polite", description: "It is" },
      { value: "rude", description: "It is not" },
    ],
  },
};

export const called = new Set();

/** A group of operations that notes in `called` which of them were used. */
function noting(name, group) {
  return new Proxy(group, {
    get(target, operation) {
      if (OPERATIONS[name].includes(operation)) called.add(`${name}.${operation}`);
      const member = target[operation];
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

/** A client with a key, and so a workspace, of its own. */
export class Workspace {
  key = randomUUID();
  client = new Mistral({ apiKey: this.key, serverURL });
  datasets = noting("datasets", this.client.beta.observability.datasets);
  records = noting("records", this.client.beta.observability.datasets.records);
  files = noting("files", this.client.files);

  dataset(name = "Support chats") {
    return this.datasets.create({ name, description: "Conversations with customers" });
  }

  record(dataset, payload = HELLO, properties = {}) {
    return this.datasets.createRecord({
      datasetId: dataset.id,
      createDatasetRecordRequest: { payload, properties },
    });
  }

  async listed(dataset) {
    return (await this.datasets.listRecords({ datasetId: dataset.id })).records.results;
  }

  upload(...lines) {
    const content = new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    return this.files.upload({ file: { fileName: "chats.jsonl", content } });
  }

  /** Puts what other products would have stored into the workspace. */
  async insertFixture(what, body) {
    const response = await fetch(`${serverURL}/local/v1/${what}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${this.key}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.ok(response.ok, `planting ${what}: ${response.status} ${await response.clone().text()}`);
    return response.json();
  }

  importFile(dataset, file) {
    return this.datasets.importFromFile({
      datasetId: dataset.id,
      importDatasetFromFileRequest: { fileId: file.id },
    });
  }

  /** Awaits an import's end. */
  async finished(task) {
    const deadline = Date.now() + 20_000;
    while (task.status === "RUNNING") {
      assert.ok(Date.now() < deadline, `the import is still running: ${JSON.stringify(task)}`);
      await sleep(20);
      task = await this.datasets.fetchTask({ datasetId: task.datasetId, taskId: task.id });
    }
    return task;
  }

  /** Awaits an import that has to succeed. */
  async imported(task) {
    task = await this.finished(task);
    assert.deepEqual([task.status, task.progress], ["COMPLETED", 100], task.message ?? undefined);
    return task;
  }
}

/** Fetches a signed link, without the key. */
export async function openLink(url) {
  const response = await fetch(url);
  assert.equal(response.status, 200);
  return new Uint8Array(await response.arrayBuffer());
}

export async function read(stream) {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The items of several pages. */
export const joined = (pages) => pages.flatMap((page) => page.results);
/** Which of its neighbours each page links to: `<` the one before it, `>` the one after it. */
export const neighbours = (pages) => pages.map(({ previous, next }) => (previous ? "<" : "") + (next ? ">" : ""));
/** What records, or lines of an export, hold. */
export const contents = (records) => records.map(({ payload, properties }) => [payload, properties]);
export const ids = (items) => items.map((item) => item.id);
export const text = (bytes) => new TextDecoder().decode(bytes);

/** Awaits a call that has to fail with the SDK's typed error. */
export async function refused(status, code, call) {
  const error = await assertThrows(ObservabilityError, call);
  assert.deepEqual([error.statusCode, error.detail.errorCode], [status, code], error.message);
  assert.equal(error.message, error.detail.message);
  return error;
}

/** Awaits a call for whose failure the SDK has no type of its own; the envelope is in the body. */
export async function refusedUntyped(status, call) {
  const error = await assertThrows(SDKError, call);
  assert.equal(error.statusCode, status);
  const { detail } = JSON.parse(error.body);
  assert.ok(detail.message);
  return detail;
}

export async function assertThrows(kind, call) {
  let caught;
  await assert.rejects(call, (error) => {
    caught = error;
    return true;
  });
  assert.equal(caught.constructor.name, kind.name, String(caught));
  assert.ok(caught instanceof kind && caught instanceof MistralError);
  return caught;
}
