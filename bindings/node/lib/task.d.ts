import type { Call } from "./call.js";
import type { ImportTask } from "./generated/models.js";
import { Model } from "./model.js";
import type { CallOptions } from "./options.js";

/** How a task is waited for. */
export interface WaitOptions {
  /** How long to wait at most, in milliseconds. Default: 1800000, which is half an hour. */
  timeoutMs?: number | undefined;
  /**
   * How long to wait before the task is looked at again the first time, in milliseconds; the waits grow to 5 s unless this is
   * longer. Default: 100.
   */
  pollIntervalMs?: number | undefined;
  /** What is told every time the task was looked at. An error that it throws ends the waiting. */
  onProgress?: ((task: ImportTask) => void | Promise<void>) | undefined;
  /** Ends the waiting when it is aborted; the task goes on. */
  signal?: AbortSignal | undefined;
}

/** What calls that start a task take besides their own arguments. */
export interface TaskRequest {
  /** Whether to wait until the task has ended; see {@link Task.wait}. Default: false. */
  wait?: boolean | undefined;
  /** How long to wait at most, in milliseconds. Default: 1800000, which is half an hour. */
  waitTimeoutMs?: number | undefined;
}

/** What can be done about an import task. */
export interface WaitableTask {
  /**
   * Asks the server how the task stands.
   *
   * @throws {NotFoundError} When there is no such task.
   */
  refresh(options?: CallOptions): Call<ImportTask>;

  /**
   * Waits until the task is COMPLETED. A status that this version does not know means that it is still under way.
   *
   * @throws {TaskFailedError} When the task is FAILED, CANCELED, TERMINATED or TIMED_OUT.
   * @throws {TimeoutError} When it is still under way at the end; it goes on, and can be waited for again.
   * @example
   * ```js
   * const task = await mistral.datasets.importFromFile({ datasetId, fileId });
   * await task.wait({ onProgress: ({ progress }) => console.log(progress) });
   * ```
   */
  wait(options?: WaitOptions): Call<ImportTask>;
}

/** What an import task of a response can do besides being read. */
export abstract class Task extends Model implements WaitableTask {
  refresh(options?: CallOptions): Call<ImportTask>;
  wait(options?: WaitOptions): Call<ImportTask>;
}

/** An import task by its ids alone, as they were saved. */
export class TaskHandle implements WaitableTask {
  private constructor();

  /** The id of the dataset that the task fills. */
  readonly datasetId: string;
  /** The task's id. */
  readonly id: string;

  refresh(options?: CallOptions): Call<ImportTask>;
  wait(options?: WaitOptions): Call<ImportTask>;
}
