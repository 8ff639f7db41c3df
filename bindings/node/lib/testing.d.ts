/// <reference lib="esnext.disposable" />

import type { Mistral } from "./client.js";
import type { JsonObject, JsonValue } from "./index.js";

/** How a server for tests is set up. */
export interface LocalOptions {
  /** Where it keeps its data; it is made where it is missing. Without one, data is kept in memory. */
  directory?: string | URL | undefined;
  /** Which generation of the API decides what is accepted. Default: `"g1"`, the documented one. */
  generation?: "g1" | "g2" | "g3" | undefined;
}

/**
 * Starts a local server of the API in this process, and returns an empty workspace of it, with a client. Closing that
 * workspace stops the server.
 *
 * It takes some milliseconds; {@link LocalWorkspace.workspace} takes next to nothing, so that one server may serve all tests of a
 * file, each with a workspace of its own.
 *
 * @throws {ConfigurationError} When the server cannot start.
 * @example
 * ```js
 * const local = await startLocal();
 * after(() => local.close());
 *
 * test("a busy service is asked again", async () => {
 *   const { client } = local.workspace();
 *   await client.datasets.create({ name: "Refund requests", description: "" });
 * });
 * ```
 */
export function startLocal(options?: LocalOptions): Promise<LocalWorkspace>;

/**
 * A workspace of a local server that runs elsewhere, such as `mistral-datasets serve --memory`.
 *
 * @param apiKey The key. Default: one that nobody else knows, so that the workspace is empty.
 * @throws {ConfigurationError} When the address is none, or the key cannot be sent.
 */
export function connectLocal(url: string | URL, apiKey?: string): LocalWorkspace;

/**
 * A key's part of a local server: a client of it, the faults of its responses and the journal of its requests. Other keys see
 * nothing of it.
 */
export class LocalWorkspace implements AsyncDisposable {
  private constructor();

  /** A client of the workspace. `client.withOptions(…)` is one that is set up otherwise. */
  readonly client: Mistral;

  /** The server's address, for any other client of the API, such as the official SDK. */
  readonly url: string;

  /** The workspace's key, for any other client of the API. */
  readonly apiKey: string;

  /** The variables by which a `new Mistral()` finds the workspace. */
  get environment(): { MISTRAL_API_KEY: string; MISTRAL_SERVER_URL: string };

  /**
   * Another workspace of the same server.
   *
   * @param apiKey The key. Default: one that nobody else knows, so that the workspace is empty.
   * @throws {ConfigurationError} When the key cannot be sent.
   */
  workspace(apiKey?: string): LocalWorkspace;

  /**
   * Spoils responses by a rule, or by several. A request is spoiled by the first rule that applies, so that rules which are used
   * up one after another make a sequence.
   *
   * @returns The rules with their ids.
   * @throws {ValidationError} When a rule cannot be meant, or does nothing; the message names the member.
   * @example
   * ```js
   * await local.injectFault({ status: 429, headers: { "retry-after": "1" }, operation: "list_records", times: 2 });
   * // Carried out, but nobody hears of it.
   * await local.injectFault({ resetAfterBytes: 0, operation: "create_record" });
   * ```
   */
  injectFault(rule: Fault): Promise<FaultRule>;
  injectFault(rules: readonly Fault[]): Promise<FaultRule[]>;

  /** The rules that were given, and to how many requests each was applied. */
  faults(): Promise<FaultRule[]>;

  /** Ends all faults. */
  clearFaults(): Promise<void>;

  /**
   * The requests that came to the workspace, the oldest first: the newest 10,000 since it was emptied.
   *
   * @param operation Only those of this operation. Default: all.
   */
  requests(operation?: string): Promise<RecordedRequest[]>;

  /** Empties the journal, so that {@link requests} tells what came since. */
  clearRequests(): Promise<void>;

  /**
   * Plants completion events, which imports from the explorer and from campaigns read.
   *
   * @returns The events' ids.
   * @throws {ValidationError} When one of them cannot be read as that.
   */
  insertEvents(events: readonly EventFixture[]): Promise<string[]>;

  /**
   * Plants conversations, which imports from the playground read.
   *
   * @returns The conversations' ids.
   * @throws {ValidationError} When one of them cannot be read as that.
   */
  insertConversations(conversations: readonly ConversationFixture[]): Promise<string[]>;

  /**
   * Plants a campaign, which an import reads.
   *
   * @param eventIds The events it found; see {@link insertEvents}.
   * @returns The campaign's id.
   */
  insertCampaign(name: string, eventIds: readonly string[]): Promise<string>;

  /** Posts JSON to one of the server's own routes, whose end is `what`, for what has no method here. */
  insertFixture(what: string, body: unknown): Promise<any>;

  /** Makes the workspace as it was at first: without data, faults and journal. */
  reset(): Promise<void>;

  /** Closes the client, and stops the server if the workspace is the one of {@link startLocal}. */
  close(): Promise<void>;

  [Symbol.asyncDispose](): Promise<void>;
}

/** A rule by which the server spoils responses: those of which requests, how many, and how. */
export interface Fault {
  /** The response has this status instead. A failure without a {@link body} has the API's envelope. */
  status?: number | undefined;
  /** Headers that the response gets. */
  headers?: Record<string, string> | undefined;
  /** The response has this body instead: text as it is, anything else as JSON. */
  body?: JsonValue | undefined;
  /** The response waits for so many milliseconds after the request was carried out. */
  delayMs?: number | undefined;
  /** The connection is reset after so many bytes of the response's body; after 0, before anything of the response. */
  resetAfterBytes?: number | undefined;
  /** The connection is closed after so many bytes of the body, although more were promised. */
  truncateAfterBytes?: number | undefined;
  /** The body comes in pieces of so many bytes, with so many milliseconds between them. */
  drip?: { bytes: number; intervalMs: number } | undefined;
  /** What becomes of the import that the request begins: it waits, never ends, or fails with a message. */
  task?:
    | {
        delayMs?: number | undefined;
        stuck?: boolean | undefined;
        fail?: string | undefined;
      }
    | undefined;
  /** Only requests of this operation, named as in the API's document, such as `"create_record"`. Default: of all. */
  operation?: string | undefined;
  /** Only requests of this method. */
  method?: string | undefined;
  /** Only requests of this route, written as in the document, such as `"/v1/files/{file_id}"`. */
  route?: string | undefined;
  /** So many of these requests pass first. Default: 0. */
  skip?: number | undefined;
  /** So many of them are spoiled then; `null` for all. Default: 1. */
  times?: number | null | undefined;
  /** Whether the request is really carried out. By default it is, unless `status` or `body` replaces the response. */
  carryOut?: boolean | undefined;
}

/** A rule as the server has it. */
export interface FaultRule {
  /** Its id, which the journal shows beside the requests that it spoiled. */
  readonly id: string;
  /** How many requests it speaks of have come. */
  readonly matched: number;
  /** How many of them it spoiled. */
  readonly applied: number;
  /** The rule, with the server's names of its members. */
  readonly rule: JsonObject;
}

/** A request that came to a workspace. It holds no key, and no query of a signed link. */
export interface RecordedRequest {
  /** Its place among the workspace's requests, from 1. */
  readonly number: number;
  readonly method: string;
  /** Its path, with the query. */
  readonly path: string;
  /** The operation as the API's document names it; opening a signed link is `open_link`. None where there is no such route. */
  readonly operation: string | null;
  /** The response's status; none before it is answered, and where the connection was reset before any response. */
  readonly status: number | null;
  /** The bytes of its body; none before it is answered. */
  readonly requestBytes: number | null;
  /** Its headers but those that hold secrets, by their names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly startedAt: Date;
  /** How many milliseconds it took to answer; none before that. */
  readonly elapsedMs: number | null;
  /** The id of the rule that spoiled it. */
  readonly fault: string | null;
}

/** A completion event to plant. */
export interface EventFixture {
  eventId?: string | undefined;
  requestMessages: readonly object[];
  responseMessages: readonly object[];
  extraFields?: object | undefined;
}

/** A conversation to plant. */
export interface ConversationFixture {
  conversationId?: string | undefined;
  messages: readonly object[];
}
