// Error classes, and validation of arguments and options.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { inspect } from "node:util";

import * as datasets from "mistral-datasets";

import { canned } from "./support/canned.mjs";
import { failure, Fixture, nowhere } from "./support/fixture.mjs";

const {
  ConfigurationError,
  Mistral,
  MistralError,
  NotFoundError,
  ObservabilityError,
  ValidationError,
} = datasets;

const require = createRequire(import.meta.url);

test("every error kind of the native module has a class, and there are no others", () => {
  const kinds = require("../lib/native.js").errorKinds();
  const { errorClass } = require("../lib/failure.js");
  const classes = Object.values(datasets).filter(
    (value) => value.prototype instanceof MistralError,
  );
  const kindClasses = kinds.map(errorClass);
  assert.equal(new Set(kindClasses).size, kinds.length);
  assert.deepEqual(new Set(classes), new Set([...kindClasses, ObservabilityError]));
  for (const [index, kind] of kinds.entries()) {
    const name = kind.split("_").map((part) => part[0].toUpperCase() + part.slice(1));
    assert.equal(kindClasses[index].name, `${name.join("")}Error`);
    assert.equal(kindClasses[index].prototype.name, kindClasses[index].name);
  }
});

test("every error class is thrown", async () => {
  const thrown = async (call) => {
    const error = await (async () => call())().then(
      () => assert.fail("nothing was thrown"),
      (error) => error,
    );
    const { errorClass } = require("../lib/failure.js");
    assert.equal(error.constructor, errorClass(error.kind));
    assert.ok(error instanceof MistralError && error.name === error.constructor.name);
    return error.kind;
  };
  const once = { maxRetries: 0 };
  const responding = async (status, body) => {
    const { client } = await canned({ status, body });
    return thrown(() => client.datasets.list({}, once));
  };
  const local = await Fixture.start();
  const { id: datasetId } = await local.dataset();
  const fileId = await local.file("not JSON");
  const closed = new Mistral({ apiKey: "k" });
  await closed.close();
  const { client: slow } = await canned({ delay: 20_000 });
  const kinds = [
    await thrown(() => new Mistral({ apiKey: " " })),
    await thrown(() => nowhere().datasets.list({}, once)),
    await thrown(() => slow.datasets.list({}, { ...once, timeoutMs: 50 })),
    await thrown(() => slow.datasets.list({}, { signal: AbortSignal.timeout(50) })),
    await thrown(() => local.datasets.importFromFile({ datasetId, fileId, wait: true })),
    await thrown(() => closed.datasets.list()),
    await responding(200, "not JSON"),
  ];
  for (const status of [401, 403, 404, 409, 422, 429, 500]) {
    kinds.push(await responding(status, '{"detail": {"message": "no"}}'));
  }
  assert.deepEqual(kinds.sort(), require("../lib/native.js").errorKinds().sort());
});

test("an error has the details of the response and the caller's stack", async () => {
  const body =
    '{"detail": {"message": "the dataset does not exist", "error_code": "DATASET_NOT_FOUND"}}';
  const { client } = await canned({ status: 404, body, headers: { "x-request-id": "r-1" } });
  async function caller() {
    await client.datasets.fetch({ datasetId: "x" });
  }
  const error = await failure(caller(), NotFoundError);
  assert.ok(error instanceof MistralError && error instanceof Error);
  assert.ok(error instanceof ObservabilityError);
  assert.ok(!(error instanceof ValidationError));
  assert.equal(
    String(error),
    "NotFoundError: fetch_dataset: the dataset does not exist (DATASET_NOT_FOUND, status 404, request r-1)",
  );
  assert.match(
    error.stack,
    /^NotFoundError: fetch_dataset: the dataset does not exist \(DATASET_NOT_FOUND, [^]*caller/,
  );
  assert.equal(error.body, body);
  assert.doesNotMatch(inspect(error), /"detail"/);
  const { elapsedMs, ...rest } = error;
  assert.ok(elapsedMs > 0);
  assert.deepEqual([error.task, error.report], [null, null]);
  assert.deepEqual(rest, {
    kind: "not_found",
    operation: "fetch_dataset",
    status: 404,
    errorCode: "DATASET_NOT_FOUND",
    requestId: "r-1",
    retryable: false,
    ambiguous: false,
    attempts: 1,
    retryAfterMs: null,
    hint: null,
  });
});

test("causes are chained errors, outermost first", async () => {
  const error = await failure(nowhere().datasets.list(), datasets.ConnectionError);
  const messages = [];
  for (let cause = error.cause; cause; cause = cause.cause) messages.push(cause.message);
  assert.ok(messages.length > 1);
  assert.match(messages.at(-1), /refused/);
});

test("invalid arguments are rejected by name, before a request is sent", async () => {
  const { client, requests } = await canned({});
  const { datasets, files } = client;
  const datasetId = "d";
  for (const [call, message] of [
    [() => datasets.fetch(), "missing argument `datasetId`"],
    [() => datasets.fetch({}), "missing argument `datasetId`"],
    [() => datasets.fetch({ datasetId: undefined }), "missing argument `datasetId`"],
    [() => datasets.fetch({ datasetId: null }), "datasetId: expected a string, found null"],
    [() => datasets.fetch({ datasetId: 5 }), "datasetId: expected a string, found 5"],
    [() => datasets.fetch({ datasetId: "" }), "datasetId: must not be empty"],
    [() => datasets.fetch({ datasetId: "\ud800" }), "datasetId: contains an unpaired surrogate"],
    [() => datasets.fetch("d"), "expected an object such as { datasetId }, found a string"],
    [() => datasets.fetch(["d"]), "expected an object such as { datasetId }, found an array"],
    [
      () => datasets.fetch({ dataset_id: "d" }),
      "unknown argument `dataset_id`; did you mean `datasetId`?",
    ],
    [
      () => datasets.fetch({ datsetId: "d" }),
      "unknown argument `datsetId`; did you mean `datasetId`?",
    ],
    [
      () => datasets.fetch({ datasetId, x: 1 }),
      "unknown argument `x`; expected one of `datasetId`",
    ],
    [() => datasets.list({ pageSize: "10" }), "pageSize: expected an integer, found a string"],
    [() => datasets.list({ pageSize: 1.5 }), "pageSize: expected an integer, found 1.5"],
    [() => datasets.list({ pageSize: NaN }), "pageSize: expected an integer, found NaN"],
    [() => datasets.list({ page: 10n }), "page: expected an integer, found a BigInt"],
    [() => datasets.list({ page: 2 ** 60 }), `page: expected an integer, found ${2 ** 60}`],
    [() => files.list({ includeTotal: 1 }), "includeTotal: expected a boolean, found 1"],
    [
      () => datasets.importFromExplorer({ datasetId, completionEventIds: "e" }),
      "completionEventIds: expected an array of strings, found a string",
    ],
    [
      () => datasets.importFromExplorer({ datasetId, completionEventIds: ["e", new Date()] }),
      "completionEventIds: expected a string, found a Date, at index 1",
    ],
    [
      () => datasets.importFromExplorer({ datasetId, completionEventIds: Array(501).fill("e") }),
      "completionEventIds: expected at most 500 items, found 501",
    ],
    [
      () => datasets.importFromDatasetRecords({ datasetId, datasetRecordIds: ["r"] }),
      "datasetRecordIds[0]: expected a UUID",
    ],
    [() => files.upload({}), "missing argument `file`"],
    [() => files.upload({ file: "text" }), "file: expected a file, found a string"],
    [() => files.upload({ file: { content: "x" } }), "file: missing property `fileName`"],
    [
      () => files.upload({ file: { fileName: 1, content: "x" } }),
      "file.fileName: expected a string, found 1",
    ],
    [() => files.upload({ file: { fileName: "f" } }), "file: missing property `content`"],
    [
      () => files.upload({ file: { fileName: "f", content: 5 } }),
      "file.content: expected bytes, a string, a Blob or a stream, found 5",
    ],
    [
      () => files.upload({ file: { fileName: "f", content: "x", title: "f" } }),
      "file: unknown property `title`; expected one of `fileName`, `content`, `contentType`",
    ],
    [
      () => files.upload({ file: { fileName: "f", content: "x", contentType: "no type" } }),
      "content_type: expected a media type such as application/jsonl",
    ],
    [() => client.openLink(5), "url: expected a URL, found 5"],
    [() => client.openLink("nothing"), "url: expected an http or https URL"],
  ]) {
    const promise = call();
    assert.ok(promise instanceof Promise, message);
    await failure(promise, ValidationError, {
      message,
      status: null,
      errorCode: "VALIDATION_ERROR",
    });
  }
  const file = { fileName: "f", content: ReadableStream.from([{}, 5]) };
  await failure(files.upload({ file }), ValidationError, {
    message: "file.content: expected bytes or a string, found an object",
  });
  assert.deepEqual(
    requests.map(({ url }) => url).filter((url) => url !== "/v1/files"),
    [],
  );
});

test("undefined arguments are omitted", async () => {
  const { client, requests } = await canned({ body: '{"datasets": {"count": 0}}' });
  await client.datasets.list({ pageSize: undefined, page: null, q: "x" });
  assert.equal(requests[0].url, "/v1/observability/datasets?q=x");
});

test("invalid options are configuration errors", () => {
  for (const [options, message] of [
    [{ apiKey: 5 }, /^apiKey: expected a string, found 5$/],
    [{ apiKey: "a\nb" }, /characters that are not allowed in a header/],
    [{ apiKey: "k", serverURL: "no url" }, /^the server URL is not a valid URL/],
    [{ apiKey: "k", serverURL: 5 }, /^serverURL: expected a URL, found 5$/],
    [{ apiKey: "k", timeoutMs: 0 }, /^timeoutMs: /],
    [{ apiKey: "k", timeoutMs: "5" }, /^timeoutMs: /],
    [{ apiKey: "k", deadlineMs: -1 }, /^deadlineMs: /],
    [{ apiKey: "k", retryConfig: 1.5 }, /^retryConfig: expected an integer of at least 0/],
    [{ apiKey: "k", proxy: "no url" }, /^the proxy URL is invalid/],
    [{ apiKey: "k", caCertificates: "none" }, /certificate/],
    [{ apiKey: "k", caCertificates: 5 }, /^caCertificates: expected PEM certificates/],
    [
      { apiKey: "k", logger: { debug() {} } },
      /^logger: expected an object with the methods debug, info,/,
    ],
    [
      { apiKey: "k", debugLogger: console },
      /^unknown option `debugLogger`; expected one of `apiKey`,/,
    ],
    [{ apiKey: "k", timeout: 5 }, /^unknown option `timeout`; did you mean `timeoutMs`\?$/],
    [null, /^options: expected an object, found null$/],
  ]) {
    assert.throws(
      () => new Mistral(options),
      (error) => {
        assert.ok(error instanceof ConfigurationError);
        assert.match(error.message, message);
        return true;
      },
    );
  }
  assert.equal(
    new Mistral({ apiKey: "k", serverURL: new URL("http://h/v/") }).serverURL,
    "http://h/v",
  );
});

test("an invalid directory is a configuration error", async () => {
  await failure(Mistral.local(5), ConfigurationError, {
    message: "options: expected an object, found 5",
  });
  await failure(Mistral.local({ directory: 5 }), ConfigurationError, {
    message: "directory: expected a path, found 5",
  });
});
