/// <reference lib="esnext.disposable" />

import { type Datasets, Resources } from "./generated/resources.js";
import type { Download } from "./transfer.js";

/** How a client is set up. */
export interface MistralOptions {
  /** The key. Default: the environment's `MISTRAL_API_KEY`. */
  apiKey?: string | undefined;
  /** The server's address. Default: the environment's `MISTRAL_SERVER_URL`, and without that the service. */
  serverURL?: string | URL | undefined;
  /**
   * How long one request may take until its reply has been read, in milliseconds. Uploads and downloads may take longer, as
   * long as they do not pause for this time. Default: 300000.
   */
  timeoutMs?: number | undefined;
}

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
  openLink(url: string | URL): Promise<Download>;

  /** Closes the client: later calls fail with {@link ClosedError}, and an embedded server stops. Closing twice is no error. */
  close(): Promise<void>;

  [Symbol.asyncDispose](): Promise<void>;
}
