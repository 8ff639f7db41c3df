import type { TaskHandle } from "./task.js";

/** What datasets can do beyond single operations. */
export abstract class DatasetsBase {
  protected constructor();

  /**
   * A handle of an import task, by ids that were saved or that an import returned. Nothing is sent.
   *
   * @throws {ValidationError} When an id is missing or no text.
   * @example
   * ```js
   * await mistral.datasets.task({ datasetId, taskId }).wait();
   * ```
   */
  task(request: { datasetId: string; taskId: string }): TaskHandle;
}
