// Proxies, private certificate authorities and misbehaving servers.

import assert from "node:assert/strict";
import { execFileSync, execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { inspect, promisify } from "node:util";

import {
  ConnectionError,
  DecodingError,
  Mistral,
  MistralError,
  ServerError,
  TimeoutError,
} from "mistral-datasets";

import { canned } from "./support/canned.mjs";
import { failure, Fixture } from "./support/fixture.mjs";

const here = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);
const LISTED = '{"datasets": {"count": 3, "results": []}}';

/** Starts a server, which stops after the tests of the file, and returns its port. */
async function listening(server) {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => {
    server.close();
    server.closeAllConnections?.();
  });
  return server.address().port;
}

/** Runs a program that lists datasets with the given options and environment, and returns its output. */
async function listInProgram(options, environment) {
  const code = `
    const { Mistral } = require("mistral-datasets");
    new Mistral(${JSON.stringify(options)}).datasets.list().then(
      ({ datasets }) => console.log(datasets.count),
      (error) => console.log(error.name),
    );
  `;
  const { stdout } = await run(process.execPath, ["-e", code], {
    cwd: here,
    env: { ...process.env, NO_PROXY: "", no_proxy: "", ...environment },
    timeout: 20_000,
  });
  return stdout.trim();
}

test("a proxy is set by option or environment, and its password is not in errors", async () => {
  const proxied = [];
  const proxy = http.createServer(({ url, headers }, response) => {
    proxied.push([url, headers["proxy-authorization"]]);
    response.writeHead(200, { "content-type": "application/json" }).end(LISTED);
  });
  const port = await listening(proxy);
  const proxyUrl = `http://user:secret@127.0.0.1:${port}`;
  const options = { apiKey: "k", serverURL: "http://nowhere.invalid", maxRetries: 0 };
  assert.equal(
    (await new Mistral({ ...options, proxy: proxyUrl }).datasets.list()).datasets.count,
    3,
  );
  assert.equal(await listInProgram(options, { HTTP_PROXY: proxyUrl, http_proxy: proxyUrl }), "3");
  for (const [url, authorization] of proxied) {
    assert.match(url, /^http:\/\/nowhere\.invalid\/v1\/observability\/datasets/);
    assert.match(authorization, /^Basic /);
  }
  assert.equal(proxied.length, 2);
  const closed = new Mistral({ ...options, proxy: new URL("http://user:secret@127.0.0.1:9") });
  const error = await failure(closed.datasets.list(), ConnectionError);
  assert.doesNotMatch(inspect(error, { depth: null }), /secret/);
});

test("a private certificate authority is trusted by option or environment", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "ca-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = (name) => join(folder, name);
  const openssl = (...options) =>
    execFileSync("openssl", options, { cwd: folder, stdio: "ignore" });
  const key = (name) => ["-newkey", "rsa:2048", "-nodes", "-keyout", `${name}.key`];
  openssl("req", "-x509", ...key("ca"), "-out", "ca.pem", "-days", "2", "-subj", "/CN=Private CA");
  openssl("req", ...key("host"), "-out", "host.csr", "-subj", "/CN=localhost");
  writeFileSync(path("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1");
  const signer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
  openssl("x509", "-req", "-in", "host.csr", ...signer, "-out", "host.pem", "-extfile", "names");
  const identity = { key: readFileSync(path("host.key")), cert: readFileSync(path("host.pem")) };
  const port = await listening(
    https.createServer(identity, (request, response) =>
      response.writeHead(200, { "content-type": "application/json" }).end(LISTED),
    ),
  );
  const options = { apiKey: "k", serverURL: `https://localhost:${port}`, maxRetries: 0 };
  await failure(new Mistral(options).datasets.list(), ConnectionError);
  const pem = readFileSync(path("ca.pem"));
  for (const caCertificates of [pem, pem.toString(), [pem]]) {
    const client = new Mistral({ ...options, caCertificates });
    assert.equal((await client.datasets.list()).datasets.count, 3);
  }
  for (const name of ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"]) {
    assert.equal(await listInProgram(options, { [name]: path("ca.pem") }), "3", name);
  }
  assert.equal(await listInProgram(options, {}), "ConnectionError");
});

test("the content type is ignored, and the content is validated", async () => {
  for (const type of ["text/plain", "application/octet-stream", "nonsense"]) {
    const { client } = await canned({ body: LISTED, headers: { "content-type": type } });
    assert.equal((await client.datasets.list()).datasets.count, 3);
  }
  const login = "<html><body>Sign in to the hotel network</body></html>";
  const { client } = await canned({ body: login, headers: { "content-type": "text/html" } });
  const error = await failure(client.datasets.list(), DecodingError, { status: 200 });
  assert.doesNotMatch(inspect(error, { depth: null }), /hotel/);
  const { client: failing } = await canned({ status: 502, body: login });
  await failure(failing.datasets.list({}, { maxRetries: 0 }), ServerError, { status: 502 });
});

test("a page of 20 MB is decoded", async () => {
  const id = "019b2bd7-96e7-7219-8c0b-45a73da50088";
  const record = {
    id,
    dataset_id: id,
    created_at: "2025-12-17T10:25:07Z",
    updated_at: "2025-12-17T10:25:07Z",
    payload: { messages: [{ role: "user", content: "x".repeat(200_000) }] },
    properties: {},
    source: "OTHER",
  };
  const body = JSON.stringify({ records: { count: 100, results: Array(100).fill(record) } });
  const { client } = await canned({ body });
  const { records } = await client.datasets.listRecords({ datasetId: "slug" });
  assert.equal(records.results.length, 100);
  for (const { payload } of records.results) {
    assert.equal(payload.messages[0].content.length, 200_000);
  }
});

test("invalid, truncated and endless responses are errors", async () => {
  const responses = [
    ["SSH-2.0-OpenSSH_9.0\r\n", MistralError],
    ["HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", ConnectionError],
    [
      "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
      DecodingError,
    ],
  ];
  for (const [response, ErrorClass] of responses) {
    const port = await listening(
      net.createServer((socket) => void socket.once("data", () => socket.end(response))),
    );
    const client = new Mistral({
      apiKey: "k",
      serverURL: `http://127.0.0.1:${port}`,
      maxRetries: 0,
    });
    await failure(client.datasets.list(), ErrorClass);
  }
  const dripping = http.createServer(async (request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    while (!response.destroyed) {
      response.write(" ");
      await sleep(20, undefined, { ref: false });
    }
  });
  const serverURL = `http://127.0.0.1:${await listening(dripping)}`;
  const client = new Mistral({ apiKey: "k", serverURL, maxRetries: 0, timeoutMs: 300 });
  await failure(client.datasets.list(), TimeoutError);
});

test("endless redirects are an error", async () => {
  const { client, requests } = await canned({ status: 307, headers: { location: "/again" } });
  await failure(client.datasets.list({}, { maxRetries: 0 }), MistralError);
  assert.ok(requests.length < 20);
});

test("many concurrent calls recover from 429 responses", async () => {
  const fixture = await Fixture.served();
  const { id: datasetId } = await fixture.dataset();
  await fixture.injectFault({ operation: "fetch_dataset", status: 429, times: 20 });
  const patient = { retry: { maxRetries: 19, firstDelayMs: 10 } };
  const calls = Array.from({ length: 16 }, () => fixture.datasets.fetch({ datasetId }, patient));
  for (const { id } of await Promise.all(calls)) assert.equal(id, datasetId);
});
