// The client: what people make, and where the resources hang.

"use strict";

const { fileURLToPath } = require("node:url");
const { inspect } = require("node:util");

const { Resources } = require("./generated/resources.js");
const { expected } = require("./arguments.js");
const { failed, invalid, misconfigured } = require("./failure.js");
const native = require("./native.js");
const { Download } = require("./transfer.js");

/** The member under which a client that is set up already is handed to the constructor. */
const CONNECTED = Symbol("connected");

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
    return new Mistral({ [CONNECTED]: received(await native.connectLocal(directory)) });
  }

  get serverURL() {
    return this.#native.serverUrl;
  }

  async openLink(url) {
    if (typeof url !== "string" && !(url instanceof URL)) {
      throw invalid("open_link", `url: ${expected("a link", url).problem}`);
    }
    return new Download(received(await this.#native.openLink(String(url))), received);
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

/** The options, each with its check. */
const OPTIONS = {
  apiKey: (value) => (typeof value === "string" ? undefined : expected("text", value)),
  serverURL: (value) =>
    typeof value === "string" || value instanceof URL ? undefined : expected("a URL", value),
  timeoutMs: (value) =>
    Number.isInteger(value) && value > 0 && value < 2 ** 32
      ? undefined
      : expected("a whole number of milliseconds above 0", value),
};

function connect(options) {
  if (typeof options !== "object" || options === null) {
    throw misconfigured(`options: ${expected("an object", options).problem}`);
  }
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
    if (check === undefined) {
      throw misconfigured(`${name}: is no option; there is ${Object.keys(OPTIONS).join(", ")}`);
    }
    // What is undefined is left to the environment.
    const wrong = value === undefined ? undefined : check(value);
    if (wrong !== undefined) throw misconfigured(`${name}: ${wrong.problem}`);
  }
  const { apiKey, serverURL, timeoutMs } = options;
  return received(
    native.connect({
      apiKey,
      serverUrl: serverURL === undefined ? undefined : String(serverURL),
      timeoutMs,
      userAgent: `node/${process.versions.node}`,
    }),
  );
}

function received(outcome) {
  if (outcome.kind === undefined) return outcome;
  throw failed(outcome);
}

module.exports = { Mistral };
