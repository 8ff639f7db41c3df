// The classes of errors, and what is said about wrong arguments.

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

test("there is a class for every kind that the native module tells apart, and no other", () => {
  const kinds = require("../lib/native.js").errorKinds();
  const { classOf } = require("../lib/failure.js");
  const classes = Object.values(datasets).filter(
    (value) => value.prototype instanceof MistralError,
  );
  const ofKinds = kinds.map(classOf);
  assert.equal(new Set(ofKinds).size, kinds.length);
  assert.deepEqual(new Set(classes), new Set([...ofKinds, ObservabilityError]));
  for (const [index, kind] of kinds.entries()) {
    const name = kind.split("_").map((part) => part[0].toUpperCase() + part.slice(1));
    assert.equal(ofKinds[index].name, `${name.join("")}Error`);
    assert.equal(ofKinds[index].prototype.name, ofKinds[index].name);
  }
});

test("every class is really raised", async () => {
  const raised = async (call) => {
    const error = await (async () => call())().then(
      () => assert.fail("nothing was raised"),
      (error) => error,
    );
    const { classOf } = require("../lib/failure.js");
    assert.equal(error.constructor, classOf(error.kind));
    assert.ok(error instanceof MistralError && error.name === error.constructor.name);
    return error.kind;
  };
  const once = { retries: 1 };
  const answered = async (status, body) => {
    const { client } = await canned({ status, body });
    return raised(() => client.datasets.list({}, once));
  };
  const local = await Fixture.start();
  const { id: datasetId } = await local.dataset();
  const fileId = await local.file("no JSON");
  const closed = new Mistral({ apiKey: "k" });
  await closed.close();
  const { client: slow } = await canned({ delay: 20_000 });
  const kinds = [
    await raised(() => new Mistral({ apiKey: " " })),
    await raised(() => nowhere().datasets.list({}, once)),
    await raised(() => slow.datasets.list({}, { ...once, timeoutMs: 50 })),
    await raised(() => slow.datasets.list({}, { signal: AbortSignal.timeout(50) })),
    await raised(() => local.datasets.importFromFile({ datasetId, fileId, wait: true })),
    await raised(() => closed.datasets.list()),
    await answered(200, "no JSON"),
  ];
  for (const status of [401, 403, 404, 409, 422, 429, 500]) {
    kinds.push(await answered(status, '{"detail": {"message": "no"}}'));
  }
  assert.deepEqual(kinds.sort(), require("../lib/native.js").errorKinds().sort());
});

test("an error says what to know, and where the call was", async () => {
  const body = '{"detail": {"message": "there is no dataset", "error_code": "DATASET_NOT_FOUND"}}';
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
    "NotFoundError: fetch_dataset: there is no dataset (DATASET_NOT_FOUND, status 404, request r-1)",
  );
  assert.match(error.stack, /^NotFoundError: there is no dataset\n[^]*caller/);
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

test("causes are errors, the nearest first", async () => {
  const error = await failure(nowhere().datasets.list(), datasets.ConnectionError);
  const messages = [];
  for (let cause = error.cause; cause; cause = cause.cause) messages.push(cause.message);
  assert.ok(messages.length > 1);
  assert.match(messages.at(-1), /refused/);
});

test("wrong arguments are rejected by their names, before anything is sent", async () => {
  const { client, requests } = await canned({});
  const { datasets, files } = client;
  const datasetId = "d";
  for (const [call, message] of [
    [() => datasets.fetch(), "datasetId: is missing"],
    [() => datasets.fetch({}), "datasetId: is missing"],
    [() => datasets.fetch({ datasetId: undefined }), "datasetId: is missing"],
    [() => datasets.fetch({ datasetId: null }), "datasetId: expected text, found null"],
    [() => datasets.fetch({ datasetId: 5 }), "datasetId: expected text, found 5"],
    [() => datasets.fetch({ datasetId: "" }), "datasetId: must not be empty"],
    [() => datasets.fetch({ datasetId: "\ud800" }), "datasetId: holds half of a surrogate pair"],
    [() => datasets.fetch("d"), "expected one object such as { datasetId }, found text"],
    [() => datasets.fetch(["d"]), "expected one object such as { datasetId }, found a list"],
    [() => datasets.fetch({ dataset_id: "d" }), "dataset_id: is no argument; write datasetId"],
    [() => datasets.fetch({ datasetId, x: 1 }), "x: is no argument; there is datasetId"],
    [() => datasets.list({ pageSize: "10" }), "pageSize: expected a whole number, found text"],
    [() => datasets.list({ pageSize: 1.5 }), "pageSize: expected a whole number, found 1.5"],
    [() => datasets.list({ pageSize: NaN }), "pageSize: expected a whole number, found NaN"],
    [() => datasets.list({ page: 10n }), "page: expected a whole number, found a BigInt"],
    [() => datasets.list({ page: 2 ** 60 }), `page: expected a whole number, found ${2 ** 60}`],
    [() => files.list({ includeTotal: 1 }), "includeTotal: expected true or false, found 1"],
    [
      () => datasets.importFromExplorer({ datasetId, completionEventIds: "e" }),
      "completionEventIds: expected a list of texts, found text",
    ],
    [
      () => datasets.importFromExplorer({ datasetId, completionEventIds: ["e", new Date()] }),
      "completionEventIds: expected text, found a Date, at index 1",
    ],
    [
      () => datasets.importFromExplorer({ datasetId, completionEventIds: Array(501).fill("e") }),
      "completionEventIds: expected at most 500 items, found 501",
    ],
    [
      () => datasets.importFromDatasetRecords({ datasetId, datasetRecordIds: ["r"] }),
      "datasetRecordIds[0]: expected a UUID",
    ],
    [() => files.upload({}), "file: is missing"],
    [() => files.upload({ file: "text" }), "file: expected a file, found text"],
    [() => files.upload({ file: { content: "x" } }), "file.fileName: is missing"],
    [
      () => files.upload({ file: { fileName: 1, content: "x" } }),
      "file.fileName: expected text, found 1",
    ],
    [() => files.upload({ file: { fileName: "f" } }), "file.content: is missing"],
    [
      () => files.upload({ file: { fileName: "f", content: 5 } }),
      "file.content: expected bytes, text, a Blob or a stream, found 5",
    ],
    [
      () => files.upload({ file: { fileName: "f", content: "x", name: "f" } }),
      "file.name: is no argument; there is fileName, content, contentType",
    ],
    [
      () => files.upload({ file: { fileName: "f", content: "x", contentType: "no type" } }),
      "content_type: expected a media type such as application/jsonl",
    ],
    [() => client.openLink(5), "url: expected a link, found 5"],
    [() => client.openLink("nothing"), "url: expected an http or https link"],
  ]) {
    const promise = call();
    assert.ok(promise instanceof Promise, message);
    await failure(promise, ValidationError, {
      message,
      status: null,
      errorCode: "VALIDATION_ERROR",
    });
  }
  const [wrong] = [[{}, 5]];
  const stream = { fileName: "f", content: ReadableStream.from(wrong) };
  await failure(files.upload({ file: stream }), ValidationError, {
    message: "file.content: expected bytes or text, found an object",
  });
  assert.deepEqual(
    requests.map(({ url }) => url).filter((url) => url !== "/v1/files"),
    [],
  );
});

test("what is undefined is left out", async () => {
  const { client, requests } = await canned({ body: '{"datasets": {"count": 0}}' });
  await client.datasets.list({ pageSize: undefined, page: null, q: "x" });
  assert.equal(requests[0].url, "/v1/observability/datasets?q=x");
});

test("options of no use are configuration errors", () => {
  for (const [options, message] of [
    [{ apiKey: 5 }, /^apiKey: expected text, found 5$/],
    [{ apiKey: "a\nb" }, /characters that are not allowed in a header/],
    [{ apiKey: "k", serverURL: "no url" }, /^the server URL is not a valid URL/],
    [{ apiKey: "k", serverURL: 5 }, /^serverURL: expected a URL, found 5$/],
    [{ apiKey: "k", timeoutMs: 0 }, /^timeoutMs: /],
    [{ apiKey: "k", timeoutMs: "5" }, /^timeoutMs: /],
    [{ apiKey: "k", deadlineMs: -1 }, /^deadlineMs: /],
    [{ apiKey: "k", retryConfig: 1.5 }, /^retryConfig: expected a whole number above 0/],
    [{ apiKey: "k", proxy: "no url" }, /^the proxy URL is invalid/],
    [{ apiKey: "k", caCertificates: "none" }, /certificate/],
    [{ apiKey: "k", caCertificates: 5 }, /^caCertificates: expected certificates in PEM/],
    [{ apiKey: "k", logger: { debug() {} } }, /^logger: expected an object with debug, info,/],
    [{ apiKey: "k", debugLogger: console }, /^debugLogger: is no option; there is apiKey,/],
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

test("a directory that is no path is a configuration error", async () => {
  await failure(Mistral.local(5), ConfigurationError, {
    message: "directory: expected a path, found 5",
  });
});
