/// <reference lib="esnext.disposable" />

import type { Mistral } from "./client.js";
import type { JsonObject, JsonValue } from "./index.js";
import type { LocalServerOptions } from "./options.js";

/** Options of {@link startLocal}. */
export interface LocalOptions extends LocalServerOptions {
  /**
   * API generation to serve. `"any"` has all operations and accepts what any generation accepts; the others are strict, and
   * operations that they do not have are not found. Default: `"any"`.
   */
  generation?: "any" | "g1" | "g2" | "g3" | undefined;
}

/**
 * Starts a local server in this process and returns an empty workspace with a client. Closing that workspace stops the server.
 *
 * Starting a server takes a few milliseconds; creating another {@link LocalWorkspace.workspace} is almost free. Use one server
 * for all tests of a file and a separate workspace for each.
 *
 * @throws {ConfigurationError} If the server cannot start or an option is invalid.
 * @example
 * ```js
 * const local = await startLocal();
 * after(() => local.close());
 *
 * test("retries when the service is overloaded", async () => {
 *   const { client } = local.workspace();
 *   await client.datasets.create({ name: "Refund requests", description: "" });
 * });
 * ```
 */
export function startLocal(options?: LocalOptions): Promise<LocalWorkspace>;

/**
 * Returns a workspace of a local server in another process, such as `mistral-datasets serve --memory`.
 *
 * @param apiKey API key, which identifies the workspace. Default: a random key, so that the workspace is empty.
 * @throws {ConfigurationError} If the URL or the key is invalid.
 */
export function connectLocal(url: string | URL, apiKey?: string): LocalWorkspace;

/**
 * A workspace of a local server, identified by its API key: data, fault rules, recorded requests and a client. Workspaces are
 * isolated from each other.
 */
export class LocalWorkspace implements AsyncDisposable {
  private constructor();

  /** A client for the workspace. Use `client.withOptions(…)` to change its options. */
  readonly client: Mistral;

  /** The server URL, for other clients such as the official SDK. */
  readonly url: string;

  /** The API key of the workspace, for other clients. */
  readonly apiKey: string;

  /** Environment variables with which `new Mistral()` uses the workspace. */
  get environment(): { MISTRAL_API_KEY: string; MISTRAL_SERVER_URL: string };

  /**
   * Returns another workspace of the same server.
   *
   * @param apiKey API key, which identifies the workspace. Default: a random key, so that the workspace is empty.
   * @throws {ConfigurationError} If the key is invalid.
   */
  workspace(apiKey?: string): LocalWorkspace;

  /**
   * Adds one or more fault rules. The first matching rule that is not used up applies to a request, so rules with `times` form
   * a sequence.
   *
   * @returns The rules with their IDs.
   * @throws {ValidationError} If a rule is invalid or has no effect. The message names the property.
   * @example
   * ```js
   * await local.injectFault({ status: 429, headers: { "retry-after": "1" }, operation: "list_records", times: 2 });
   * // The record is created, but the client receives no response.
   * await local.injectFault({ resetAfterBytes: 0, operation: "create_record" });
   * ```
   */
  injectFault(rule: Fault): Promise<FaultRule>;
  injectFault(rules: readonly Fault[]): Promise<FaultRule[]>;

  /** Returns the fault rules and how many requests each has affected. */
  faults(): Promise<FaultRule[]>;

  /** Removes all fault rules. */
  clearFaults(): Promise<void>;

  /**
   * Returns the requests to the workspace, oldest first. The server records the latest 10,000.
   *
   * @param operation Operation ID to filter by. Default: all requests.
   */
  requests(operation?: string): Promise<RecordedRequest[]>;

  /** Clears the recorded requests. */
  clearRequests(): Promise<void>;

  /**
   * Inserts completion events for explorer and campaign imports.
   *
   * @returns The IDs of the events.
   * @throws {ValidationError} If an event is invalid.
   */
  insertEvents(events: readonly EventFixture[]): Promise<string[]>;

  /**
   * Inserts conversations for playground imports.
   *
   * @returns The IDs of the conversations.
   * @throws {ValidationError} If a conversation is invalid.
   */
  insertConversations(conversations: readonly ConversationFixture[]): Promise<string[]>;

  /**
   * Inserts a campaign for campaign imports.
   *
   * @param eventIds IDs of the events in the campaign; see {@link insertEvents}.
   * @returns The ID of the campaign.
   */
  insertCampaign(name: string, eventIds: readonly string[]): Promise<string>;

  /**
   * Posts JSON to a control route of the server, for fixtures without a method of their own.
   *
   * @param route Route below `/local/v1/`.
   * @returns The JSON of the response.
   */
  insertFixture(route: string, body: unknown): Promise<any>;

  /** Deletes all data, fault rules and recorded requests of the workspace. */
  reset(): Promise<void>;

  /** Closes the client. Also stops the server if the workspace was returned by {@link startLocal}. */
  close(): Promise<void>;

  /** Closes the workspace at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A fault to inject: which requests it affects, how many of them, and how. */
export interface Fault {
  /** HTTP status of the response. Errors without a {@link body} have the API's error envelope. */
  status?: number | undefined;
  /** Additional response headers. */
  headers?: Record<string, string> | undefined;
  /** Body of the response. A string is sent unchanged, anything else as JSON. */
  body?: JsonValue | undefined;
  /** Delay of the response after the request was carried out, in milliseconds. */
  delayMs?: number | undefined;
  /** Resets the connection after this many bytes of the body; 0 resets it before the response. */
  resetAfterBytes?: number | undefined;
  /** Closes the connection after this many bytes of the body, short of the announced length. */
  truncateAfterBytes?: number | undefined;
  /** Sends the body in chunks of `bytes` with a delay of `intervalMs` milliseconds between them. */
  drip?: { bytes: number; intervalMs: number } | undefined;
  /** Fault of the import task that the request starts: it is delayed, never ends, or fails with a message. */
  task?:
    | {
        delayMs?: number | undefined;
        stuck?: boolean | undefined;
        fail?: string | undefined;
      }
    | undefined;
  /** Affects only requests of this operation, by its ID such as `"create_record"`. Default: all. */
  operation?: string | undefined;
  /** Affects only requests with this HTTP method. */
  method?: string | undefined;
  /** Affects only requests to this route, such as `"/v1/files/{file_id}"`. */
  route?: string | undefined;
  /** Number of matching requests that are not affected at first. Default: 0. */
  skip?: number | undefined;
  /** Number of matching requests that are affected after that; `null` for all. Default: 1. */
  times?: number | null | undefined;
  /** Whether the request is carried out. Default: true, unless `status` or `body` is set. */
  carryOut?: boolean | undefined;
}

/** A fault rule of the server. */
export interface FaultRule {
  /** ID of the rule. {@link RecordedRequest.fault} refers to it. */
  readonly id: string;
  /** Number of requests that matched. */
  readonly matched: number;
  /** Number of requests that were affected. */
  readonly applied: number;
  /** The rule, with the server's property names. */
  readonly rule: JsonObject;
}

/** A request that the server received. API keys and the queries of presigned URLs are removed. */
export interface RecordedRequest {
  /** Number of the request in its workspace, from 1. */
  readonly number: number;
  /** HTTP method. */
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Operation ID; `open_link` for a presigned URL. Null if no route matched. */
  readonly operation: string | null;
  /** HTTP status. Null while the request is in progress, and if the connection was reset before a response. */
  readonly status: number | null;
  /** Size of the request body in bytes. Null while the request is in progress. */
  readonly requestBytes: number | null;
  /** Request headers with lower-case names, without secrets. */
  readonly headers: Readonly<Record<string, string>>;
  /** When the request was received. */
  readonly startedAt: Date;
  /** Time to respond in milliseconds. Null while the request is in progress. */
  readonly elapsedMs: number | null;
  /** ID of the fault rule that affected the request. */
  readonly fault: string | null;
}

/** A completion event to insert. */
export interface EventFixture {
  eventId?: string | undefined;
  requestMessages: readonly object[];
  responseMessages: readonly object[];
  extraFields?: object | undefined;
}

/** A conversation to insert. */
export interface ConversationFixture {
  conversationId?: string | undefined;
  messages: readonly object[];
}
