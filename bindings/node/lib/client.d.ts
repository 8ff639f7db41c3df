/// <reference lib="esnext.disposable" />

import { Resources } from "./generated/resources.js";
import type { CallOptions, LocalServerOptions, MistralOptions, VariantOptions } from "./options.js";
import type { Download } from "./transfer.js";

/**
 * A client for the observability datasets API.
 *
 * Connections are kept open between calls. An idle client does not keep the process alive.
 *
 * @example
 * ```js
 * const mistral = new Mistral({ apiKey: "…" });
 * const { records } = await mistral.datasets.listRecords({ datasetId, pageSize: 100 });
 * for (const record of records.results) console.log(record.payload.messages.length);
 * ```
 */
export class Mistral extends Resources {
  /**
   * Creates a client. No connection is opened yet.
   *
   * @throws {ConfigurationError} If there is no API key or an option is invalid.
   */
  constructor(options?: MistralOptions);

  /**
   * Starts a local server in this process, on a free loopback port and with a random API key, and returns a client for it.
   * {@link close} stops the server.
   *
   * @param options Options of the server, or only its data directory. By default, data is kept in memory, and the server
   * cannot judge.
   * @throws {ConfigurationError} If the server cannot start or an option is invalid.
   * @example
   * ```js
   * await using mistral = await Mistral.local();
   * await mistral.datasets.create({ name: "Refund requests", description: "" });
   * ```
   * @example
   * ```js
   * // Judges ask a model that Ollama serves.
   * await using mistral = await Mistral.local({
   *   directory: "./data",
   *   judgeUrl: "http://localhost:11434/v1",
   *   judgeModels: { "mistral-medium-latest": "llama3.1:8b" },
   * });
   * ```
   */
  static local(options?: string | URL | LocalServerOptions): Promise<Mistral>;

  /** The server URL. */
  get serverURL(): string;

  /**
   * Downloads a presigned URL, such as that of an export. The API key is not sent, and the query of the URL, which contains its
   * signature, is left out of errors and logs.
   *
   * @throws {ValidationError} If the URL is invalid.
   * @throws {MistralError} If the request fails. If the URL has expired, request a new one.
   * @example
   * ```js
   * const { fileUrl } = await mistral.datasets.exportToJsonl({ datasetId });
   * const jsonl = await (await mistral.openLink(fileUrl)).text();
   * ```
   */
  openLink(url: string | URL, options?: CallOptions): Promise<Download>;

  /**
   * Returns a client with other options. It shares connections and the retry budget with this client, and is closed with it.
   *
   * @throws {ConfigurationError} If an option is invalid.
   * @example
   * ```js
   * const patient = mistral.withOptions({ timeoutMs: 900_000, maxRetries: 10 });
   * ```
   */
  withOptions(options: VariantOptions): Mistral;

  /**
   * Closes the client: calls in progress reject with {@link CancelledError}, later ones with {@link ClosedError}, and an
   * embedded server stops. Further calls of `close` have no effect. Closing an unused client is optional.
   */
  close(): Promise<void>;

  /** Closes the client at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>;
}
