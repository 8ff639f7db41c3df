// Behaviour cases: retries, deadlines, per-call options and cancellation.

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import {
  CancelledError,
  ClosedError,
  ConfigurationError,
  MistralError,
  NotFoundError,
  RateLimitError,
  ServerError,
  TimeoutError,
  ValidationError,
} from "mistral-datasets";

import { failure, Fixture } from "../support/fixture.mjs";

const EMPTY = { payload: { messages: [] }, properties: {} };

test("retries_a_read", async () => {
  const fixture = await Fixture.served();
  for (const status of [408, 429, 500, 502, 503, 504]) {
    await fixture.injectFault({ operation: "list_datasets", status, times: 2 });
    const { response } = await fixture.datasets.list().withResponse();
    assert.deepEqual([response.status, response.attempts], [200, 3]);
    assert.equal((await fixture.requests()).length, 3, `status ${status}`);
  }
  await fixture.injectFault({ operation: "list_datasets", status: 422 });
  await failure(fixture.datasets.list(), ValidationError, { attempts: 1 });
});

test("retries_an_interrupted_read", async () => {
  const fixture = await Fixture.served();
  const dataset = await fixture.dataset();
  await fixture.requests();
  const fetch = (options) => fixture.datasets.fetch({ datasetId: dataset.id }, options);
  for (const fault of [
    { resetAfterBytes: 0 },
    { resetAfterBytes: 10 },
    { truncateAfterBytes: 10 },
  ]) {
    await fixture.injectFault({ operation: "fetch_dataset", ...fault });
    assert.deepEqual((await fetch()).toJSON(), dataset.toJSON());
    assert.equal((await fixture.requests()).length, 2, JSON.stringify(fault));
  }
  await fixture.injectFault({ operation: "fetch_dataset", delayMs: 2_000 });
  assert.equal((await fetch({ timeoutMs: 200 })).id, dataset.id);
});

test("never_retries_an_ambiguous_write", async () => {
  const fixture = await Fixture.served();
  const dataset = await fixture.dataset();
  const faults = [{ resetAfterBytes: 0 }, { truncateAfterBytes: 3 }, { status: 500 }];
  for (const [index, fault] of faults.entries()) {
    await fixture.requests();
    await fixture.injectFault({ operation: "create_record", carryOut: true, ...fault });
    const created = fixture.datasets.createRecord({ datasetId: dataset.id, ...EMPTY });
    const error = await failure(created, MistralError, { ambiguous: true, attempts: 1 });
    assert.match(error.hint, /may have been carried out/);
    assert.deepEqual(await fixture.operations(), ["create_record"]);
    assert.equal((await fixture.records(dataset)).length, index + 1);
  }
});

test("retries_a_rejected_write", async () => {
  const fixture = await Fixture.served();
  const dataset = await fixture.dataset();
  for (const fault of [{ status: 429 }, { status: 503, headers: { "retry-after": "0" } }]) {
    await fixture.requests();
    await fixture.injectFault({ operation: "create_record", times: 2, ...fault });
    await fixture.datasets.createRecord({ datasetId: dataset.id, ...EMPTY });
    assert.equal((await fixture.requests()).length, 3);
  }
  assert.equal((await fixture.records(dataset)).length, 2);
});

test("honors_retry_after", async () => {
  const fixture = await Fixture.served();
  const injectRetryAfter = (value) =>
    fixture.injectFault({
      operation: "list_datasets",
      status: 429,
      headers: { "retry-after": value },
    });
  // An HTTP date has whole seconds, so it may be up to a second earlier.
  for (const [value, minimum] of [
    [() => "1", 1_000],
    [() => new Date(Date.now() + 2_000).toUTCString(), 400],
  ]) {
    await injectRetryAfter(value());
    const began = performance.now();
    await fixture.datasets.list();
    assert.ok(performance.now() - began >= minimum - 5, String(value));
  }
  await injectRetryAfter("3600");
  const error = await failure(fixture.datasets.list(), RateLimitError, { attempts: 1 });
  assert.equal(error.retryAfterMs, 3_600_000);
});

test("error_reports_attempts", async () => {
  const fixture = await Fixture.served();
  await fixture.injectFault({ operation: "list_datasets", status: 500, times: 2 });
  await fixture.injectFault({ operation: "list_datasets", status: 502, times: null });
  const error = await failure(fixture.datasets.list(), ServerError, { attempts: 5, status: 502 });
  assert.ok(error.elapsedMs > 0);
  assert.match(String(error), /5 attempts in /);
});

test("deadline_ends_retries", async () => {
  const fixture = await Fixture.served();
  const retry = { maxRetries: 999, firstDelayMs: 50 };
  const client = fixture.client.withOptions({ deadlineMs: 400, retry });
  await fixture.injectFault({ operation: "list_datasets", status: 500, times: null });
  const began = performance.now();
  const error = await failure(client.datasets.list(), MistralError);
  assert.ok(performance.now() - began < 1_500);
  assert.ok(error.attempts > 1);
  // The official SDK's equivalent is `maxElapsedTime`.
  const backoff = { initialInterval: 10, maxInterval: 20, exponent: 1.5, maxElapsedTime: 300 };
  await failure(
    fixture.datasets.list({}, { retry: { strategy: "backoff", backoff } }),
    MistralError,
  );
  assert.ok(performance.now() - began < 3_000);
});

test("retries_can_be_disabled", async () => {
  const fixture = await Fixture.served();
  await fixture.injectFault({ operation: "list_datasets", status: 500, times: null });
  const once = fixture.client.withOptions({ maxRetries: 0 });
  await failure(once.datasets.list(), ServerError, { attempts: 1 });
  assert.equal((await fixture.requests()).length, 1);
  const two = { retry: { maxRetries: 1, firstDelayMs: 0 } };
  await failure(once.datasets.list({}, two), ServerError, { attempts: 2 });
  const none = { retry: { strategy: "none" } };
  await failure(fixture.datasets.list({}, none), ServerError, { attempts: 1 });
});

test("per_call_options", async () => {
  const [fixture, other] = [await Fixture.served(), await Fixture.served()];
  const named = fixture.client.withOptions({ headers: { "X-Team": "blue" } });
  await named.datasets.list({}, { headers: new Headers({ "x-job": "1" }) });
  await fixture.datasets.list();
  const [first, second] = await fixture.requests();
  assert.deepEqual([first.headers["x-team"], first.headers["x-job"]], ["blue", "1"]);
  assert.equal(second.headers["x-team"], undefined);

  const elsewhere = { serverURL: new URL(other.url), apiKey: other.key };
  await named.datasets.create({ name: "Elsewhere", description: "" }, elsewhere);
  const count = async (options) => (await named.datasets.list({}, options)).datasets.count;
  // Each key has its own workspace on the local server.
  assert.equal(await count({ ...elsewhere, apiKey: "another key" }), 0);
  assert.equal(await count(elsewhere), 1);
  assert.equal(await count(undefined), 0);

  await fixture.injectFault({ operation: "list_datasets", delayMs: 5_000 });
  await failure(fixture.datasets.list({}, { timeoutMs: 50, maxRetries: 0 }), TimeoutError);
  for (const [options, message] of [
    [{ timeoutMs: 0 }, /^timeoutMs: expected a positive number of milliseconds, found 0$/],
    [{ maxRetries: -1 }, /^maxRetries: expected an integer of at least 0/],
    [{ retry: { attempts: 3 } }, /^retry: unknown property `attempts`/],
    [{ headers: { authorization: "x" } }, /the header `authorization` is set by the client/],
    [{ headers: { "no name": "x" } }, /is not a valid header name/],
    [{ headers: 5 }, /^headers: expected an object/],
    [{ signal: {} }, /^signal: expected an AbortSignal/],
    [{ logger: console }, /^unknown option `logger`/],
  ]) {
    const error = await failure(fixture.datasets.list({}, options), ConfigurationError);
    assert.match(error.message, message);
  }
});

test("raw_responses", async () => {
  const fixture = await Fixture.served();
  const { id: datasetId } = await fixture.dataset();
  const { value, response } = await fixture.datasets.fetch({ datasetId }).withResponse();
  assert.equal(value.id, datasetId);
  assert.deepEqual([response.status, response.attempts], [200, 1]);
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.ok(response.requestId && response.elapsedMs > 0);
  assert.equal(JSON.parse(Buffer.from(response.body).toString()).id, datasetId);
  const listed = fixture.datasets.list();
  assert.equal((await listed).datasets.count, 1);
  assert.throws(() => listed.withResponse(), TypeError);
  const deleted = await fixture.datasets.delete({ datasetId }).withResponse();
  assert.deepEqual(
    [deleted.value, deleted.response.status, deleted.response.body.length],
    [undefined, 204, 0],
  );
  await failure(fixture.datasets.delete({ datasetId }).withResponse(), NotFoundError);
  await failure(fixture.datasets.delete({}).withResponse(), ValidationError);
});

test("cancelling_stops_a_call", async () => {
  const fixture = await Fixture.served();
  await fixture.injectFault({ operation: "list_datasets", status: 500, times: null });
  const stop = new AbortController();
  const retry = { maxRetries: 99, firstDelayMs: 100 };
  const call = fixture.datasets.list({}, { retry, signal: stop.signal });
  const reason = new Error("no time");
  setTimeout(() => stop.abort(reason), 150);
  const error = await failure(call, CancelledError, { operation: "list_datasets", cause: reason });
  assert.ok(error.attempts > 0);
  assert.ok((await fixture.requests()).length > 0);
  await sleep(300);
  assert.deepEqual(await fixture.requests(), []);
  assert.equal(getEventListeners(stop.signal, "abort").length, 0);

  // A signal that is already aborted prevents the request; one that is never aborted has no effect.
  const aborted = fixture.datasets.list({}, { signal: AbortSignal.abort(reason) });
  await failure(aborted, CancelledError, { cause: reason });
  assert.deepEqual(await fixture.requests(), []);
  const { signal } = new AbortController();
  await fixture.datasets.create({ name: "Refund requests", description: "" }, { signal });
  assert.equal(getEventListeners(signal, "abort").length, 0);
  await fixture.injectFault({ operation: "create_dataset", delayMs: 5_000 });
  const timeout = AbortSignal.timeout(100);
  const created = fixture.datasets.create(
    { name: "Cancelled", description: "" },
    { signal: timeout },
  );
  const timedOut = await failure(created, CancelledError, { ambiguous: true });
  assert.equal(timedOut.cause.name, "TimeoutError");

  // A pager stops as well, including its prefetching.
  const { id: datasetId } = await fixture.filled(50);
  const iteration = new AbortController();
  const request = { datasetId, pageSize: 5, prefetch: 4 };
  const pager = fixture.datasets.iterRecords(request, { signal: iteration.signal });
  const collected = (async () => {
    for await (const { properties } of pager) if (properties.n === 5) iteration.abort(reason);
  })();
  await failure(collected, CancelledError, { cause: reason });
  assert.equal(getEventListeners(iteration.signal, "abort").length, 0);
});

test("closing_cancels_calls", async () => {
  const fixture = await Fixture.served();
  await fixture.injectFault({ operation: "list_datasets", delayMs: 5_000, times: null });
  const began = performance.now();
  const call = fixture.client.withOptions({ headers: { a: "b" } }).datasets.list();
  const cancelled = failure(call, CancelledError);
  await sleep(50);
  await fixture.client.close();
  await cancelled;
  assert.ok(performance.now() - began < 2_000);
  await failure(fixture.datasets.list(), ClosedError);
});
