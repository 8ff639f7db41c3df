// Behaviour cases: text that must not be quoted, or must not end the header it is sent in.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";

import { Mistral, MistralError, ValidationError } from "mistral-datasets";

import { bareMessage, failure, Fixture } from "../support/fixture.mjs";

test("jsonl_given_as_a_path_is_not_quoted", async (t) => {
  const fixture = await Fixture.served();
  const datasetId = (await fixture.dataset()).id;
  await fixture.requests();
  for (const text of [
    '{"messages": ["my secret"]}',
    ' [{"content": "my secret"}]',
    "my secret\nmy other secret\n",
    JSON.stringify({ messages: [{ content: `my secret ${"x".repeat(5_000)}` }] }),
  ]) {
    for (const call of [
      () => fixture.datasets.importJsonl({ datasetId, source: text }),
      () => fixture.datasets.export({ datasetId, to: `${text}/missing/my secret` }),
    ]) {
      const error = await failure(call(), ValidationError);
      assert.match(bareMessage(error), /^this looks like JSONL, not a path; pass /);
      const { message, cause } = error;
      assert.doesNotMatch(`${error} ${message} ${inspect(cause)}`, /secret/);
    }
  }
  assert.ok(!(await fixture.operations()).includes("upload_file"));
  const directory = await mkdtemp(join(tmpdir(), "hostile-"));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, "[draft]\n.jsonl");
  await writeFile(path, '{"messages": []}\n');
  assert.equal((await fixture.datasets.importJsonl({ datasetId, source: path })).records, 1);
});

test("file_name_cannot_add_headers_to_an_upload", async (t) => {
  let form = "";
  const server = http.createServer(async (request, response) => {
    for await (const chunk of request) form += chunk;
    response.writeHead(400).end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const serverURL = `http://127.0.0.1:${server.address().port}`;
  const client = new Mistral({ apiKey: "k", serverURL });
  t.after(() => client.close());
  const fileName = 'a"; name="purpose\r\nX-Evil: 1\r\n\r\nb.jsonl';
  await failure(client.files.upload({ file: { fileName, content: "the content" } }), MistralError);
  const expected = 'filename="a%22; name=%22purpose%0D%0AX-Evil: 1%0D%0A%0D%0Ab.jsonl"\r\n';
  assert.ok(form.includes(expected), form);
  assert.doesNotMatch(form, /\nX-Evil/);
});
