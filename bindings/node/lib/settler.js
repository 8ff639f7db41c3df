// Where the outcomes of native calls arrive. Each call has a number; the native module hands over what it brought with that.

"use strict";

const { isNativeError } = require("node:util").types;

const native = require("./native.js");

/** What takes the outcome of a call, by the call's number. */
const waiting = new Map();

/** The number of the latest call. */
let latest = 0;

const settler = new native.NativeSettler((number, outcome) => {
  const { resolve, reject } = taken(number);
  if (isNativeError(outcome)) reject(outcome);
  else resolve(outcome);
});

/**
 * What a native call brings.
 *
 * @param {(number: number) => void} begin Begins it with its number.
 */
function settled(begin) {
  return new Promise((resolve, reject) => {
    const number = (latest = (latest + 1) >>> 0);
    if (waiting.size === 0) settler.hold();
    waiting.set(number, { resolve, reject });
    try {
      begin(number);
    } catch (error) {
      taken(number);
      throw error;
    }
  });
}

function taken(number) {
  const call = waiting.get(number);
  waiting.delete(number);
  if (waiting.size === 0) settler.release();
  return call;
}

module.exports = { settled, settler };
