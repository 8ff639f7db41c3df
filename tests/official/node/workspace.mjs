// A workspace of the local server for the official SDK, and assertions on its errors.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { Mistral } from "@mistralai/mistralai";
import { MistralError, ObservabilityError, SDKError } from "@mistralai/mistralai/models/errors";

export const serverURL = process.env.MISTRAL_SERVER_URL?.replace(/\/$/, "");
if (!serverURL) throw new Error("MISTRAL_SERVER_URL must be the URL of `mistral-datasets serve`");

// So that a client without a key option has no key.
delete process.env.MISTRAL_API_KEY;

// The operations of this SDK version. The first test compares them with the SDK, the last with the operations called.
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

// The operations of the other resources, which observability.test.mjs calls.
export const OBSERVABILITY_OPERATIONS = {
  judges: ["create", "delete", "fetch", "judgeConversation", "list", "update"],
  spans: [
    "aggregate",
    "fetchSpanEvalFieldOptions",
    "fetchSpanFieldOptions",
    "listSpanEvalFields",
    "listSpanFields",
    "searchLatestSpanEvaluations",
    "searchSpanEvaluations",
    "searchSpans",
  ],
  traces: ["aggregate", "fetchOptions", "getSpanById", "getTraceById", "getTraceFields", "getTraceSpans", "search"],
  logs: ["fetchOptions", "list", "search"],
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

/** Wraps a resource so that the operations used are added to `called`. */
function recordCalls(name, group) {
  return new Proxy(group, {
    get(target, operation) {
      if ({ ...OPERATIONS, ...OBSERVABILITY_OPERATIONS }[name].includes(operation)) called.add(`${name}.${operation}`);
      const value = target[operation];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** A client with its own API key, and therefore its own workspace. */
export class Workspace {
  key = randomUUID();
  client = new Mistral({ apiKey: this.key, serverURL });
  datasets = recordCalls("datasets", this.client.beta.observability.datasets);
  records = recordCalls("records", this.client.beta.observability.datasets.records);
  files = recordCalls("files", this.client.files);
  judges = recordCalls("judges", this.client.beta.observability.judges);
  spans = recordCalls("spans", this.client.beta.observability.spans);
  traces = recordCalls("traces", this.client.beta.observability.traces);
  logs = recordCalls("logs", this.client.beta.observability.logs);

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

  /** Sends OTLP as JSON, as any OpenTelemetry exporter does. */
  async sendTelemetry(signal, body) {
    const response = await fetch(`${serverURL}/telemetry/v1/${signal}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${this.key}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.deepEqual([response.status, await response.json()], [200, {}]);
  }

  /** Inserts data of other products, which imports read from. */
  async insertFixture(route, body) {
    const response = await fetch(`${serverURL}/local/v1/${route}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${this.key}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.ok(response.ok, `inserting ${route}: ${response.status} ${await response.clone().text()}`);
    return response.json();
  }

  importFile(dataset, file) {
    return this.datasets.importFromFile({
      datasetId: dataset.id,
      importDatasetFromFileRequest: { fileId: file.id },
    });
  }

  /** Waits until an import has ended. */
  async finished(task) {
    const deadline = Date.now() + 20_000;
    while (task.status === "RUNNING") {
      assert.ok(Date.now() < deadline, `the import is still running: ${JSON.stringify(task)}`);
      await sleep(20);
      task = await this.datasets.fetchTask({ datasetId: task.datasetId, taskId: task.id });
    }
    return task;
  }

  /** Waits for an import, which must succeed. */
  async imported(task) {
    task = await this.finished(task);
    assert.deepEqual([task.status, task.progress], ["COMPLETED", 100], task.message ?? undefined);
    return task;
  }
}

/** Fetches a signed URL without the API key. */
export async function fetchSignedUrl(url) {
  const response = await fetch(url);
  assert.equal(response.status, 200);
  return new Uint8Array(await response.arrayBuffer());
}

export async function read(stream) {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Returns the items of several pages. */
export const allItems = (pages) => pages.flatMap((page) => page.results);
/** Returns the links of each page: `<` to the previous page, `>` to the next one. */
export const pageLinks = (pages) => pages.map(({ previous, next }) => (previous ? "<" : "") + (next ? ">" : ""));
/** Returns payload and properties of records or exported lines. */
export const contents = (records) => records.map(({ payload, properties }) => [payload, properties]);
export const ids = (items) => items.map((item) => item.id);
export const text = (bytes) => new TextDecoder().decode(bytes);

/** Asserts that a call rejects with the SDK's typed error. */
export async function rejects(status, code, call) {
  const error = await rejectsWith(ObservabilityError, call);
  assert.deepEqual([error.statusCode, error.detail.errorCode], [status, code], error.message);
  assert.equal(error.message, error.detail.message);
  return error;
}

/** Asserts that a call rejects with the SDK's generic error, whose body has the error envelope. */
export async function rejectsUntyped(status, call) {
  const error = await rejectsWith(SDKError, call);
  assert.equal(error.statusCode, status);
  const { detail } = JSON.parse(error.body);
  assert.ok(detail.message);
  return detail;
}

/** Asserts that a call rejects with exactly this class. */
export async function rejectsWith(ErrorClass, call) {
  let caught;
  await assert.rejects(call, (error) => {
    caught = error;
    return true;
  });
  assert.equal(caught.constructor.name, ErrorClass.name, String(caught));
  assert.ok(caught instanceof ErrorClass && caught instanceof MistralError);
  return caught;
}
