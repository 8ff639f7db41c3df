import type { Call } from "./call.js";
import type { ImportTask } from "./generated/models.js";
import { Model } from "./model.js";
import type { AbortSignalLike, CallOptions } from "./options.js";

/** Options of {@link WaitableTask.wait}. */
export interface WaitOptions {
  /** Maximum time to wait, in milliseconds. Default: 1800000 (30 minutes). */
  timeoutMs?: number | undefined;
  /**
   * Delay before the first poll, in milliseconds. Later delays grow to 5000, or stay at this value if it is longer. Default: 100.
   */
  pollIntervalMs?: number | undefined;
  /** Callback for each polled state of the task. If it throws, the wait ends and rejects with that error. */
  onProgress?: ((task: ImportTask) => void | Promise<void>) | undefined;
  /** Ends the wait when aborted. The task itself continues. */
  signal?: AbortSignalLike | undefined;
}

/** Options of operations that start a task. */
export interface TaskRequest {
  /** Whether to wait until the task has completed; see {@link Task.wait}. Default: false. */
  wait?: boolean | undefined;
  /** Maximum time to wait, in milliseconds. Default: 1800000 (30 minutes). */
  waitTimeoutMs?: number | undefined;
}

/** An import task that can be refreshed and awaited. */
export interface WaitableTask {
  /**
   * Fetches the current state of the task.
   *
   * @throws {NotFoundError} If the task does not exist.
   * @example
   * ```js
   * const { status, progress } = await task.refresh();
   * ```
   */
  refresh(options?: CallOptions): Call<ImportTask>;

  /**
   * Waits until the task is COMPLETED. A status that this version does not know counts as running.
   *
   * @param request How long to wait, and how often to poll.
   * @param options Options of each request, such as its timeout and retries.
   * @throws {TaskFailedError} If the task is FAILED, CANCELED, TERMINATED or TIMED_OUT.
   * @throws {TimeoutError} If the task is still running after `timeoutMs`. It continues, and you can wait again.
   * @example
   * ```js
   * const task = await mistral.datasets.importFromFile({ datasetId, fileId });
   * await task.wait({ onProgress: ({ progress }) => console.log(progress) });
   * ```
   */
  wait(request?: WaitOptions, options?: CallOptions): Call<ImportTask>;
}

/** The base class of {@link ImportTask}. */
export abstract class Task extends Model implements WaitableTask {
  refresh(options?: CallOptions): Call<ImportTask>;
  wait(request?: WaitOptions, options?: CallOptions): Call<ImportTask>;
}

/** A handle to an import task, given its IDs. */
export class TaskHandle implements WaitableTask {
  private constructor();

  /** ID of the dataset that the task imports into. */
  readonly datasetId: string;
  /** ID of the task. */
  readonly id: string;

  refresh(options?: CallOptions): Call<ImportTask>;
  wait(request?: WaitOptions, options?: CallOptions): Call<ImportTask>;
}
