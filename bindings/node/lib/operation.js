// What every generated method does: check its arguments, send them through the native module, and make an object or an
// error of what comes back.

"use strict";

const { kindOf } = require("./arguments.js");
const { Call, rawResponse } = require("./call.js");
const { failed, invalid } = require("./failure.js");
const { ofCall } = require("./options.js");
const { Reader } = require("./reader.js");
const { scoped } = require("./scope.js");
const { settled } = require("./settler.js");

/** One operation of the document: what it takes and what it returns. */
class Operation {
  #id;
  #method;
  #response;
  #checks;

  /**
   * @param {string} id The document's name for it.
   * @param {Function | null} response The class of its response, or null where there is none.
   * @param {Record<string, Function>} checks The checks of its arguments, in the order in which the native method takes
   *   them.
   */
  constructor(id, response, checks) {
    this.#id = id;
    this.#method = id.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
    this.#response = response;
    this.#checks = new Map(Object.entries(checks));
  }

  /** Sends a request. Whatever is wrong with it rejects the promise. */
  send(native, request, options) {
    return this.call(native, request, options, (native, values) => this.exchange(native, values));
  }

  /** Makes the call with a native client. */
  exchange(native, values) {
    return settled((call) => native[this.#method](call, ...Object.values(values)));
  }

  /**
   * Checks a request and its options, and begins a call that ends with a response.
   *
   * @param exchange Makes the call with a native client and the arguments by name.
   * @param {{ cancellable?: boolean }} needs Whether the call has to be able to break itself off.
   */
  call(native, request, options, exchange, needs = {}) {
    let values, own;
    try {
      // At once, because whoever calls may change what was given afterwards.
      values = this.checked(request);
      own = ofCall(options);
    } catch (error) {
      return Call.reject(error);
    }
    return Call.begin((wish) =>
      scoped(native, own, { ...needs, raw: wish.raw }, async (native) => {
        const outcome = this.received(await exchange(native, values), native);
        if (wish.raw) wish.response = rawResponse(outcome.rawResponse);
        return this.response(outcome, native);
      }),
    );
  }

  /**
   * Checks a request and its options, and makes what consists of many calls and can break itself off.
   *
   * @param make Makes it with a native client and the arguments by name, and returns what the caller gets.
   */
  async gather(native, request, options, make) {
    const values = this.checked(request);
    return scoped(native, ofCall(options), { cancellable: true }, (native) => make(native, values));
  }

  /** The arguments by name, as the native module takes them. */
  checked(request = {}) {
    if (typeof request !== "object" || request === null || Array.isArray(request)) {
      const names = [...this.#checks.keys()].join(", ");
      throw this.invalid(`expected one object such as { ${names} }, found ${kindOf(request)}`);
    }
    for (const name of Object.keys(request)) {
      if (!this.#checks.has(name)) throw this.#unknown(name);
    }
    const values = {};
    for (const [name, check] of this.#checks) {
      const given = request[name];
      if (given === undefined) {
        if (!check.optional) throw this.invalid(`${name}: is missing`);
        values[name] = undefined;
        continue;
      }
      const { value, problem } = check(given);
      if (problem !== undefined) throw this.invalid(`${name}: ${problem}`);
      values[name] = value;
    }
    return values;
  }

  /** What the caller gets of a response. */
  response(response, native) {
    return this.#response === null ? undefined : new this.#response(new Reader(response, native));
  }

  /** What the native module hands over, unless it is a failure: that is thrown. */
  received(outcome, native) {
    if (outcome?.kind === undefined) return outcome;
    throw failed(this.#respelled(outcome), native);
  }

  /** The error of a request that breaks a rule. */
  invalid(message, rest) {
    return invalid(this.#id, message, rest);
  }

  /** A failure that speaks of an argument does so by the document's name for it; the caller knows it by another. */
  #respelled(failure) {
    const { kind, status, message, line } = failure;
    if (kind !== "validation" || status !== undefined) return failure;
    for (const name of this.#checks.keys()) {
      const wire = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      if (message.startsWith(`${wire}:`) || message.startsWith(`${wire}[`)) {
        const spelled = name + message.slice(wire.length);
        return { ...failure, message: spelled, line: line.replace(message, () => spelled) };
      }
    }
    return failure;
  }

  #unknown(name) {
    const names = [...this.#checks.keys()];
    const plain = (text) => text.replaceAll("_", "").toLowerCase();
    const meant = names.find((known) => plain(known) === plain(name));
    return this.invalid(
      meant === undefined
        ? `${name}: is no argument; there is ${names.join(", ")}`
        : `${name}: is no argument; write ${meant}`,
    );
  }
}

module.exports = { Operation };
