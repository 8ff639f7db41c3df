// Test support: a local server in this process, its workspaces, fault injection and recorded requests.

"use strict";

const { randomUUID } = require("node:crypto");
const { inspect } = require("node:util");

const { expected } = require("./arguments.js");
const { fromNative } = require("./client.js");
const { configurationError, unwrap } = require("./failure.js");
const { parseTestServerOptions } = require("./local-options.js");
const native = require("./native.js");

/** The server's names of fault properties, where they differ. The server rejects unknown ones. */
const FAULT_PROPERTIES = {
  carryOut: "carry_out",
  delayMs: "delay_ms",
  resetAfterBytes: "reset_after_bytes",
  truncateAfterBytes: "truncate_after_bytes",
  intervalMs: "interval_ms",
};

/** Fault properties whose values are objects with properties of their own. */
const NESTED = ["drip", "task"];

async function startLocal(options) {
  const { directory, generation, judge } = parseTestServerOptions(options);
  const server = unwrap(await native.startServer(directory, generation, judge));
  return new LocalWorkspace(server.url, randomUUID(), server);
}

function connectLocal(url, apiKey = randomUUID()) {
  return new LocalWorkspace(String(url), apiKey);
}

/** A workspace of a local server. */
class LocalWorkspace {
  #native;
  /** The server, if closing the workspace stops it. */
  #server;

  constructor(url, apiKey, server) {
    if (typeof apiKey !== "string") {
      throw configurationError(`apiKey: ${expected("a string", apiKey).problem}`);
    }
    this.#native = unwrap(native.workspaceAt(url, apiKey));
    this.#server = server;
    this.client = fromNative(unwrap(this.#native.client(`node/${process.versions.node}`)));
    this.url = this.client.serverURL;
    // Not enumerable, so that it is not printed.
    Object.defineProperty(this, "apiKey", { value: apiKey });
  }

  get environment() {
    return { MISTRAL_API_KEY: this.apiKey, MISTRAL_SERVER_URL: this.url };
  }

  workspace(apiKey = randomUUID()) {
    return new LocalWorkspace(this.url, apiKey);
  }

  async injectFault(rules) {
    const isArray = Array.isArray(rules);
    const body = isArray ? rules.map(toServerRule) : toServerRule(rules);
    const { faults } = await this.insertFixture("faults", body);
    const inserted = faults.map(toFaultRule);
    return isArray ? inserted : inserted[0];
  }

  async faults() {
    return (await this.#request("GET", "faults")).faults.map(toFaultRule);
  }

  async clearFaults() {
    await this.#request("DELETE", "faults");
  }

  async requests(operation) {
    const requests = (await this.#request("GET", "requests")).requests.map(toRecordedRequest);
    return requests.filter((request) => operation === undefined || request.operation === operation);
  }

  async clearRequests() {
    await this.#request("DELETE", "requests");
  }

  async insertEvents(events) {
    const fixtures = events.map(({ eventId, requestMessages, responseMessages, extraFields }) => ({
      event_id: eventId,
      request_messages: requestMessages,
      response_messages: responseMessages,
      extra_fields: extraFields,
    }));
    const inserted = await this.insertFixture("chat-completion-events", fixtures);
    return inserted.map(({ event_id }) => event_id);
  }

  async insertConversations(conversations) {
    const fixtures = conversations.map(({ conversationId, messages }) => ({
      conversation_id: conversationId,
      messages,
    }));
    const inserted = await this.insertFixture("conversations", fixtures);
    return inserted.map(({ conversation_id }) => conversation_id);
  }

  async insertCampaign(name, eventIds) {
    return (await this.insertFixture("campaigns", { name, event_ids: eventIds })).id;
  }

  insertFixture(route, body) {
    return this.#request("POST", route, JSON.stringify(body));
  }

  async reset() {
    await this.#request("POST", "reset");
  }

  async close() {
    await this.client.close();
    await this.#server?.stop();
  }

  // Older releases of Node.js 20 do not have the symbol.
  async [Symbol.asyncDispose ?? Symbol("asyncDispose")]() {
    await this.close();
  }

  async #request(method, route, body) {
    const response = unwrap(await this.#native.sendRequest(method, route, body));
    return response === "" ? undefined : JSON.parse(response);
  }

  [inspect.custom](depth, options, inspect) {
    return `LocalWorkspace ${inspect({ url: this.url }, options)}`;
  }
}

/** Converts a fault for the server. */
function toServerRule(fault) {
  const entries = Object.entries(fault).map(([name, value]) => {
    const isNested = NESTED.includes(name) && typeof value === "object" && value !== null;
    return [FAULT_PROPERTIES[name] ?? name, isNested ? toServerRule(value) : value];
  });
  return Object.fromEntries(entries);
}

/** Converts a fault rule of the server. */
function toFaultRule({ id, matched, applied, ...rule }) {
  return { id, matched, applied, rule };
}

/** Converts a recorded request of the server. */
function toRecordedRequest({ request_bytes, started_at, elapsed_ms, ...rest }) {
  const startedAt = new Date(started_at);
  return { ...rest, requestBytes: request_bytes, startedAt, elapsedMs: elapsed_ms };
}

module.exports = { LocalWorkspace, connectLocal, startLocal };
