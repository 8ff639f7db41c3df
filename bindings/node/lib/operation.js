// API operations: validate arguments, call the native module, and convert its result.

"use strict";

const { describe, expected, unknownName } = require("./arguments.js");
const { Call, toRawResponse } = require("./call.js");
const { withCallScope } = require("./call-scope.js");
const { Decoder } = require("./decoder.js");
const { toError, validationError } = require("./failure.js");
const { propertyPath } = require("./input.js");
const { isCallOption, parseCallOptions } = require("./options.js");

/** An operation of the API: its arguments and its response. */
class Operation {
  #id;
  #method;
  #ResponseClass;
  #validators;
  #bodyName;

  /**
   * @param {string} id The operation ID from the OpenAPI document.
   * @param {Function | null} ResponseClass The class of the response, or null if it has no body.
   * @param {Record<string, Function>} validators The validators of the arguments, in the parameter order of the native method.
   * @param {string} bodyName The property that has the fields of the body in requests of the official SDK, if there is one.
   */
  constructor(id, ResponseClass, validators, bodyName) {
    this.#id = id;
    this.#method = id.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
    this.#ResponseClass = ResponseClass;
    this.#validators = new Map(Object.entries(validators));
    this.#bodyName = bodyName;
  }

  /** Sends a request. Invalid arguments reject the promise. */
  send(native, request, options) {
    return this.call(native, request, options, (native, values) => this.invoke(native, values));
  }

  /** Calls the native method of this operation. */
  invoke(native, values) {
    return native[this.#method](...Object.values(values));
  }

  /**
   * Validates arguments and options, and starts a call that returns a response.
   *
   * @param invoke Makes the call, given a native client and the arguments by name.
   * @param {{ cancellable?: boolean, multiple?: boolean }} needs Whether the call must be able to cancel itself, and whether it
   *   sends several requests and so has no single response.
   */
  call(native, request, options, invoke, needs = {}) {
    let values, callOptions;
    try {
      // Synchronously, because the caller may modify the arguments afterwards.
      values = this.validate(request);
      callOptions = parseCallOptions(options);
    } catch (error) {
      return Call.reject(error);
    }
    const { cancellable, multiple } = needs;
    const start = multiple ? Call.startMultiple : Call.start;
    return start((state) => {
      const raw = state?.raw;
      return withCallScope(native, callOptions, { cancellable, raw }, async (native) => {
        const result = this.unwrap(await invoke(native, values), native);
        if (raw) state.response = toRawResponse(result.rawResponse);
        return this.decode(result, native);
      });
    });
  }

  /**
   * Validates arguments and options, and runs a cancellable call that consists of several requests.
   *
   * @param run Makes the call, given a native client and the arguments by name, and returns its value.
   */
  runCancellable(native, request, options, run) {
    let values, callOptions;
    try {
      values = this.validate(request);
      callOptions = parseCallOptions(options);
    } catch (error) {
      return Call.reject(error);
    }
    return Call.startMultiple(() =>
      withCallScope(native, callOptions, { cancellable: true }, (native) => run(native, values)),
    );
  }

  /** Validates arguments, and returns their values for the native module by name. */
  validate(request = {}) {
    if (typeof request !== "object" || request === null || Array.isArray(request)) {
      const names = [...this.#validators.keys()].join(", ");
      throw this.invalid(`expected an object such as { ${names} }, found ${describe(request)}`);
    }
    request = this.#flattened(request);
    for (const name of Object.keys(request)) {
      if (!this.#validators.has(name)) throw this.invalid(this.#unknownArgument(name));
    }
    const values = {};
    for (const [name, validate] of this.#validators) {
      const argument = request[name];
      if (argument === undefined) {
        if (!validate.optional) throw this.invalid(`missing argument \`${name}\``);
        values[name] = undefined;
        continue;
      }
      const { value, problem, location = "" } = validate(argument);
      if (problem !== undefined) throw this.invalid(`${name}${location}: ${problem}`);
      values[name] = value;
    }
    return values;
  }

  /** Converts a request of the official SDK, which has the fields of the body in a property of their own. */
  #flattened(request) {
    const name = this.#bodyName;
    if (name === undefined || !Object.hasOwn(request, name)) return request;
    const { [name]: body, ...rest } = request;
    if (typeof body !== "object" || body === null || Array.isArray(body)) {
      throw this.invalid(`${name}: ${expected("an object", body).problem}`);
    }
    const twice = Object.keys(body).find((key) => Object.hasOwn(rest, key));
    if (twice !== undefined) {
      throw this.invalid(`\`${twice}\` is also in \`${name}\`; pass it once`);
    }
    return { ...rest, ...body };
  }

  #unknownArgument(name) {
    if (isCallOption(name)) {
      return `\`${name}\` is an option of the call; pass it in the second argument`;
    }
    return unknownName("argument", name, [...this.#validators.keys()]);
  }

  /** Decodes a response. */
  decode(response, native) {
    if (this.#ResponseClass === null) return undefined;
    return new this.#ResponseClass(new Decoder(response, native));
  }

  /** Returns the value of a native call, or throws its failure. */
  unwrap(result, native) {
    if (result?.kind === undefined) return result;
    throw toError(this.#withCamelCaseName(result), native);
  }

  /** Returns an error for invalid arguments. */
  invalid(message, rest) {
    return validationError(this.#id, message, rest);
  }

  /** Replaces the path of an argument in snake_case at the start of a message of the Rust client. */
  #withCamelCaseName(failure) {
    const { kind, status, message, line } = failure;
    if (kind !== "validation" || status !== undefined) return failure;
    for (const [name, validate] of this.#validators) {
      const wireName = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      const rest = message.startsWith(wireName) ? message.slice(wireName.length) : "";
      if (!/^[:[.]/.test(rest)) continue;
      const end = rest.indexOf(":");
      const path = end < 0 ? "" : propertyPath(validate, rest.slice(0, end));
      const renamed = name + path + rest.slice(Math.max(end, 0));
      return { ...failure, line: line.replace(message, () => renamed) };
    }
    return failure;
  }
}

module.exports = { Operation };
