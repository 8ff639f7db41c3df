/** How a pager over a listing goes. */
export interface PagerOptions {
  /** How many results a page holds. Limits: 1 to 100. Default: 100. */
  pageSize?: number | undefined;
  /** How many pages are fetched at a time; with 1 each is fetched when it is asked for. Limits: 1 to 64. Default: 8. */
  prefetch?: number | undefined;
  /** Ends the pager after so many items, without fetching what is wanted no more. */
  limit?: number | undefined;
  /** Makes the pager end with a {@link ConflictError} when fewer or more items came than the server counts. Default: false. */
  strict?: boolean | undefined;
}

/**
 * Everything that a listing lists, as an async iterable; every iteration begins anew. Items come in the server's order. Rows
 * may come and go meanwhile: what moved onto a later page and was seen before is dropped.
 *
 * @example
 * ```js
 * for await (const record of mistral.datasets.iterRecords({ datasetId })) console.log(record.id);
 * for await (const page of mistral.datasets.iter({ limit: 500 }).pages()) console.log(page.results.length);
 * console.log(await mistral.datasets.iterTasks({ datasetId }).count());
 * ```
 */
export class Pager<T> implements AsyncIterable<T> {
  private constructor();

  [Symbol.asyncIterator](): AsyncIterableIterator<T>;

  /** The same pager page by page. */
  pages(): AsyncIterable<Page<T>>;

  /** Asks the server how many items there are in all. */
  count(): Promise<number>;
}

/** One page of a pager, without what was seen before. */
export interface Page<T> {
  /** The page's number, from 1. */
  readonly number: number;
  /** How many items there are in all, as the server counted when it answered. */
  readonly count: number;
  /** The items. */
  readonly results: T[];
}
