/** Options of a pager. */
export interface PagerOptions {
  /** Items per page. Limits: 1 to 100. Default: 100. */
  pageSize?: number | undefined;
  /** Number of pages requested concurrently; 1 disables prefetching. Limits: 1 to 64. Default: 8. */
  prefetch?: number | undefined;
  /** Maximum number of items to return. Pages beyond it are not requested. Default: no limit. */
  limit?: number | undefined;
  /**
   * When to throw a {@link ConflictError}. By default, if items were deleted during iteration and others may have been missed.
   * With `true`, also at the end if the number of items differs from the server's count. With `false`, never.
   */
  strict?: boolean | undefined;
}

/**
 * All items of a listing, as an async iterable. Each iteration starts from the first page.
 *
 * Items are returned in server order. If items are created during the iteration, items that move to a later page are returned
 * only once. If items are deleted, also by the loop itself, the server's count falls: the pager then goes back, requests the pages
 * that have shifted again, and skips the items that it has returned. If it cannot be sure to have reached every item, because more
 * than 10,000 items were deleted at once, it throws a {@link ConflictError}, unless `strict` is false. Deletions that are outweighed
 * by insertions are not detected.
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

  /** Iterates over pages instead of items. */
  pages(): AsyncIterable<Page<T>>;

  /** Requests the total number of items from the server. */
  count(): Promise<number>;
}

/**
 * A page of a listing, without items that were already returned. A page that is requested again because items were deleted is
 * returned again with its new items.
 */
export interface Page<T> {
  /** Page number, from 1. */
  readonly number: number;
  /** Total number of items as counted by the server for this response. */
  readonly count: number;
  /** The items. */
  readonly results: T[];
}

/** Options of a pager over pages with cursors. */
export interface FeedOptions {
  /** Items per page. Limits: 1 to 100. Default: 100. */
  pageSize?: number | undefined;
  /** Maximum number of items to return. Pages beyond it are not requested. Default: no limit. */
  limit?: number | undefined;
}

/**
 * All items of a search, as an async iterable. Each iteration starts from the first page.
 *
 * Every page has the cursor of the next one, so pages are requested one after another, and there is no count. The iteration ends
 * when the server sends no cursor, or one that it has sent before. Whether items that are created during the iteration are returned
 * depends on the server.
 *
 * @example
 * ```js
 * const searchExpression = "status_code = 'Error'";
 * for await (const span of mistral.spans.iterSpans({ searchExpression })) console.log(span.spanName);
 * for await (const page of mistral.traces.iter({ limit: 500 }).pages()) console.log(page.results.length);
 * ```
 */
export class FeedPager<T> implements AsyncIterable<T> {
  private constructor();

  [Symbol.asyncIterator](): AsyncIterableIterator<T>;

  /** Iterates over pages instead of items. */
  pages(): AsyncIterable<FeedPage<T>>;
}

/** A page of a search. */
export interface FeedPage<T> {
  /** Page number, from 1. */
  readonly number: number;
  /** Cursor of the next page, or null if this is the last one. */
  readonly nextCursor: string | null;
  /** The items. */
  readonly results: T[];
}
