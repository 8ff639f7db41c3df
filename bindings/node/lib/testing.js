// Testing code that uses the API: a server in the process, its workspaces, faults and journals.

"use strict";

const { randomUUID } = require("node:crypto");
const { fileURLToPath } = require("node:url");
const { inspect } = require("node:util");

const { expected } = require("./arguments.js");
const { over } = require("./client.js");
const { misconfigured, received } = require("./failure.js");
const native = require("./native.js");
const { settler } = require("./settler.js");

const GENERATIONS = {
  g1: native.ServedGeneration.G1,
  g2: native.ServedGeneration.G2,
  g3: native.ServedGeneration.G3,
};

/** How the server calls the members of a rule. It refuses those that it does not know. */
const MEMBERS = {
  carryOut: "carry_out",
  delayMs: "delay_ms",
  resetAfterBytes: "reset_after_bytes",
  truncateAfterBytes: "truncate_after_bytes",
  intervalMs: "interval_ms",
};

/** The members of a rule that are objects with members of such names themselves. */
const NESTED = ["drip", "task"];

async function startLocal({ directory, generation } = {}) {
  if (directory instanceof URL) directory = fileURLToPath(directory);
  if (directory !== undefined && typeof directory !== "string") {
    throw misconfigured(`directory: ${expected("a path", directory).problem}`);
  }
  if (generation !== undefined && !Object.hasOwn(GENERATIONS, generation)) {
    throw misconfigured(`generation: ${expected('"g1", "g2" or "g3"', generation).problem}`);
  }
  const server = received(await native.startServer(directory, GENERATIONS[generation]));
  return new LocalWorkspace(server.url, randomUUID(), server);
}

function connectLocal(url, apiKey = randomUUID()) {
  return new LocalWorkspace(String(url), apiKey);
}

/** A key's part of a local server. */
class LocalWorkspace {
  #native;
  /** The server, where it is stopped with the workspace. */
  #server;

  constructor(url, apiKey, server) {
    if (typeof apiKey !== "string") {
      throw misconfigured(`apiKey: ${expected("a string", apiKey).problem}`);
    }
    this.#native = received(native.workspaceAt(url, apiKey));
    this.#server = server;
    this.client = over(received(this.#native.client(`node/${process.versions.node}`, settler)));
    this.url = this.client.serverURL;
    // Not among what is printed.
    Object.defineProperty(this, "apiKey", { value: apiKey });
  }

  get environment() {
    return { MISTRAL_API_KEY: this.apiKey, MISTRAL_SERVER_URL: this.url };
  }

  workspace(apiKey = randomUUID()) {
    return new LocalWorkspace(this.url, apiKey);
  }

  async injectFault(rules) {
    const several = Array.isArray(rules);
    const { faults } = await this.insertFixture("faults", several ? rules.map(rule) : rule(rules));
    const planted = faults.map(fault);
    return several ? planted : planted[0];
  }

  async faults() {
    return (await this.#ask("GET", "faults")).faults.map(fault);
  }

  async clearFaults() {
    await this.#ask("DELETE", "faults");
  }

  async requests(operation) {
    const requests = (await this.#ask("GET", "requests")).requests.map(request);
    return requests.filter((request) => operation === undefined || request.operation === operation);
  }

  async clearRequests() {
    await this.#ask("DELETE", "requests");
  }

  async insertEvents(events) {
    const planted = events.map(({ eventId, requestMessages, responseMessages, extraFields }) => ({
      event_id: eventId,
      request_messages: requestMessages,
      response_messages: responseMessages,
      extra_fields: extraFields,
    }));
    return (await this.insertFixture("chat-completion-events", planted)).map(({ event_id }) => event_id);
  }

  async insertConversations(conversations) {
    const planted = conversations.map(({ conversationId, messages }) => ({
      conversation_id: conversationId,
      messages,
    }));
    const responses = await this.insertFixture("conversations", planted);
    return responses.map(({ conversation_id }) => conversation_id);
  }

  async insertCampaign(name, eventIds) {
    return (await this.insertFixture("campaigns", { name, event_ids: eventIds })).id;
  }

  insertFixture(what, body) {
    return this.#ask("POST", what, JSON.stringify(body));
  }

  async reset() {
    await this.#ask("POST", "reset");
  }

  async close() {
    await this.client.close();
    await this.#server?.stop();
  }

  // Older releases of Node.js 20 lack the symbol; nothing can ask for it there.
  async [Symbol.asyncDispose ?? Symbol("asyncDispose")]() {
    await this.close();
  }

  async #ask(method, route, body) {
    const response = received(await this.#native.ask(method, route, body));
    return response === "" ? undefined : JSON.parse(response);
  }

  [inspect.custom](depth, options, inspect) {
    return `LocalWorkspace ${inspect({ url: this.url }, options)}`;
  }
}

/** A rule as the server takes it. */
function rule(given) {
  const named = Object.entries(given).map(([name, value]) => {
    const nested = NESTED.includes(name) && typeof value === "object" && value !== null;
    return [MEMBERS[name] ?? name, nested ? rule(value) : value];
  });
  return Object.fromEntries(named);
}

/** A rule as the server has it. */
function fault({ id, matched, applied, ...rule }) {
  return { id, matched, applied, rule };
}

/** A request of the journal. */
function request({ request_bytes, started_at, elapsed_ms, ...rest }) {
  const startedAt = new Date(started_at);
  return { ...rest, requestBytes: request_bytes, startedAt, elapsedMs: elapsed_ms };
}

module.exports = { LocalWorkspace, connectLocal, startLocal };
