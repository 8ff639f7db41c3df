// The async iterator of pagers and record exports.

"use strict";

/**
 * Iterates over items that arrive in batches. Buffered items are returned without waiting, and concurrent calls of `next` are
 * served in order. After the end or an error, the iterator stays done.
 */
class BatchIterator {
  #open;
  #source;
  #batch = [];
  #index = 0;
  #pending = 0;
  #last = Promise.resolve();
  #done = false;

  /**
   * @param {() => { next: () => Promise<unknown[] | undefined>, stop: () => void, scope }} open Opens the source; called when
   *   the first item is requested.
   */
  constructor(open) {
    this.#open = open;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  next() {
    if (this.#pending === 0 && this.#index < this.#batch.length) {
      return Promise.resolve(this.#take());
    }
    this.#pending += 1;
    const result = this.#last.then(() => this.#advance()).finally(() => (this.#pending -= 1));
    // Only this call rejects; later ones report the end of the iteration.
    this.#last = result.catch(() => {});
    return result;
  }

  async return(value) {
    this.#end();
    return { done: true, value };
  }

  #take() {
    const value = this.#batch[this.#index];
    // Allows the item to be garbage-collected once the caller drops it.
    this.#batch[this.#index++] = undefined;
    return { done: false, value };
  }

  async #advance() {
    while (this.#index >= this.#batch.length) {
      const batch = await this.#nextBatch();
      if (batch === undefined || this.#done) {
        this.#end();
        return { done: true, value: undefined };
      }
      this.#batch = batch;
      this.#index = 0;
    }
    return this.#take();
  }

  async #nextBatch() {
    if (this.#done) return undefined;
    try {
      this.#source ??= this.#open();
      return await this.#source.next();
    } catch (error) {
      const wasDone = this.#done;
      this.#end();
      // `return` was called in the meantime and cancelled the request.
      if (wasDone) return undefined;
      throw this.#source === undefined ? error : this.#source.scope.withAbortReason(error);
    }
  }

  #end() {
    this.#done = true;
    this.#batch = [];
    this.#index = 0;
    this.#source?.scope.end();
    this.#source?.stop();
  }
}

module.exports = { BatchIterator };
