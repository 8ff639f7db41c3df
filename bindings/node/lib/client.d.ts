/// <reference lib="esnext.disposable" />

import { type Datasets, Resources } from "./generated/resources.js";
import type { CallOptions, MistralOptions, VariantOptions } from "./options.js";
import type { Download } from "./transfer.js";

/**
 * A client of the API.
 *
 * It keeps its connections open between calls, and does not keep the process from exiting.
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
   * Sets up a client. Nothing is connected yet.
   *
   * @throws {ConfigurationError} When there is no key, or an option is of no use.
   */
  constructor(options?: MistralOptions);

  /**
   * Starts a local server of the API in this process, on a free loopback port and with a random key, and returns a client of
   * it. {@link close} stops it.
   *
   * @param directory Where the server keeps its data; it is made where it is missing. Without one, data is kept in memory.
   * @throws {ConfigurationError} When the server cannot start.
   * @example
   * ```js
   * await using mistral = await Mistral.local();
   * await mistral.datasets.create({ name: "Refund requests", description: "" });
   * ```
   */
  static local(directory?: string | URL): Promise<Mistral>;

  /** The way to the same resources that the official SDK has. */
  readonly beta: { readonly observability: { readonly datasets: Datasets } };

  /** The server's address. */
  get serverURL(): string;

  /**
   * Opens a presigned link, such as the one of an export. The key is never sent there, and the link, which is itself a secret,
   * appears in no error.
   *
   * @throws {ValidationError} When it is no link.
   * @throws {MistralError} When it has expired: then ask for it again.
   */
  openLink(url: string | URL, options?: CallOptions): Promise<Download>;

  /**
   * A client for which something is otherwise. It shares everything else with this one: the connections, the budget of
   * repetitions, and being closed.
   *
   * @throws {ConfigurationError} When an option is of no use.
   * @example
   * ```js
   * const patient = mistral.withOptions({ timeoutMs: 900_000, retries: 10 });
   * ```
   */
  withOptions(options: VariantOptions): Mistral;

  /**
   * Closes the client: calls under way fail with {@link CancelledError}, later ones with {@link ClosedError}, and an embedded
   * server stops. Closing twice is no error, and a client that is no longer used needs no closing.
   */
  close(): Promise<void>;

  [Symbol.asyncDispose](): Promise<void>;
}
