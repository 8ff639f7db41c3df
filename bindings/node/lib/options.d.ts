/** What may hold for a whole client, and otherwise for one call. */
export interface CommonOptions {
  /** The key. Default: the environment's `MISTRAL_API_KEY`. */
  apiKey?: string | undefined;
  /** The server's address. Default: the environment's `MISTRAL_SERVER_URL`, and without that the service. */
  serverURL?: string | URL | undefined;
  /**
   * How long one attempt of a call may take until its response has been read, in milliseconds. Uploads and downloads may take
   * longer, as long as they do not pause for this time. Default: 300000.
   */
  timeoutMs?: number | undefined;
  /**
   * How long a call may take with all its attempts and the waits between them, in milliseconds. Uploads and downloads may
   * take longer. Default: 600000.
   */
  deadlineMs?: number | undefined;
  /** When failed calls are made again, or how often a request is sent at most; with 1 nothing is sent twice. */
  retries?: RetryConfig | number | undefined;
  /** Further headers of every request to the API. Links are opened without them. */
  headers?: Headers | Record<string, string> | Iterable<readonly [string, string]> | undefined;
}

/**
 * When failed calls are made again: after a failure that passes, and only where that does no harm. What only reads, or
 * changes nothing when it is done twice, is repeated; anything else only when it surely was not carried out. The waits are
 * random, within a bound that doubles.
 */
export interface RetryPolicy {
  /** How often a request is sent at most, the first time included. Default: 5. */
  maxAttempts?: number | undefined;
  /** The longest wait before the first repetition, in milliseconds. Default: 500. */
  firstDelayMs?: number | undefined;
  /** What the waits do not grow beyond, in milliseconds. Default: 8000. */
  maxDelayMs?: number | undefined;
  /** The longest `Retry-After` that is waited for, in milliseconds; a longer one ends the call. Default: 60000. */
  maxRetryAfterMs?: number | undefined;
}

/** A retry policy, or what the official SDK calls a `RetryConfig`, of which `exponent` and `retryConnectionErrors` have no effect. */
export type RetryConfig =
  | RetryPolicy
  | { strategy: "none" }
  | {
      strategy: "backoff";
      backoff?: {
        initialInterval?: number;
        maxInterval?: number;
        exponent?: number;
        maxElapsedTime?: number;
      };
      retryConnectionErrors?: boolean;
    };

/** What may be otherwise for one call: the second argument of every method. */
export interface CallOptions extends CommonOptions {
  /**
   * Breaks the call off when it is aborted. The promise is rejected with a {@link CancelledError} whose `cause` is the
   * signal's reason, and nothing keeps running.
   */
  signal?: AbortSignal | undefined;
}

/** What may be otherwise for a client made by {@link Mistral.withOptions}. */
export interface VariantOptions extends CommonOptions {
  /** What is told about every request. */
  logger?: Logger | undefined;
}

/** How a client is set up. */
export interface MistralOptions extends VariantOptions {
  /** The official SDK's name for {@link CommonOptions.retries}. */
  retryConfig?: RetryConfig | undefined;
  /**
   * The proxy that all requests go through, such as `http://user:password@host:3128` or `socks5://host:1080`. Default: what
   * the environment says in `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.
   */
  proxy?: string | URL | undefined;
  /**
   * Certificates in PEM that are trusted besides the system's, such as those of a company's own authority. The environment
   * can name a file of them too: `SSL_CERT_FILE` in the place of the system's, `REQUESTS_CA_BUNDLE` besides them.
   */
  caCertificates?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
}

/**
 * What is told about every request, such as `console`, or pino's and winston's loggers. No message holds a key, a signed link
 * or a conversation. Listening keeps no process alive.
 */
export interface Logger {
  debug(message: string, facts: LogFacts): void;
  info(message: string, facts: LogFacts): void;
  warn(message: string, facts: LogFacts): void;
  error(message: string, facts: LogFacts): void;
}

/** What a message speaks of, such as `operation`, `status`, `requestId` and `elapsedMs`. */
export type LogFacts = Readonly<Record<string, string | number | boolean>>;
