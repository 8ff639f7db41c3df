// Compiles as in a project with a bundler, the DOM library and without @types/node: calls, options, streams and errors.

import {
  type AbortSignalLike,
  CreateReport,
  Download,
  ImportReport,
  SpanImportReport,
  Mistral,
  MistralError,
  NotFoundError,
  RateLimitError,
  reportOf,
  TaskFailedError,
} from "mistral-datasets";
import { startLocal } from "mistral-datasets/testing";

/** Compiles only if both types are identical, which `any` is not. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(proof: Same<A, B>): void;

export async function callsOfTheOfficialSdk(mistral: Mistral, datasetId: string): Promise<void> {
  const { datasets } = mistral.beta.observability;
  const datasetRecordId = datasetId;
  const payload = { messages: [{ role: "user", content: "Hello" }] };
  const record = await datasets.createRecord({
    datasetId,
    createDatasetRecordRequest: { payload, properties: {}, source: "DIRECT_INPUT" },
  });
  same<typeof record.id, string>(true);
  await datasets.update({ datasetId, updateDatasetRequest: { name: "New name" } });
  await datasets.importFromFile({
    datasetId,
    importDatasetFromFileRequest: { fileId: "f" },
    wait: true,
  });
  await datasets.importFromPlayground({
    datasetId,
    importDatasetFromPlaygroundRequest: { conversationIds: ["c"] },
  });
  await datasets.importFromDatasetRecords({
    datasetId,
    importDatasetFromDatasetRequest: { datasetRecordIds: [datasetRecordId] },
  });
  const { records } = datasets;
  await records.updatePayload({ datasetRecordId, updateDatasetRecordPayloadRequest: { payload } });
  await records.updateProperties({
    datasetRecordId,
    updateDatasetRecordPropertiesRequest: { properties: {} },
  });
  await records.judge({
    datasetRecordId,
    judgeDatasetRecordRequest: {
      judgeDefinition: {
        name: "Politeness",
        description: "",
        modelName: "m",
        instructions: "",
        tools: [],
        output: { type: "REGRESSION", minDescription: "rude", maxDescription: "polite" },
      },
    },
  });
  // @ts-expect-error A required field of the body is missing.
  await datasets.createRecord({ datasetId, createDatasetRecordRequest: { payload } });
  // @ts-expect-error Unknown field of the body.
  await datasets.update({ datasetId, updateDatasetRequest: { title: "x" } });
}

export async function options(mistral: Mistral, datasetId: string): Promise<void> {
  new Mistral({ apiKey: "k", maxRetries: 0, timeoutMs: 1000, deadlineMs: 5000 });
  new Mistral({ apiKey: "k", retryConfig: { strategy: "none" } });
  const options = { maxRetries: 2, retry: { firstDelayMs: 10 }, timeoutMs: 1, deadlineMs: 2 };
  await mistral.datasets.list({}, options);
  await mistral.datasets.createRecords({ datasetId, records: [] }, options);
  await mistral.datasets.importJsonl({ datasetId, source: "f", waitTimeoutMs: 5 }, options);
  await mistral.datasets.task({ datasetId, taskId: "t" }).wait({ timeoutMs: 5 }, options);
  const signal: AbortSignalLike = {
    aborted: false,
    addEventListener() {},
    removeEventListener() {},
  };
  await mistral.datasets.list({}, { signal });
  await mistral.datasets.list({}, { signal: AbortSignal.timeout(5) });
  // @ts-expect-error The waiting time is `waitTimeoutMs`.
  await mistral.datasets.importJsonl({ datasetId, source: "f", timeoutMs: 5 });
}

export async function streams(mistral: Mistral, datasetId: string, file: File): Promise<void> {
  await mistral.files.upload({ file });
  await mistral.files.upload({ file: { fileName: "f", content: file.stream() } });
  const { readable, writable } = new CompressionStream("gzip");
  await mistral.datasets.importJsonl({ datasetId, source: readable });
  const download: Download = await mistral.files.download({ fileId: "f" });
  const response = new Response(download);
  const reader = download.getReader();
  same<(typeof reader)["closed"], Promise<void>>(true);
  await mistral.datasets.export({ datasetId, to: new WritableStream<Uint8Array>() });
  const nodeStream = {
    write: (chunk: Uint8Array) => chunk.length > 0,
    end() {},
    on() {},
  };
  await mistral.datasets.export({ datasetId, to: nodeStream });
  void [response, writable];
}

export function errorsCanBeConstructed(
  error: unknown,
): CreateReport | ImportReport | SpanImportReport | null {
  const notFound: MistralError = new NotFoundError("gone", { status: 404, requestId: "r-1" });
  const limited = new RateLimitError("slow down", { retryAfterMs: 1000, cause: notFound });
  same<typeof limited.retryAfterMs, number | null>(true);
  new TaskFailedError("failed", { operation: "wait" });
  // @ts-expect-error The base class is abstract.
  new MistralError("no");
  // @ts-expect-error Unknown detail.
  new NotFoundError("gone", { statsu: 404 });
  return reportOf(error);
}

export async function local(): Promise<void> {
  const server = await startLocal();
  await server.client.datasets.list();
  await server.close();
}
