/** Options of a client that can be overridden for single calls. */
export interface CommonOptions {
  /** API key. Default: the environment variable `MISTRAL_API_KEY`. */
  apiKey?: string | undefined;
  /** Server URL. Default: the environment variable `MISTRAL_SERVER_URL`, or the public service. */
  serverURL?: string | URL | undefined;
  /**
   * Timeout of each attempt, from sending the request to reading the response, in milliseconds. Uploads and downloads may take
   * longer as long as data is flowing. Default: 300000.
   */
  timeoutMs?: number | undefined;
  /**
   * Maximum duration of a call including retries and the delays between them, in milliseconds. Does not apply to uploads and
   * downloads. Default: 600000.
   */
  deadlineMs?: number | undefined;
  /**
   * Maximum number of retries after the first attempt; 0 disables retries. Default: 4, and 9 for each record of
   * `createRecords`.
   */
  maxRetries?: number | undefined;
  /** Retry policy: how often and after what delay failed requests are retried. */
  retry?: RetryConfig | number | undefined;
  /** Alias of {@link retry}, as in calls of the official SDK. */
  retries?: RetryConfig | number | undefined;
  /** Alias of {@link retry}, as in clients of the official SDK. */
  retryConfig?: RetryConfig | number | undefined;
  /** Additional headers for all requests to the API. Not sent to presigned URLs or when a server redirects to another origin. */
  headers?: Headers | Record<string, string> | Iterable<readonly [string, string]> | undefined;
}

/**
 * How often and after what delay failed requests are retried. Only transient failures are retried: idempotent requests always,
 * others only if they were not carried out (no connection, status 429, or 503 with `Retry-After`). Delays are random, with an
 * upper bound that doubles after each attempt. A `Retry-After` is added to the delay. Missing properties keep the value of the
 * client that the policy is passed to, or their default.
 */
export interface RetryPolicy {
  /**
   * Maximum number of retries after the first attempt; 0 disables retries. Default: 4, and 9 for each record of
   * `createRecords`.
   */
  maxRetries?: number | undefined;
  /** Upper bound of the first delay, in milliseconds. Default: 500. */
  firstDelayMs?: number | undefined;
  /** Upper bound of all delays, without `Retry-After`, in milliseconds. Default: 8000. */
  maxDelayMs?: number | undefined;
  /** Longest `Retry-After` that is honored, in milliseconds. A longer one ends the call. Default: 60000. */
  maxRetryAfterMs?: number | undefined;
  /**
   * Whether POST requests are retried after status 503 with `Retry-After`. HTTP does not guarantee that such a request was not
   * carried out. Default: true.
   */
  retryUnavailableWrites?: boolean | undefined;
}

/**
 * A retry policy, or a `RetryConfig` of the official SDK, whose `exponent` and `retryConnectionErrors` are ignored.
 */
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

/** An `AbortSignal`: that of the platform, or of a polyfill. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** Options of a single call: the second argument of every method. */
export interface CallOptions extends CommonOptions {
  /**
   * Cancels the call when aborted. The promise rejects with a {@link CancelledError} whose `cause` is the signal's reason, and
   * requests in flight are aborted.
   */
  signal?: AbortSignalLike | undefined;
}

/** Options of {@link Mistral.withOptions}. */
export interface VariantOptions extends CommonOptions {
  /** Logger for all requests. */
  logger?: Logger | undefined;
}

/** Options of a client. */
export interface MistralOptions extends VariantOptions {
  /**
   * Proxy for all requests, such as `http://user:password@host:3128` or `socks5://host:1080`. Default: the environment
   * variables `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`. `NO_PROXY` lists the hosts to which requests are sent
   * directly: domains, IP addresses or ranges, each optionally with a port, or `*`.
   */
  proxy?: string | URL | undefined;
  /**
   * PEM certificates to trust in addition to the system's, such as those of a private certificate authority or a self-signed
   * server certificate. Environment variables can name files of them as well: `SSL_CERT_FILE` replaces the system's
   * certificates, `NODE_EXTRA_CA_CERTS` and `REQUESTS_CA_BUNDLE` add to them.
   */
  caCertificates?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
}

/**
 * A logger, such as `console` or a pino or winston logger. Messages never contain API keys, presigned URLs or conversations. A
 * logger does not keep the process alive.
 */
export interface Logger {
  debug(message: string, facts: LogFacts): void;
  info(message: string, facts: LogFacts): void;
  warn(message: string, facts: LogFacts): void;
  error(message: string, facts: LogFacts): void;
}

/** Structured data of a log message, such as `operation`, `status`, `requestId` and `elapsedMs`. */
export type LogFacts = Readonly<Record<string, string | number | boolean>>;

/** Options of a server in this process, which {@link Mistral.local} starts. */
export interface LocalServerOptions {
  /** Data directory, created if missing. Default: data is kept in memory. */
  directory?: string | URL | undefined;
  /**
   * Base URL of an OpenAI-compatible API whose models judges ask, such as `https://api.mistral.ai/v1`. Default: none, so judging
   * fails with `FEATURE_NOT_SUPPORTED`.
   */
  judgeUrl?: string | URL | undefined;
  /** API key for {@link judgeUrl}. Default: none is sent. */
  judgeKey?: string | undefined;
  /** How long a judgement may take, including retries, in milliseconds. Default: 60,000. */
  judgeTimeoutMs?: number | undefined;
  /** Model names of the endpoint by the names that judges use. Models that are not listed have the same name. */
  judgeModels?: Readonly<Record<string, string>> | undefined;
}
