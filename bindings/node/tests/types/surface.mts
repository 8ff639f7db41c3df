// Checks that valid uses of the API compile and invalid ones do not. This file is compiled but not run.

import { createReadStream } from "node:fs";

import {
  ClosedError,
  type ConversationPayload,
  type CreateRecordRequest,
  CreateReport,
  type Dataset,
  type DatasetRecord,
  Download,
  type ErrorCode,
  type ImportedFile,
  ImportReport,
  type ImportTask,
  type JsonObject,
  type JsonValue,
  type ListDatasetsResponse,
  type LocalServerOptions,
  Mistral,
  MistralError,
  NotFoundError,
  ObservabilityError,
  RawJson,
  RecordSource,
  TaskFailedError,
  TaskStatus,
  Timestamp,
  type UnknownFile,
} from "mistral-datasets";
import {
  connectLocal,
  type FaultRule,
  type RecordedRequest,
  LocalWorkspace,
  startLocal,
} from "mistral-datasets/testing";

/** Compiles only if both types are identical, which `any` is not. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(proof: Same<A, B>): void;

interface Message {
  role: "user" | "assistant";
  content: string;
}

interface Conversation {
  messages: Message[];
  metadata?: { model: string };
}

export async function basics(conversation: Conversation, tags: { topic: string }): Promise<void> {
  await using mistral = new Mistral({
    apiKey: "key",
    serverURL: new URL("http://h"),
    timeoutMs: 1000,
  });
  new Mistral();
  await using local: Mistral = await Mistral.local("./data");

  const dataset: Dataset = await mistral.datasets.create({ name: "Refunds", description: "" });
  same<typeof dataset.id, string>(true);
  same<typeof dataset.slug, string | null>(true);
  same<typeof dataset.deletedAt, Timestamp | null>(true);
  same<typeof dataset.createdAt.microseconds, number>(true);
  same<typeof dataset.extra, JsonObject>(true);
  const date: Date = dataset.createdAt;

  const datasetId = dataset.id;
  await mistral.beta.observability.datasets.update({ datasetId, name: null });
  await mistral.datasets.list();
  await mistral.datasets.list({ pageSize: undefined, q: "refund" });

  const record: DatasetRecord = await mistral.datasets.createRecord({
    datasetId,
    payload: conversation,
    properties: tags,
    source: RecordSource.DIRECT_INPUT,
  });
  same<typeof record.payload, ConversationPayload>(true);
  same<typeof record.payload.messages, JsonObject[] | undefined>(true);
  same<(typeof record.payload)[string], JsonValue | undefined>(true);
  same<typeof record.payloadText, string>(true);
  await mistral.datasets.createRecord({
    datasetId,
    payload: { messages: [{ role: "user", content: "Hello" }], metadata: { model: "m" } },
    properties: RawJson.from("{}"),
    source: "A_FUTURE_SOURCE",
  });
  await mistral.datasets.createRecord({
    datasetId,
    payload: record.payload,
    properties: record.properties,
  });
  await mistral.datasets.records.updatePayload({
    datasetRecordId: record.id,
    payload: RawJson.from("{}"),
  });
  await mistral.datasets.records.judge({
    datasetRecordId: record.id,
    judgeDefinition: {
      name: "Politeness",
      description: "",
      modelName: "m",
      instructions: "",
      tools: [],
      output: { type: "CLASSIFICATION", options: [] },
    },
  });

  const { records } = await mistral.datasets.listRecords({ datasetId });
  for (const { payload } of records.results) payload.messages?.map((message) => message["role"]);

  const task = await mistral.datasets.importFromDatasetRecords({
    datasetId,
    datasetRecordIds: [record.id] as const,
  });
  if (task.status === TaskStatus.COMPLETED || task.status === "FAILED")
    same<typeof task.result, unknown>(false);
  same<typeof task.progress, number | null>(true);

  const file = await mistral.files.upload({
    file: { fileName: "f", content: createReadStream("f") },
    expiry: 1,
  });
  await mistral.files.upload({
    file: { fileName: "f", content: Buffer.from("x"), contentType: "text/plain" },
  });
  await mistral.files.upload({ file: { fileName: "f", content: new Blob([]).stream() } });
  await mistral.files.upload({ file: new Blob(["x"]), purpose: "batch" });
  const download: Download = await mistral.files.download({ fileId: file.id });
  for await (const chunk of download) same<typeof chunk, Uint8Array>(true);
  const whole: Uint8Array = await (await mistral.openLink("http://h/f")).bytes();
  void [date, whole, local];
}

export async function advanced(mistral: Mistral, datasetId: string): Promise<void> {
  const client = new Mistral({
    retries: { maxRetries: 2, maxRetryAfterMs: 0 },
    deadlineMs: 1,
    headers: [["x-team", "blue"]],
    proxy: "http://proxy:3128",
    caCertificates: [Buffer.from("")],
    logger: console,
  });
  client.withOptions({ retries: 0, headers: new Headers(), logger: console });
  new Mistral({ retryConfig: { strategy: "backoff", backoff: { initialInterval: 1 } } });

  const { value, response } = await mistral.datasets
    .list({}, { signal: AbortSignal.timeout(1), retries: { strategy: "none" } })
    .withResponse();
  same<typeof value, ListDatasetsResponse>(true);
  same<typeof response.requestId, string | null>(true);
  same<typeof response.headers, Headers>(true);
  const call: Promise<Dataset> = mistral.datasets.fetch({ datasetId });

  for await (const record of mistral.datasets.iterRecords({ datasetId, prefetch: 1 })) {
    same<typeof record, DatasetRecord>(true);
    same<typeof record.payload, ConversationPayload>(true);
  }
  for await (const { payload } of mistral.datasets.iterRecords<Conversation>({ datasetId })) {
    same<typeof payload.messages, Message[]>(true);
  }
  for await (const page of mistral.datasets.iter({ q: "x", strict: true }).pages()) {
    same<typeof page.results, Dataset[]>(true);
  }
  const total = await mistral.datasets.iterTasks({ datasetId }, { timeoutMs: 1 }).count();
  same<typeof total, number>(true);

  const task = await mistral.datasets.importFromFile({ datasetId, fileId: "f", wait: true });
  await task.wait({ onProgress: ({ progress }) => same<typeof progress, number | null>(true) });
  const handle = mistral.datasets.task({ datasetId, taskId: task.id });
  const refreshed = await handle.refresh();
  same<typeof refreshed, ImportTask>(true);
  void call;
}

export async function bulk(mistral: Mistral, datasetId: string): Promise<void> {
  async function* generated() {
    yield { payload: { messages: [{ role: "user" }] }, properties: { n: 1 } };
    yield { messages: [] };
  }
  const report = await mistral.datasets.createRecords({
    datasetId,
    records: generated(),
    onProgress: ({ totalRecords }) => same<typeof totalRecords, number | null>(true),
  });
  for (const item of report.items) {
    if (item.status === "created") same<typeof item.id, string>(true);
    else if (item.status === "failed") same<typeof item.error, MistralError>(true);
  }
  await mistral.datasets.createRecords({ datasetId, records: [], resume: report });
  const restored = CreateReport.fromJSON(JSON.stringify(report));
  same<typeof restored, CreateReport>(true);
  same<typeof restored.datasetId, string>(true);
  const records = mistral.datasets.iterRecords({ datasetId });
  await mistral.datasets.createRecords({ datasetId, records, strategy: "file" });

  const imported = await mistral.datasets.importJsonl({
    datasetId,
    source: createReadStream("f.gz"),
    compression: "gzip",
  });
  same<(typeof imported.invalidLines)[number]["column"], number>(true);
  same<typeof imported.files, readonly ImportedFile[]>(true);
  same<typeof imported.unknown, readonly UnknownFile[]>(true);
  await mistral.datasets.importJsonl({ datasetId, source: ['{"messages": []}', { messages: [] }] });
  await mistral.datasets.importJsonl({ datasetId, source: new URL("file:///f"), resume: imported });
  same<ImportReport, ReturnType<typeof ImportReport.fromJSON>>(true);

  const exported = await mistral.datasets.export({ datasetId, to: process.stdout });
  same<typeof exported.path, string | null>(true);
  await mistral.datasets.export({ datasetId, to: new WritableStream<Uint8Array>() });
  await mistral.datasets.export({ datasetId, to: (chunk) => same<typeof chunk, Uint8Array>(true) });
  for await (const { payload } of mistral.datasets.exportRecords<Conversation>({ datasetId })) {
    same<typeof payload, Conversation>(true);
  }
  // @ts-expect-error A string is not a record.
  await mistral.datasets.createRecords({ datasetId, records: ["text"] });
  // @ts-expect-error Unknown compression.
  await mistral.datasets.export({ datasetId, to: "f", compression: "brotli" });
}

export function errors(error: unknown): ErrorCode | null {
  if (error instanceof ObservabilityError) same<typeof error.body, string | null>(true);
  if (error instanceof NotFoundError) return error.errorCode;
  if (error instanceof TaskFailedError) same<typeof error.task, ImportTask>(true);
  if (error instanceof ClosedError && error.kind === "closed") return null;
  return error instanceof MistralError ? `${error.status} ${error.requestId}` : null;
}

export async function invalid(mistral: Mistral, datasetId: string): Promise<void> {
  // @ts-expect-error The key is a string.
  new Mistral({ apiKey: 5 });
  // @ts-expect-error The number of attempts is a number.
  await mistral.datasets.list({}, { retries: "3" });
  // @ts-expect-error A signal is an option of a call, not of a client.
  mistral.withOptions({ signal: AbortSignal.timeout(1) });
  // @ts-expect-error A pager has no page number.
  mistral.datasets.iterRecords({ datasetId, page: 2 });
  // @ts-expect-error Unknown option.
  new Mistral({ api_key: "key" });
  // @ts-expect-error Missing required argument.
  await mistral.datasets.create({ name: "Refunds" });
  // @ts-expect-error Arguments are in camelCase.
  await mistral.datasets.fetch({ dataset_id: datasetId });
  // @ts-expect-error Arguments are passed as an object.
  await mistral.datasets.fetch(datasetId);
  await mistral.datasets.createRecord({ datasetId, payload: {}, properties: {} });
  // @ts-expect-error An array is not a payload.
  await mistral.datasets.createRecord({ datasetId, payload: [], properties: {} });
  // @ts-expect-error The page size is a number.
  await mistral.datasets.list({ pageSize: "10" });
  // @ts-expect-error The constructor is private.
  new RawJson("{}");
  // @ts-expect-error Properties are read-only.
  (await mistral.datasets.fetch({ datasetId })).name = "x";
  const request: CreateRecordRequest = { datasetId, payload: { messages: [] }, properties: {} };
  // @ts-expect-error A source may be any string, but must be a string.
  request.source = 5;
}

export async function testing(): Promise<void> {
  const judge = {
    judgeUrl: new URL("http://localhost/v1"),
    judgeKey: "k",
    judgeTimeoutMs: 1_000,
    judgeModels: { "mistral-medium-latest": "m" },
  } satisfies LocalServerOptions;
  await Mistral.local({ directory: "./data", ...judge });
  // @ts-expect-error Only servers for tests select a generation.
  await Mistral.local({ generation: "g3" });
  const local: LocalWorkspace = await startLocal({ generation: "any", ...judge });
  const injected: FaultRule = await local.injectFault({
    status: 503,
    times: null,
    headers: { a: "b" },
  });
  const several: FaultRule[] = await local.injectFault([{ drip: { bytes: 1, intervalMs: 5 } }]);
  const requests: RecordedRequest[] = await local.requests("create_record");
  same<(typeof requests)[number]["status"], number | null>(true);
  same<typeof local.client, Mistral>(true);
  const other = connectLocal(new URL(local.url), local.apiKey).workspace();
  await other.insertEvents([{ requestMessages: [], responseMessages: [] }]);
  // @ts-expect-error Unknown property.
  await local.injectFault({ statsu: 503 });
  // @ts-expect-error The constructor is private.
  new LocalWorkspace();
  process.env["MISTRAL_API_KEY"] = local.environment.MISTRAL_API_KEY;
  console.log(injected.applied, several.length);
  await local[Symbol.asyncDispose]();
}
