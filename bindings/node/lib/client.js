// The client.

"use strict";

const { inspect } = require("node:util");

const { Resources } = require("./generated/resources.js");
const { expected } = require("./arguments.js");
const { unwrap } = require("./failure.js");
const { parseLocalOptions } = require("./local-options.js");
const native = require("./native.js");
const { parseClientOptions, parseVariantOptions } = require("./options.js");
const { Operation } = require("./operation.js");
const { download } = require("./transfer.js");

/** The key under which the constructor accepts an existing native client. */
const NATIVE = Symbol("native");

const OPEN_LINK = new Operation("open_link", null, {
  url: (value) =>
    typeof value === "string" || value instanceof URL
      ? { value: String(value) }
      : expected("a URL", value),
});

/** A client for the API. */
class Mistral extends Resources {
  #native;

  constructor(options = {}) {
    const native = options?.[NATIVE] ?? connect(options);
    super(native);
    this.#native = native;
  }

  static async local(options) {
    const { directory, judge } = parseLocalOptions(options);
    return fromNative(unwrap(await native.connectLocal(directory, judge)));
  }

  get serverURL() {
    return this.#native.serverUrl;
  }

  withOptions(options) {
    const { options: nativeOptions, log } = parseVariantOptions(options);
    return fromNative(unwrap(this.#native.with(nativeOptions, log)));
  }

  openLink(url, options) {
    return download(this.#native, OPEN_LINK, { url }, options, (native, { url }) =>
      native.openLink(url),
    );
  }

  async close() {
    await this.#native.close();
  }

  // Older releases of Node.js 20 do not have the symbol.
  async [Symbol.asyncDispose ?? Symbol("asyncDispose")]() {
    await this.close();
  }

  [inspect.custom](depth, options, inspect) {
    return `Mistral ${inspect({ serverURL: this.serverURL }, options)}`;
  }
}

function connect(options) {
  const { connectOptions, options: nativeOptions, log } = parseClientOptions(options);
  return unwrap(native.connect(connectOptions, nativeOptions, log));
}

/** Wraps a native client. */
function fromNative(native) {
  return new Mistral({ [NATIVE]: native });
}

module.exports = { Mistral, fromNative };
