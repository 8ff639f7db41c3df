/** How far a transfer has come. Numbers never fall within a phase, and the last call of one has the final ones. */
export interface Progress {
  /**
   * What is being done: lines are looked at, records are created one by one, a file is uploaded, the server reads it, or an
   * export comes.
   */
  readonly phase: "check" | "send" | "upload" | "import" | "export";
  /** How many bytes were moved so far. */
  readonly bytes: number;
  /** How many bytes there are to move, where that is known. */
  readonly totalBytes: number | null;
  /** How many records were dealt with so far. */
  readonly records: number;
  /** How many records there are to deal with, where that is known. */
  readonly totalRecords: number | null;
}
