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
