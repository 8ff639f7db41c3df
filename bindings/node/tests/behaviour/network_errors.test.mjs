// Behaviour cases: proxies, certificates, wrong server URLs and temporary directories.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import https from "node:https";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { inspect } from "node:util";

import { ConfigurationError, ConnectionError, Mistral, NotFoundError } from "mistral-datasets";

import { canned } from "../support/canned.mjs";
import { failure, Fixture } from "../support/fixture.mjs";

const DIRECT = '{"datasets": {"count": 1}}';
const PROXIED = '{"datasets": {"count": 2}}';

const folder = mkdtempSync(join(tmpdir(), "network-"));
after(() => rmSync(folder, { recursive: true }));

before(() => {
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"]) {
    delete process.env[name];
    delete process.env[name.toLowerCase()];
  }
  for (const name of [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
  ]) {
    delete process.env[name];
  }
});

/** Runs a function with environment variables. */
async function withEnvironment(variables, run) {
  Object.assign(process.env, variables);
  try {
    return await run();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
  }
}

/** Starts a server, which stops after the tests of the file, and returns its port. */
async function listening(server) {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => {
    server.close();
    server.closeAllConnections?.();
  });
  return server.address().port;
}

/** Starts a server that reads once from every connection, responds with a text and closes the connection. */
function rawServer(response) {
  return listening(
    net.createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.end(response, "latin1"));
    }),
  );
}

/** Creates a self-signed certificate with the defaults of OpenSSL, which mark it as an authority. */
function selfSigned(name) {
  const options = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"];
  options.push("-addext", "subjectAltName=DNS:localhost");
  options.push("-keyout", `${name}.key`, "-out", `${name}.pem`);
  execFileSync("openssl", ["req", "-x509", ...options], { cwd: folder, stdio: "ignore" });
  const read = (extension) => readFileSync(join(folder, `${name}.${extension}`));
  return { key: read("key"), cert: read("pem") };
}

/** Starts a TLS server that sends a list of datasets to every request. */
function tlsServer(identity) {
  return listening(
    https.createServer(identity, (request, response) =>
      response.writeHead(200, { "content-type": "application/json" }).end(DIRECT),
    ),
  );
}

const client = (serverURL, options = {}) =>
  new Mistral({ apiKey: "k", serverURL, maxRetries: 0, ...options });

const count = async (mistral) => (await mistral.datasets.list()).datasets.count;

async function listFailure(mistral, ErrorClass = ConnectionError) {
  const error = await failure(mistral.datasets.list(), ErrorClass);
  assert.doesNotMatch(inspect(error, { depth: null }), /secret/);
  return error;
}

const create = (mistral) => mistral.datasets.create({ name: "Refund requests", description: "" });

test("no_proxy_bypasses_the_proxy", async () => {
  const { url } = await canned({ body: DIRECT });
  const { url: proxy } = await canned({ body: PROXIED });
  const byName = url.replace("127.0.0.1", "localhost");
  const port = url.split(":")[2];
  const list = (serverURL, variables) =>
    withEnvironment({ HTTP_PROXY: proxy, ...variables }, () => count(client(serverURL)));
  for (const name of ["NO_PROXY", "no_proxy"]) {
    for (const value of ["*", "127.0.0.1", "10.0.0.0/8, 127.0.0.0/8", `127.0.0.1:${port}`]) {
      assert.equal(await list(url, { [name]: value }), 1, value);
    }
    for (const value of ["localhost", ".localhost", `other localhost:${port}`]) {
      assert.equal(await list(byName, { [name]: value }), 1, value);
    }
    for (const value of ["", "127.0.0.2", "localhost", "127.0.0.1:1", "[::1]", "::/0"]) {
      assert.equal(await list(url, { [name]: value }), 2, value);
    }
  }
  await withEnvironment({ HTTP_PROXY: "socks://u:secret@a" }, async () => {
    assert.match((await listFailure(client(url), ConfigurationError)).message, /HTTP_PROXY/);
  });
});

test("proxy_errors_name_the_proxy", async () => {
  const refusing = await rawServer("HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n<html>");
  const closing = await rawServer("");
  for (const [scheme, port] of [
    ["http", 9],
    ["socks5h", 9],
    ["http", refusing],
    ["http", closing],
    ["https", refusing],
  ]) {
    for (const url of ["http://nowhere.invalid", "https://nowhere.invalid"]) {
      const proxy = `${scheme}://u:secret@127.0.0.1:${port}`;
      const error = await listFailure(client(url, { proxy }), Error);
      assert.match(error.message, new RegExp(`the proxy 127\\.0\\.0\\.1:${port}`));
      assert.doesNotMatch(error.hint ?? "", /API key/);
    }
  }
  const proxy = `https://127.0.0.1:${refusing}`;
  const error = await listFailure(client("https://a.example", { proxy }));
  assert.match(error.hint, /use http:\/\/ in the proxy's URL/);
});

test("proxy_authentication_errors", async () => {
  const headers = "proxy-authenticate: Basic\r\ncontent-length: 0\r\nconnection: close";
  const port = await rawServer(`HTTP/1.1 407 Denied\r\n${headers}\r\n\r\n`);
  for (const serverURL of ["http://a.example", "https://a.example"]) {
    for (const [credentials, problem] of [
      ["", "requires a user name"],
      ["u:secret@", "rejected the user name"],
    ]) {
      const proxy = `http://${credentials}127.0.0.1:${port}`;
      const mistral = new Mistral({ apiKey: "k", serverURL, proxy });
      for (const call of [() => mistral.datasets.list(), () => create(mistral)]) {
        const error = await failure(call(), ConnectionError, { status: 407, attempts: 1 });
        assert.match(error.message, new RegExp(`the proxy 127\\.0\\.0\\.1:${port} ${problem}`));
        assert.match(error.hint, /user name and password/);
        assert.doesNotMatch(inspect(error, { depth: null }), /secret/);
      }
    }
  }
});

test("certificate_problems_are_explained", async () => {
  const own = selfSigned("own");
  const other = selfSigned("other");
  const port = await tlsServer(own);
  const url = `https://localhost:${port}`;
  assert.equal(await count(client(url, { caCertificates: own.cert })), 1);
  for (const options of [{}, { caCertificates: other.cert }]) {
    const error = await listFailure(client(url, options));
    assert.match(error.message, /not issued by a trusted authority/);
    assert.match(error.hint, /private authority/);
  }
  const byAddress = client(`https://127.0.0.1:${port}`, { caCertificates: own.cert });
  assert.match((await listFailure(byAddress)).message, /certificate is not valid for 127\.0\.0\.1/);
  for (const name of ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"]) {
    await withEnvironment({ [name]: join(folder, "own.pem") }, async () => {
      assert.equal(await count(client(url)), 1, name);
    });
    await withEnvironment({ [name]: "/missing/ca.pem" }, async () => {
      const { message } = await listFailure(client(url));
      assert.match(message, new RegExp(`${name} names /missing/ca.pem, which cannot be read`));
    });
  }
});

test("wrong_server_urls_have_hints", async () => {
  const { url } = await Fixture.start();
  const versioned = client(`${url}/v1`);
  for (const call of [
    () => versioned.datasets.list(),
    () => versioned.files.upload({ file: { fileName: "a", content: "b" } }),
  ]) {
    assert.match((await failure(call(), NotFoundError)).hint, /^remove `\/v1`/);
  }
  const encrypted = client(url.replace("http:", "https:"));
  assert.match((await listFailure(encrypted)).hint, /^use http:\/\/ in the server URL/);
  const ports = [await tlsServer(selfSigned("own"))];
  for (const response of [
    "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
    "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\nThe plain HTTP request was sent to HTTPS port",
    "\x15\x03\x01\0\x02\x02\x0a",
    "",
  ]) {
    ports.push(await rawServer(response));
  }
  for (const port of ports) {
    const plain = client(`http://127.0.0.1:${port}`);
    for (const call of [() => plain.datasets.list(), () => create(plain)]) {
      assert.match((await failure(call(), Error)).hint, /use https:\/\/ in the server URL/);
    }
  }
});

test("missing_temporary_directory_is_explained", async () => {
  const { datasets } = await Fixture.start();
  const { id } = await datasets.create({ name: "Refund requests", description: "" });
  const previous = process.env.TMPDIR;
  await withEnvironment({ TMPDIR: "/missing" }, async () => {
    const lines = (async function* () {
      yield Buffer.from('{"messages": []}\n');
    })();
    for (const call of [
      () => datasets.importJsonl({ datasetId: id, source: lines }),
      () => Mistral.local(),
    ]) {
      const { hint } = await failure(call(), ConfigurationError);
      assert.match(hint, /create the folder \/missing, or set TMPDIR/);
    }
  });
  if (previous !== undefined) process.env.TMPDIR = previous;
});
