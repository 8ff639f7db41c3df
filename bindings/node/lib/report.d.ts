import type { MistralError } from "./errors.js";
import type { ImportTask } from "./generated/models.js";

/** What {@link DatasetsBase.createRecords} did; an error has it too, as its `report`. */
export class CreateReport {
  private constructor();

  /** What became of each record that was taken, in the order of the source. */
  get items(): readonly Outcome[];
  /** How many records were created. */
  readonly created: number;
  /** How many were refused or could not be sent. */
  readonly failed: number;
  /** How many may have been created or not; no later call sends them. */
  readonly unknown: number;
  /** How many were taken from the source and surely not created, without a failure of their own. */
  readonly notSent: number;
  /** How the records were sent; `auto` when the call ended before that was chosen. */
  readonly strategy: "auto" | "single" | "file";
  /** Why this way, in words. */
  readonly reason: string;
  /** How long the call took, in milliseconds. */
  readonly elapsedMs: number;
  /** The import task of the last file, where records went by files. */
  readonly task: ImportTask | null;
}

/** What became of one record. */
export type Outcome =
  | { readonly status: "created"; readonly id: string }
  | { readonly status: "imported" | "notSent" }
  | { readonly status: "failed" | "unknown"; readonly error: MistralError };

/** What {@link DatasetsBase.importJsonl} did; an error has it too, as its `report`. */
export class ImportReport {
  private constructor();

  /** How many lines were read, blank and bad ones included. */
  readonly lines: number;
  /** How many records the files have whose imports were begun and did not fail. */
  readonly records: number;
  /** The lines that cannot be imported, the first 1000 of them. */
  readonly invalidLines: readonly InvalidLine[];
  /** How many lines cannot be imported. */
  readonly invalidLineCount: number;
  /** The files whose imports were begun and did not fail. */
  readonly files: readonly (UploadedPart & { readonly task: ImportTask })[];
  /** The files whose imports may have been begun or not; the dataset's tasks tell. */
  readonly unknown: readonly UploadedPart[];
}

/** A line that cannot be imported. */
export interface InvalidLine {
  /** Its number, from 1. */
  readonly line: number;
  /** The character in which it is bad, from 1. */
  readonly column: number;
  /** What is wrong with it; never its content. */
  readonly problem: string;
}

/** A file that was uploaded for an import. */
export interface UploadedPart {
  /** The uploaded file. It is deleted when its import has succeeded. */
  readonly fileId: string;
  /** The line of the source with which it begins. */
  readonly firstLine: number;
  /** How many lines of the source it stands for. */
  readonly lines: number;
  /** How many records it has. */
  readonly records: number;
}
