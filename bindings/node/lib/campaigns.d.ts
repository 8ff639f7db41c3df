import type { Call } from "./call.js";
import type { TaskStatus } from "./generated/models.js";
import type { AbortSignalLike, CallOptions } from "./options.js";

/** Request of {@link CampaignsBase.wait}. */
export interface WaitForCampaignRequest {
  /** ID of the campaign. */
  campaignId: string;
  /** Maximum time to wait, in milliseconds. Default: 1800000 (30 minutes). */
  timeoutMs?: number | undefined;
  /**
   * Delay before the first poll, in milliseconds. Later delays grow to 5000, or stay at this value if it is longer. Default: 100.
   */
  pollIntervalMs?: number | undefined;
  /** Callback for each polled status. If it throws, the wait ends and rejects with that error. */
  onProgress?: ((status: TaskStatus) => void | Promise<void>) | undefined;
  /** Ends the wait when aborted. The campaign itself continues. */
  signal?: AbortSignalLike | undefined;
}

/** Methods of `campaigns` that combine several requests. */
export abstract class CampaignsBase {
  protected constructor();

  /**
   * Waits until a campaign has judged all of its events. A status that this version does not know counts as running.
   *
   * @param request The campaign, how long to wait, and how often to poll.
   * @param options Options of each request, such as its timeout and retries.
   * @returns The final status, which is COMPLETED.
   * @throws {TaskFailedError} If the status is FAILED, CANCELED, TERMINATED or TIMED_OUT.
   * @throws {TimeoutError} If the campaign is still running after `timeoutMs`. It continues, and you can wait again.
   * @example
   * ```js
   * const { id: campaignId } = await mistral.campaigns.create({ searchParams, judgeId, name, description, maxNbEvents: 100 });
   * await mistral.campaigns.wait({ campaignId, onProgress: (status) => console.log(status) });
   * ```
   */
  wait(request: WaitForCampaignRequest, options?: CallOptions): Call<TaskStatus>;
}
