/**
 * Progress of a transfer. Within a phase, numbers never decrease, and the last update has the final numbers. A retried upload
 * starts its phase again.
 */
export interface Progress {
  /**
   * The current phase: `check` validates lines, `send` creates records one by one, `upload` uploads a file, `import` waits for
   * the server to import it, `export` downloads an export.
   */
  readonly phase: "check" | "send" | "upload" | "import" | "export";
  /** Bytes transferred so far. */
  readonly bytes: number;
  /** Total bytes, if known. */
  readonly totalBytes: number | null;
  /** Records processed so far. */
  readonly records: number;
  /** Total records, if known. */
  readonly totalRecords: number | null;
}
