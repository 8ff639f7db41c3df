// Behaviour cases: reports of bulk calls that are stored as JSON and resumed from.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import {
  ConfigurationError,
  ConnectionError,
  CreateReport,
  ImportReport,
  MistralError,
  ValidationError,
} from "mistral-datasets";

import { bareMessage, failure, Fixture } from "../support/fixture.mjs";

const numbers = (count) => Array.from({ length: count }, (_, n) => n);

const record = (n) => ({
  payload: { messages: [{ role: "user", content: `question ${n}` }] },
  properties: { n },
});

const LINES = Buffer.from(
  numbers(30)
    .map((n) => `{"messages": [], "properties": {"n": ${n}}}\n`)
    .join(""),
);

/** Returns the property `n` of all records of a dataset, in order. */
async function stored(fixture, datasetId) {
  const found = [];
  for await (const { properties } of fixture.datasets.iterRecords({ datasetId })) {
    found.push(properties.n);
  }
  return found;
}

async function times(fixture, operation) {
  return (await fixture.operations()).filter((name) => name === operation).length;
}

/** A fault that loses the response to a carried-out request. */
const lost = (operation, skip) => ({ operation, skip, carryOut: true, resetAfterBytes: 0 });

test("create_report_survives_a_restart", async () => {
  const fixture = await Fixture.served();
  const datasetId = (await fixture.dataset()).id;
  await fixture.requests();
  await fixture.injectFault(lost("create_record", 3));
  const create = (resume) => {
    const records = numbers(8).map(record);
    return fixture.datasets.createRecords({ datasetId, records, concurrency: 1, resume });
  };
  const error = await failure(create(), MistralError);
  const text = JSON.stringify(error.report);
  assert.doesNotMatch(text, /question/);
  assert.equal(JSON.parse(text).version, 1);
  for (const report of [CreateReport.fromJSON(text), CreateReport.fromJSON(JSON.parse(text))]) {
    assert.ok(report instanceof CreateReport);
    assert.equal(JSON.stringify(report), text);
    assert.equal(report.datasetId, datasetId);
    assert.deepEqual(
      report.items.slice(0, 4).map(({ status }) => status),
      ["created", "created", "created", "unknown"],
    );
    const unknown = report.items[3].error;
    assert.ok(unknown instanceof ConnectionError && unknown.ambiguous);
    assert.equal(String(unknown), String(error.report.items[3].error));
    assert.equal(unknown.body, null);
  }
  const report = await create(CreateReport.fromJSON(text));
  assert.deepEqual([report.created, report.unknown], [7, 1]);
  assert.equal(await times(fixture, "create_record"), 8);
  assert.deepEqual(await stored(fixture, datasetId), numbers(8));
});

test("import_report_survives_a_restart", async () => {
  const fixture = await Fixture.served();
  const datasetId = (await fixture.dataset()).id;
  await fixture.requests();
  await fixture.injectFault(lost("import_from_file", 1));
  const importLines = (resume) =>
    fixture.datasets.importJsonl({ datasetId, source: LINES, maxFileBytes: 500, resume });
  const error = await failure(importLines(), MistralError);
  assert.ok(error.ambiguous);
  const text = JSON.stringify(error.report);
  assert.doesNotMatch(text, /messages/);
  const restored = ImportReport.fromJSON(text);
  assert.deepEqual(restored.unknown, error.report.unknown);
  assert.equal(restored.files[0].task.id, error.report.files[0].task.id);
  await failure(restored.files[0].task.refresh(), ConfigurationError);
  await failure(restored.files[0].task.wait(), ConfigurationError);

  const report = await importLines(restored);
  const unknown = report.unknown.reduce((sum, { records }) => sum + records, 0);
  assert.equal(report.records + unknown, 30);
  assert.equal(await times(fixture, "import_from_file"), report.files.length + 1);
  assert.deepEqual(await stored(fixture, datasetId), numbers(30));
});

test("report_of_another_dataset_is_rejected", async () => {
  const fixture = await Fixture.served();
  const datasetId = (await fixture.dataset()).id;
  const other = (await fixture.dataset()).id;
  const { datasets } = fixture;
  const created = await datasets.createRecords({ datasetId, records: [record(0)] });
  const imported = await datasets.importJsonl({ datasetId, source: LINES });
  await fixture.requests();
  for (const call of [
    datasets.createRecords({ datasetId: other, records: [record(0)], resume: created }),
    datasets.importJsonl({ datasetId: other, source: LINES, resume: imported }),
  ]) {
    const message = bareMessage(await failure(call, ValidationError));
    assert.ok(message.startsWith(`resume: the report belongs to the dataset \`${datasetId}\``));
  }
  assert.deepEqual(await fixture.requests(), []);
});

test("unreadable_report_is_rejected", () => {
  const newer = { version: 2, report: "create_records", outcomes: [] };
  assert.throws(() => CreateReport.fromJSON(newer), /version 2.*newer client/);
  const other = { version: 1, report: "import_jsonl" };
  assert.throws(() => CreateReport.fromJSON(other), /expected a report of `create_records`/);
  for (const value of ["", "{}", '["my secret"]', "my secret", undefined, null, 5]) {
    assert.throws(
      () => ImportReport.fromJSON(value),
      (error) => error instanceof ValidationError && !inspect(error).includes("secret"),
    );
  }
});
