// The client: what people make, and where the resources hang.

"use strict";

const { fileURLToPath } = require("node:url");
const { inspect } = require("node:util");

const { Resources } = require("./generated/resources.js");
const { expected } = require("./arguments.js");
const { misconfigured, received } = require("./failure.js");
const native = require("./native.js");
const { ofClient, ofVariant } = require("./options.js");
const { Operation } = require("./operation.js");
const { settler } = require("./settler.js");
const { download } = require("./transfer.js");

/** The member under which a client that is set up already is handed to the constructor. */
const CONNECTED = Symbol("connected");

const OPEN_LINK = new Operation("open_link", null, {
  url: (value) =>
    typeof value === "string" || value instanceof URL
      ? { value: String(value) }
      : expected("a link", value),
});

/** A client of the API. */
class Mistral extends Resources {
  #native;

  constructor(options = {}) {
    const connected = options?.[CONNECTED] ?? connect(options);
    super(connected);
    this.#native = connected;
    /** The way to the same resources that the official SDK has. */
    this.beta = { observability: { datasets: this.datasets } };
  }

  static async local(directory) {
    if (directory instanceof URL) directory = fileURLToPath(directory);
    if (directory !== undefined && typeof directory !== "string") {
      throw misconfigured(`directory: ${expected("a path", directory).problem}`);
    }
    return over(received(await native.connectLocal(directory, settler)));
  }

  get serverURL() {
    return this.#native.serverUrl;
  }

  withOptions(options) {
    const { options: common, log } = ofVariant(options);
    return over(received(this.#native.with(common, log)));
  }

  openLink(url, options) {
    return download(this.#native, OPEN_LINK, { url }, options, (native, { url }) =>
      native.openLink(url),
    );
  }

  async close() {
    await this.#native.close();
  }

  // Older releases of Node.js 20 lack the symbol; nothing can ask for it there.
  async [Symbol.asyncDispose ?? Symbol("asyncDispose")]() {
    await this.close();
  }

  [inspect.custom](depth, options, inspect) {
    return `Mistral ${inspect({ serverURL: this.serverURL }, options)}`;
  }
}

function connect(options) {
  const { setup, options: common, log } = ofClient(options);
  return received(native.connect(setup, common, log, settler));
}

/** The client over one that was set up elsewhere. */
function over(connected) {
  return new Mistral({ [CONNECTED]: connected });
}

module.exports = { Mistral, over };
