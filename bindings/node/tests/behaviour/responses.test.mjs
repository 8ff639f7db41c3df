// Behaviour cases: responses that the local server does not send.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import {
  ConflictError,
  DecodingError,
  ObservabilityError,
  PermissionError,
  RateLimitError,
  RawJson,
  ServerError,
  ValidationError,
} from "mistral-datasets";

import { canned } from "../support/canned.mjs";
import { failure } from "../support/fixture.mjs";

const ID = "019b2bd7-96e7-7219-8c0b-45a73da50088";
const TIMES = {
  created_at: "2025-12-17T10:25:07.818693Z",
  updated_at: "2025-12-17T10:41:03.469341Z",
};

/** Returns the `datasets` of a client whose server sends this response. */
async function respondingWith(body) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return (await canned({ body: text })).client.datasets;
}

test("responses_of_every_generation_are_parsed", async () => {
  const dataset = { id: ID, ...TIMES, name: "n", description: "d", owner_id: ID, workspace_id: ID };
  for (const [body, slug] of [
    [{ ...dataset, deleted_at: null }, null],
    [{ ...dataset, deleted_at: null, slug: "my-resource" }, "my-resource"],
    [dataset, null],
  ]) {
    const read = await (await respondingWith(body)).fetch({ datasetId: ID });
    assert.deepEqual([read.slug, read.deletedAt], [slug, null]);
    assert.equal(read.createdAt.microseconds, 818_693);
  }

  // Samples from the API documentation, whose renderer shows free-form objects as arrays.
  const record = { id: ID, ...TIMES, dataset_id: ID, source: "EXPLORER" };
  const sample = { ...record, payload: { messages: [[null]] }, properties: [null] };
  const read = await (await respondingWith(sample)).records.fetch({ datasetRecordId: ID });
  assert.deepEqual([read.payload, read.properties], [{ messages: [[null]] }, [null]]);

  const page = (
    await (await respondingWith({ records: { count: 87 } })).listRecords({ datasetId: ID })
  ).records;
  assert.deepEqual({ ...page }, { results: [], count: 87, next: null, previous: null });

  const task = { id: ID, ...TIMES, creator_id: ID, dataset_id: ID, workspace_id: ID };
  const result = { requested_record_count: 2, imported_record_count: 1, skipped_record_count: 1 };
  for (const [more, progress, imported] of [
    [{ status: "RUNNING" }, null, undefined],
    [{ status: "RUNNING", progress: null, message: null }, null, undefined],
    [{ status: "COMPLETED", progress: 100, result }, 100, 1],
  ]) {
    const read = await (
      await respondingWith({ ...task, ...more })
    ).fetchTask({ datasetId: ID, taskId: ID });
    assert.deepEqual([read.progress, read.result?.importedRecordCount], [progress, imported]);
  }
});

test("unknown_fields_and_values_are_preserved", async () => {
  const body = `{
    "id": "${ID}", "created_at": "${TIMES.created_at}", "updated_at": "${TIMES.updated_at}", "dataset_id": "${ID}",
    "payload": {}, "properties": {}, "source": "CARRIER_PIGEON", "mood": {"b": 1.5, "a": [1]}, "__proto__": {"x": 1}
  }`;
  const record = await (await respondingWith(body)).records.fetch({ datasetRecordId: ID });
  assert.equal(record.source, "CARRIER_PIGEON");
  assert.deepEqual(record.extra.mood, { b: 1.5, a: [1] });
  assert.deepEqual(Object.keys(record.extra).sort(), ["__proto__", "mood"]);
  assert.equal(JSON.parse(JSON.stringify(record)).mood.b, 1.5);
  const task = {
    id: ID,
    ...TIMES,
    creator_id: ID,
    dataset_id: ID,
    workspace_id: ID,
    status: "PAUSED",
  };
  assert.equal(
    (await (await respondingWith(task)).fetchTask({ datasetId: ID, taskId: ID })).status,
    "PAUSED",
  );
});

test("invalid_payload_json_does_not_hide_other_records", async () => {
  const record = (payload) => `{
    "id": "${ID}", "created_at": "${TIMES.created_at}", "updated_at": "${TIMES.updated_at}", "dataset_id": "${ID}",
    "payload": ${payload}, "properties": {}, "source": "PLAYGROUND", "mood": ${payload}
  }`;
  const results = `[${record('{"secret": tru}')}, ${record('{"messages": []}')}]`;
  const body = `{"records": {"results": ${results}, "count": 2, "next": null}}`;
  const { records } = await (await respondingWith(body)).listRecords({ datasetId: ID });
  const [invalid, valid] = records.results;
  assert.deepEqual(valid.payload, { messages: [] });
  assert.deepEqual(valid.extra, { mood: { messages: [] } });
  for (const access of [
    () => invalid.payload,
    () => invalid.extra,
    () => JSON.stringify(invalid),
  ]) {
    assert.throws(access, (error) => {
      assert.ok(error instanceof DecodingError);
      assert.doesNotMatch(inspect(error, { depth: null }), /secret/);
      return true;
    });
  }
  assert.equal(invalid.payloadText, '{"secret": tru}');
  assert.doesNotMatch(inspect(invalid), /secret/);
  // The invalid JSON cannot be sent as RawJson either.
  assert.throws(() => RawJson.from(invalid.payloadText), ValidationError);
});

test("error_envelopes_of_every_kind_are_parsed", async () => {
  const envelope = { detail: { message: "taken", error_code: "SOMETHING_NEW" } };
  const validator = [
    { type: "missing", loc: ["body", "name"], msg: "Field required", input: { secret: 1 } },
  ];
  const gateway = {
    object: "error",
    message: { detail: "no" },
    type: "forbidden",
    param: null,
    code: null,
  };
  const withoutDetail = (status) => `the server responded with ${status} and no error message`;
  for (const [status, body, ErrorClass, message, errorCode] of [
    [409, JSON.stringify(envelope), ConflictError, "taken", "SOMETHING_NEW"],
    [
      422,
      JSON.stringify({ detail: validator }),
      ValidationError,
      "body.name: Field required",
      null,
    ],
    [403, JSON.stringify(gateway), PermissionError, "no", "forbidden"],
    [502, "<html>bad gateway</html>", ServerError, withoutDetail("502 (Bad Gateway)"), null],
    [429, "", RateLimitError, withoutDetail("429 (Too Many Requests)"), null],
    [418, "{}", ValidationError, withoutDetail("418 (I'm a teapot)"), null],
  ]) {
    const { client } = await canned({ status, body, headers: { "x-request-id": "r-1" } });
    const error = await failure(client.datasets.fetch({ datasetId: ID }), ErrorClass, {
      message,
      errorCode,
      status,
      requestId: "r-1",
      body: body === "" ? null : body,
    });
    assert.equal(error instanceof ObservabilityError, status === 409);
  }

  for (const body of ["<html>hello</html>", "{", '{"id": 5}', "null", ""]) {
    const datasets = await respondingWith(body);
    await failure(datasets.fetch({ datasetId: ID }), DecodingError, { status: 200 });
  }
});
