// A server that sends the same response to every request, and records the requests.

import http from "node:http";
import { after } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Mistral } from "mistral-datasets";

/** Starts the server, which stops after the tests of the file. */
export async function canned({
  status = 200,
  headers = {},
  body = "",
  delay = 0,
  host = "127.0.0.1",
}) {
  const requests = [];
  const server = http.createServer(async (request, response) => {
    requests.push(request);
    request.resume();
    // Not referenced, so that a pending response does not keep the process alive.
    await sleep(delay, undefined, { ref: false });
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
  });
  await new Promise((resolve) => server.listen(0, host, resolve));
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://${host}:${server.address().port}`;
  return { url, requests, client: new Mistral({ apiKey: "the key", serverURL: url }) };
}

/**
 * Starts a server that answers each request with the result of a function, and records the requests with their bodies.
 *
 * @param {(request: { method: string, url: URL, text: string, body?: unknown }) => unknown} respond Returns the JSON of the response.
 * @param {number | ((request) => number)} status The status of the responses, or a function that returns it.
 */
export async function scripted(respond, status = 200) {
  const requests = [];
  const server = http.createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const { method, url } = request;
    const received = { method, url: new URL(url, "http://server"), text };
    if (text !== "") received.body = JSON.parse(text);
    requests.push(received);
    const body = respond(received);
    const code = typeof status === "function" ? status(received) : status;
    response.writeHead(code, { "content-type": "application/json" });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  const serverURL = `http://127.0.0.1:${server.address().port}`;
  return { requests, client: new Mistral({ apiKey: "the key", serverURL }) };
}

/** Starts a server that closes the connection of the first request, and answers the others. */
export async function flaky(body) {
  const requests = [];
  const server = http.createServer((request, response) => {
    requests.push(request);
    if (requests.length === 1) return void request.socket.destroy();
    request.resume();
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  const serverURL = `http://127.0.0.1:${server.address().port}`;
  const client = new Mistral({ apiKey: "the key", serverURL, retry: { firstDelayMs: 1 } });
  return { requests, client };
}
