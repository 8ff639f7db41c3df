// Loading the package, and its effects on process exit, worker threads and the event loop.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";

import * as imported from "mistral-datasets";

import { canned } from "./support/canned.mjs";
import { failure, Fixture } from "./support/fixture.mjs";

const { Mistral } = imported;
const here = fileURLToPath(new URL("..", import.meta.url));
const require = createRequire(import.meta.url);
const run = promisify(execFile);

/** Runs a program in the package's directory and returns its output. */
async function program(code, ...options) {
  const { stdout } = await run(process.execPath, [...options, "-e", code], {
    cwd: here,
    timeout: 20_000,
  });
  return stdout.trim();
}

test("import and require have the same exports", () => {
  const required = require("mistral-datasets");
  const names = Object.keys(imported).filter(
    (name) => name !== "default" && name !== "module.exports",
  );
  assert.deepEqual(names.sort(), Object.keys(required).sort());
  for (const name of names) assert.equal(imported[name], required[name], name);
  assert.equal(require(".."), required);
});

test("import and require of mistral-datasets/testing have the same exports", async () => {
  const testing = await import("mistral-datasets/testing");
  const required = require("mistral-datasets/testing");
  assert.deepEqual(Object.keys(required).sort(), ["LocalWorkspace", "connectLocal", "startLocal"]);
  for (const name of Object.keys(required)) assert.equal(testing[name], required[name], name);
});

test("every operation of the native module has a method", () => {
  const { NativeClient } = require("../lib/native.js");
  const mistral = new Mistral({ apiKey: "k" });
  const groups = (object) =>
    Object.values(object).flatMap((group) => [group, ...groups({ ...group })]);
  const { beta, ...own } = { ...mistral };
  const methods = groups(own).flatMap((group) =>
    Object.getOwnPropertyNames(Object.getPrototypeOf(group)).filter(
      (name) => name !== "constructor",
    ),
  );
  // The names of native methods also have the group, in singular or plural.
  const operations = Object.getOwnPropertyNames(NativeClient.prototype).filter((name) =>
    /^(aggregate|bulk|create|delete|download|exportTo|fetch|get|import|iter|judge|list|retrieve|search|update)/.test(
      name,
    ),
  );
  assert.ok(operations.length > 70);
  // `upload` streams its content to the native module, so it has no native method of its own.
  assert.equal(methods.length - 1, operations.length, `${methods} / ${operations}`);
  assert.deepEqual(Object.keys(beta.observability), [
    "datasets",
    "chatCompletionEvents",
    "judges",
    "campaigns",
    "spans",
    "traces",
    "logs",
  ]);
  for (const [name, group] of Object.entries(beta.observability)) {
    assert.equal(mistral[name], group);
  }
});

test("an open client does not keep the process from exiting", async () => {
  const printed = await program(`
    const { Mistral } = require("mistral-datasets");
    (async () => {
      const mistral = await Mistral.local();
      await mistral.datasets.create({ name: "Refund requests", description: "" });
      console.log("done");
    })();
  `);
  assert.equal(printed, "done");
});

test("a process can exit during calls", async () => {
  const { url } = await canned({ delay: 60_000 });
  const printed = await program(`
    const { Mistral } = require("mistral-datasets");
    const mistral = new Mistral({ apiKey: "k", serverURL: "${url}" });
    for (let n = 0; n < 20; n++) mistral.datasets.list().catch(() => {});
    setTimeout(() => { console.log("done"); process.exit(0); }, 100);
  `);
  assert.equal(printed, "done");
});

test("worker threads can create their own clients", async () => {
  const code = `
    const { parentPort } = require("node:worker_threads");
    const { Mistral, NotFoundError } = require("mistral-datasets");
    (async () => {
      const mistral = await Mistral.local();
      const { id } = await mistral.datasets.create({ name: "Refund requests", description: "" });
      const error = await mistral.datasets.fetch({ datasetId: "no" }).catch((error) => error);
      await mistral.close();
      parentPort.postMessage([typeof id, error instanceof NotFoundError]);
    })();
  `;
  const fixture = await Fixture.start();
  const workers = Array.from({ length: 3 }, async () => {
    const worker = new Worker(code, { eval: true });
    const exited = once(worker, "exit");
    const [message] = await once(worker, "message");
    await exited;
    return message;
  });
  for (const message of await Promise.all(workers)) assert.deepEqual(message, ["string", true]);
  // The main thread's client still works.
  await fixture.dataset();
});

test("a worker can be terminated during a call", async () => {
  const { url } = await canned({ delay: 60_000 });
  const code = `
    const { Mistral } = require("mistral-datasets");
    const mistral = new Mistral({ apiKey: "k", serverURL: "${url}" });
    mistral.datasets.list();
    mistral.files.upload({ file: { fileName: "f", content: (async function* () { await new Promise(() => {}); })() } });
    require("node:worker_threads").parentPort.postMessage("calling");
    setInterval(() => {}, 1000);
  `;
  const worker = new Worker(code, { eval: true });
  await once(worker, "message");
  await sleep(50);
  await worker.terminate();
  await (await Fixture.start()).dataset();
});

test("workers share the runtime threads of the process", async (t) => {
  if (process.platform !== "linux") return t.skip("needs /proc");
  const threads = () =>
    readdirSync("/proc/self/task").filter((thread) => {
      try {
        return readFileSync(`/proc/self/task/${thread}/comm`, "utf8").startsWith("mistral-dataset");
      } catch {
        return false; // The thread has exited in the meantime.
      }
    }).length;
  const { client, url } = await canned({ body: '{"datasets": {"count": 0}}', delay: 100 });
  await client.datasets.list();
  const before = threads();
  const code = `
    const { Mistral } = require("mistral-datasets");
    const { datasets } = new Mistral({ apiKey: "k", serverURL: "${url}" });
    const calls = Array.from({ length: 8 }, () => datasets.list());
    Promise.all(calls).then(() => require("node:worker_threads").parentPort.postMessage("called"));
    setInterval(() => {}, 1000);
  `;
  const workers = [1, 2, 3].map(() => new Worker(code, { eval: true }));
  await Promise.all(workers.map((worker) => once(worker, "message")));
  await Promise.all(workers.map((worker) => worker.terminate()));
  // A terminated worker's threads may take a moment to exit.
  for (let attempt = 0; threads() > before && attempt < 100; attempt++) await sleep(20);
  assert.ok(threads() <= before, `${threads()} threads, ${before} before the workers`);
});

test("concurrent calls do not block the event loop", async () => {
  const { client } = await canned({ body: '{"datasets": {"count": 0}}', delay: 300 });
  const began = performance.now();
  const { active } = performance.eventLoopUtilization();
  const calls = Array.from({ length: 50 }, () => client.datasets.list());
  await Promise.all(calls);
  const busy = performance.eventLoopUtilization().active - active;
  assert.ok(performance.now() - began < 3_000);
  assert.ok(busy < 250, `the event loop was busy for ${busy} ms`);
});

test("an upload reads its source at the rate it is sent", async () => {
  // The server responds after the delay without reading the body.
  const { client } = await canned({
    status: 422,
    body: '{"detail": {"message": "no"}}',
    delay: 500,
  });
  let read = 0;
  let closed = false;
  async function* endless() {
    try {
      for (;;) {
        read += 1;
        yield new Uint8Array(1024 * 1024);
      }
    } finally {
      closed = true;
    }
  }
  const upload = client.files.upload({ file: { fileName: "f", content: endless() } });
  await failure(upload, imported.MistralError);
  await sleep(100);
  assert.ok(closed, "the source is closed when the call has ended");
  assert.ok(read < 2_000);
});

test("unhandled rejections are reported by Node.js", async () => {
  const printed = await program(
    `
    const { Mistral } = require("mistral-datasets");
    process.on("unhandledRejection", (error) => console.log(error.name));
    new Mistral({ apiKey: "k", serverURL: "http://127.0.0.1:9" }).datasets.list();
    new Mistral({ apiKey: "k" }).datasets.fetch({});
  `,
  );
  assert.deepEqual(printed.split("\n").sort(), ["ConnectionError", "ValidationError"]);
});

test("a logger does not keep the process alive", async () => {
  const printed = await program(`
    const { Mistral } = require("mistral-datasets");
    const logger = { ...console, debug: (message, { operation }) => console.log(operation) };
    (async () => {
      const local = await Mistral.local();
      await local.withOptions({ logger }).datasets.list();
    })();
  `);
  assert.equal(printed, "list_datasets");
});

test("a logger receives events of operations that another client called first", async () => {
  const printed = await program(`
    const { Mistral } = require("mistral-datasets");
    const logger = { ...console, debug: (message, { operation }) => console.log(operation) };
    (async () => {
      const local = await Mistral.local();
      const logging = local.withOptions({ logger });
      await local.datasets.list();
      await logging.datasets.list();
    })();
  `);
  assert.equal(printed, "list_datasets");
});

test("the process exits after the last call, with an abandoned pager and a collected client", async () => {
  const { url } = await canned({ body: '{"datasets": {"count": 0}}', delay: 200 });
  const printed = await program(
    `
    const { Mistral } = require("mistral-datasets");
    let mistral = new Mistral({ apiKey: "k", serverURL: "${url}" });
    const signal = new AbortController().signal;
    mistral.datasets.list({}, { signal }).then(() => console.log("done"));
    mistral.datasets.iter({}, { signal })[Symbol.asyncIterator]().next();
    mistral.datasets.iter()[Symbol.asyncIterator]();
    mistral = undefined;
    gc();
  `,
    "--expose-gc",
  );
  assert.equal(printed, "done");
});

test("many workers use clients concurrently and can close them repeatedly", async () => {
  const fixture = await Fixture.served();
  const { id: datasetId } = await fixture.filled(120);
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    const { Mistral } = require("mistral-datasets");
    (async () => {
      const { apiKey, serverURL, datasetId } = workerData;
      const mistral = new Mistral({ apiKey, serverURL });
      let collected = 0;
      for await (const { properties } of mistral.datasets.iterRecords({ datasetId, pageSize: 10 })) {
        if (properties.n === collected) collected += 1;
      }
      await Promise.all([mistral.close(), mistral.close()]);
      await mistral.close();
      parentPort.postMessage(collected);
    })();
  `;
  const workerData = { apiKey: fixture.key, serverURL: fixture.url, datasetId };
  const collected = Array.from({ length: 8 }, async () => {
    const worker = new Worker(code, { eval: true, workerData });
    const [message] = await once(worker, "message");
    await worker.terminate();
    return message;
  });
  assert.deepEqual(await Promise.all(collected), Array(8).fill(120));
});
