// Options of calls: retries and their aliases, timeouts, waiting times, and abort signals.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  CancelledError,
  ConfigurationError,
  Mistral,
  ServerError,
  TimeoutError,
  ValidationError,
} from "mistral-datasets";

import { canned } from "./support/canned.mjs";
import { bareMessage, failure, Fixture } from "./support/fixture.mjs";

const FAST = { firstDelayMs: 1 };

/** Returns how many requests a call with these options sends to a server that always fails. */
async function attempts(options, clientOptions = {}) {
  const { client } = await canned({ status: 500 });
  const variant = client.withOptions({ retry: FAST, ...clientOptions });
  return (await failure(variant.datasets.list({}, options), ServerError)).attempts;
}

test("maxRetries counts the retries after the first attempt", async () => {
  assert.equal(await attempts({ maxRetries: 0 }), 1);
  assert.equal(await attempts({ maxRetries: 1 }), 2);
  assert.equal(await attempts({ maxRetries: 2, retry: FAST }), 3);
  assert.equal(await attempts({}, { maxRetries: 0 }), 1);
  assert.equal(await attempts({ maxRetries: 1 }, { maxRetries: 0 }), 2);
});

test("retry has the aliases of the official SDK", async () => {
  for (const name of ["retry", "retries", "retryConfig"]) {
    assert.equal(await attempts({ [name]: 0 }), 1);
    assert.equal(await attempts({ [name]: { maxRetries: 1 } }), 2);
    assert.equal(await attempts({ [name]: { strategy: "none" } }), 1);
    const backoff = { initialInterval: 1, maxInterval: 2, exponent: 1.5, maxElapsedTime: 60_000 };
    const config = { strategy: "backoff", backoff, retryConnectionErrors: true };
    assert.equal(await attempts({ [name]: config, maxRetries: 1 }), 2);
    const defaults = { strategy: "backoff", backoff: null };
    assert.equal(await attempts({ [name]: defaults, maxRetries: 0 }), 1);
  }
});

test("conflicting and unknown options are configuration errors", async () => {
  const mistral = new Mistral({ apiKey: "k" });
  for (const [options, message] of [
    [{ retry: 0, retries: 0 }, "`retry` and `retries` are the same option; pass one"],
    [
      { retries: 0, retryConfig: FAST },
      "`retries` and `retryConfig` are the same option; pass one",
    ],
    [
      { maxRetries: 0, retry: { maxRetries: 1 } },
      "`maxRetries` is also set by `retry`; pass one of them",
    ],
    [{ maxRetries: -1 }, "maxRetries: expected an integer of at least 0, found -1"],
    [{ maxRetries: 1.5 }, "maxRetries: expected an integer of at least 0, found 1.5"],
    [{ maxRetry: 1 }, "unknown option `maxRetry`; did you mean `maxRetries`?"],
    [{ timeout: 5 }, "unknown option `timeout`; did you mean `timeoutMs`?"],
    [
      { retry: { maxRetrys: 1 } },
      "retry: unknown property `maxRetrys`; did you mean `maxRetries`?",
    ],
    [{ retry: { strategy: "linear" } }, 'retry: strategy: expected "backoff" or "none"'],
    [
      { retry: { constructor: 1 } },
      "retry: unknown property `constructor`; expected one of `maxRetries`, `firstDelayMs`, `maxDelayMs`, " +
        "`maxRetryAfterMs`, `retryUnavailableWrites`",
    ],
    [{ signal: {} }, "signal: expected an AbortSignal, found an object"],
  ]) {
    await failure(mistral.datasets.list({}, options), ConfigurationError, { message });
    if (!("signal" in options)) {
      assert.throws(() => new Mistral({ apiKey: "k", ...options }), ConfigurationError);
    }
  }
});

test("an option of the call among the arguments is named as such", async () => {
  const mistral = new Mistral({ apiKey: "k" });
  const request = { datasetId: "d", records: [], timeoutMs: 5 };
  const error = await failure(mistral.datasets.createRecords(request), ValidationError);
  assert.equal(
    bareMessage(error),
    "`timeoutMs` is an option of the call; pass it in the second argument",
  );
});

test("every call accepts timeouts, deadlines and retries", async () => {
  const { client, requests } = await canned({ delay: 60_000 });
  const datasetId = "d";
  const task = client.datasets.task({ datasetId, taskId: "019b2bd7-96e7-7219-8c0b-45a73da50082" });
  const records = [{ payload: { messages: [] } }];
  const source = ['{"messages": []}'];
  const iterate = async (iterable) => {
    for await (const item of iterable) assert.fail(item);
  };
  const calls = {
    fetch: (options) => client.datasets.fetch({ datasetId }, options),
    iter: (options) => iterate(client.datasets.iterRecords({ datasetId }, options)),
    count: (options) => client.datasets.iterRecords({ datasetId }, options).count(),
    createRecords: (options) => client.datasets.createRecords({ datasetId, records }, options),
    importJsonl: (options) => client.datasets.importJsonl({ datasetId, source }, options),
    export: (options) => client.datasets.export({ datasetId, to: () => {} }, options),
    exportRecords: (options) => iterate(client.datasets.exportRecords({ datasetId }, options)),
    refresh: (options) => task.refresh(options),
    wait: (options) => task.wait({}, options),
  };
  for (const [name, call] of Object.entries(calls)) {
    requests.length = 0;
    const options = { timeoutMs: 400, maxRetries: 0 };
    const error = await call(options).then(
      () => assert.fail(name),
      (error) => error,
    );
    assert.ok(error instanceof TimeoutError, `${name}: ${error}`);
    assert.equal(requests.length, 1, name);
    // Uploads, and so imports, are exempt from the deadline.
    if (name === "importJsonl") continue;
    const late = await call({ deadlineMs: 40 }).then(
      () => assert.fail(name),
      (error) => error,
    );
    assert.ok(late instanceof TimeoutError, `${name}: ${late}`);
  }
});

test("imports wait for at most waitTimeoutMs", async () => {
  const fixture = await Fixture.served();
  const datasetId = (await fixture.dataset()).id;
  const source = ['{"messages": []}'];
  await fixture.injectFault({ task: { stuck: true } });
  const stuck = fixture.datasets.importJsonl({ datasetId, source, waitTimeoutMs: 50 });
  assert.match((await failure(stuck, TimeoutError)).message, /RUNNING|still running/);
  for (const waitTimeoutMs of [-1, "5", NaN]) {
    const call = fixture.datasets.importJsonl({ datasetId, source, waitTimeoutMs });
    assert.match((await failure(call, ValidationError)).message, /waitTimeoutMs: /);
  }
  const old = fixture.datasets.importJsonl({ datasetId, source, timeoutMs: 5 });
  assert.match((await failure(old, ValidationError)).message, /second argument/);
});

/** An abort signal as polyfills implement it. It does not inherit from `AbortSignal`. */
class PolyfilledSignal {
  aborted = false;
  reason = undefined;
  listeners = new Set();

  addEventListener(type, listener) {
    assert.equal(type, "abort");
    this.listeners.add(listener);
  }

  removeEventListener(type, listener) {
    this.listeners.delete(listener);
  }

  abort(reason) {
    this.aborted = true;
    this.reason = reason;
    for (const listener of this.listeners) listener.call(this);
  }
}

test("polyfilled abort signals cancel calls", async () => {
  const { client } = await canned({ delay: 60_000 });
  const signal = new PolyfilledSignal();
  const call = client.datasets.list({}, { signal });
  setTimeout(() => signal.abort(new RangeError("enough")), 20);
  const error = await failure(call, CancelledError);
  assert.equal(error.cause.message, "enough");
  assert.equal(signal.listeners.size, 0, "the listener is removed");
  const again = await failure(client.datasets.list({}, { signal }), CancelledError);
  assert.equal(again.cause.message, "enough");
});
