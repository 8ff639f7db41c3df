// What goes in is what is on the wire: values are written exactly or refused.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

import { RawJson, ValidationError } from "mistral-datasets";

import { bareMessage, failure, Fixture, nowhere } from "./support/fixture.mjs";

const { exactJson } = createRequire(import.meta.url)("../lib/exact-json.js");

class Point {
  constructor(x) {
    this.x = x;
  }
}

class Amount {
  constructor(text) {
    this.text = text;
  }
  toJSON() {
    return this.text;
  }
}

const cyclic = (wrap) => {
  const value = [];
  value.push(wrap(value));
  return value;
};

const deep = (value) => {
  for (let depth = 0; depth < 100_000; depth++) value = [value];
  return value;
};

test("values are written exactly", () => {
  for (const [value, text] of [
    [{ a: -0, b: [0, -0] }, '{"a":-0,"b":[0,-0]}'],
    [[1e21, 5e-324, 2 ** 53, 0.1], "[1e+21,5e-324,9007199254740992,0.1]"],
    [{ absent: undefined, none: null }, '{"none":null}'],
    [
      { date: new Date(0), list: [new Date(1)] },
      '{"date":"1970-01-01T00:00:00.000Z","list":["1970-01-01T00:00:00.001Z"]}',
    ],
    [[new Point(1), new Amount("1.50")], '[{"x":1},"1.50"]'],
    [[Object(1), Object("a"), Object(false)], '[1,"a",false]'],
    [Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
    [["\ud800", "😀", "\u2028"], '["\\ud800","😀","\u2028"]'],
    [{ "\udfff": 1, __proto__: null }, '{"\\udfff":1}'],
    [JSON.parse('{"__proto__": 1}'), '{"__proto__":1}'],
    [{ toJSON: "not a function" }, '{"toJSON":"not a function"}'],
    [{ url: new URL("http://localhost/") }, '{"url":"http://localhost/"}'],
  ]) {
    assert.equal(exactJson(value), text);
  }
  const shared = [1];
  assert.equal(exactJson({ a: shared, b: shared, c: -0 }), '{"a":[1],"b":[1],"c":-0}');
});

test("values are refused with their path", async () => {
  const { datasets } = nowhere();
  const long = "x".repeat(100);
  for (const [value, problem] of [
    [NaN, ".value: NaN is not a JSON number"],
    [[1, { a: Infinity }], ".value[1].a: Infinity is not a JSON number"],
    [{ "a b": [-Infinity] }, '.value["a b"][0]: -Infinity is not a JSON number'],
    [{ [long]: NaN }, `.value["${"x".repeat(64)}…"]: NaN is not a JSON number`],
    [Object(NaN), ".value: NaN is not a JSON number"],
    [new Date(NaN), ".value: the date is invalid"],
    [
      [new Map([["a", 1]])],
      ".value[0]: a Map is not a JSON value; convert it with Object.fromEntries",
    ],
    [new Set(), ".value: a Set is not a JSON value; convert it to an array"],
    [Buffer.from("a"), ".value: a Buffer is not a JSON value; convert it to an array or a string"],
    [
      new Uint8Array(1),
      ".value: a Uint8Array is not a JSON value; convert it to an array or a string",
    ],
    [
      new Float32Array(1),
      ".value: a Float32Array is not a JSON value; convert it to an array or a string",
    ],
    [
      new ArrayBuffer(1),
      ".value: an ArrayBuffer is not a JSON value; convert it to an array or a string",
    ],
    [new WeakMap(), ".value: a WeakMap is not a JSON value"],
    [Promise.resolve(), ".value: a Promise is not a JSON value; await it"],
    [/x/, ".value: a RegExp is not a JSON value; convert it to a string"],
    [new TypeError("my secret"), ".value: a TypeError is not a JSON value; convert it to a string"],
    [() => {}, ".value: a function is not a JSON value"],
    [{ method() {} }, ".value.method: a function is not a JSON value"],
    [Point, ".value: a function is not a JSON value"],
    [[Symbol("s")], ".value[0]: a symbol is not a JSON value"],
    [[undefined], ".value[0]: undefined is not a JSON value; use null"],
    [[, 1], ".value[0]: undefined is not a JSON value; use null"], // eslint-disable-line no-sparse-arrays
    [[1n], /^\.value\[0\]: a BigInt is not a JSON value; .*RawJson\.from/],
    [
      { part: RawJson.from("{}") },
      /^\.value\.part: .*RawJson can only be used as a whole argument/,
    ],
    [cyclic((value) => value), ".value[0]: the value contains itself"],
    [cyclic((a) => ({ a })), ".value[0].a: the value contains itself"],
    [cyclic((value) => new Point(value)), ".value[0].x: the value contains itself"],
    [deep(NaN), ": nested too deeply"],
  ]) {
    const request = { datasetId: "d", payload: { messages: [], value }, properties: {} };
    const message = bareMessage(await failure(datasets.createRecord(request), ValidationError));
    assert.ok(message.startsWith("payload"), message);
    if (problem instanceof RegExp) assert.match(message.slice("payload".length), problem);
    else assert.equal(message, `payload${problem}`);
  }
  const source = [{ messages: [] }, { messages: [{ n: NaN }] }];
  const imported = await failure(datasets.importJsonl({ datasetId: "d", source }), ValidationError);
  assert.equal(imported.cause.message, "line 2: messages[0].n: NaN is not a JSON number");
});

/** A generator of pseudo-random numbers (mulberry32). */
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Returns a random value that JSON can represent. */
function randomValue(next, depth) {
  const pick = Math.floor(next() * (depth > 0 ? 8 : 6));
  const bits = new DataView(new ArrayBuffer(8));
  switch (pick) {
    case 0:
      return [null, true, false, 0, -0][Math.floor(next() * 5)];
    case 1:
      return Math.floor((next() - 0.5) * 2 ** 54);
    case 2: {
      bits.setUint32(0, next() * 2 ** 32);
      bits.setUint32(4, next() * 2 ** 32);
      const number = bits.getFloat64(0);
      return Number.isFinite(number) ? number : 1.5;
    }
    case 3:
    case 4:
    case 5:
      return String.fromCharCode(...Array.from({ length: next() * 8 }, () => next() * 0x10000));
    case 6:
      return Array.from({ length: next() * 5 }, () => randomValue(next, depth - 1));
    default:
      return Object.fromEntries(
        Array.from({ length: next() * 5 }, () => [
          String.fromCharCode(next() * 0x10000),
          randomValue(next, depth - 1),
        ]),
      );
  }
}

test("what goes in is what is on the wire", async () => {
  const next = random(20261130);
  const values = Array.from({ length: 2_000 }, () => randomValue(next, 4));
  for (const value of values) {
    const text = exactJson({ value });
    assert.deepEqual(JSON.parse(text), { value });
    assert.ok(text.isWellFormed());
  }
  const fixture = await Fixture.start();
  const { id: datasetId } = await fixture.dataset();
  const records = values.slice(0, 90).map((value) => ({ messages: [], properties: { value } }));
  await fixture.datasets.createRecords({ datasetId, records, concurrency: 1 });
  const found = await fixture.records({ id: datasetId });
  assert.deepEqual(
    found.map(({ properties }) => properties.value),
    values.slice(0, 90),
  );
});
