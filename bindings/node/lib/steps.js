// The async iterators over what comes many at a time.

"use strict";

/**
 * Iterates over items that come in batches. What is here already is handed out without waiting; a step is taken when those
 * before it are done, and there is nothing after the end or an error.
 */
class Steps {
  #open;
  #opened;
  #batch = [];
  #at = 0;
  #waiting = 0;
  #last = Promise.resolve();
  #ended = false;

  /**
   * @param {() => { next: () => Promise<unknown[] | undefined>, stop: () => void, scope }} open Begins; called when the first
   *   item is asked for.
   */
  constructor(open) {
    this.#open = open;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  next() {
    if (this.#waiting === 0 && this.#at < this.#batch.length) return Promise.resolve(this.#take());
    this.#waiting += 1;
    const turn = this.#last.then(() => this.#step()).finally(() => (this.#waiting -= 1));
    // Whoever asked for a step learns of its failure; the next finds the end.
    this.#last = turn.catch(() => {});
    return turn;
  }

  async return(value) {
    this.#end();
    return { done: true, value };
  }

  #take() {
    const value = this.#batch[this.#at];
    // Held by whoever took it, or by nobody.
    this.#batch[this.#at++] = undefined;
    return { done: false, value };
  }

  async #step() {
    while (this.#at >= this.#batch.length) {
      const batch = await this.#next();
      if (batch === undefined || this.#ended) {
        this.#end();
        return { done: true, value: undefined };
      }
      this.#batch = batch;
      this.#at = 0;
    }
    return this.#take();
  }

  async #next() {
    if (this.#ended) return undefined;
    try {
      // Nothing is set up, and no signal is listened to, before the first item is asked for.
      this.#opened ??= this.#open();
      return await this.#opened.next();
    } catch (error) {
      const wasEnded = this.#ended;
      this.#end();
      // What was stopped meanwhile fails for that reason.
      if (wasEnded) return undefined;
      throw this.#opened === undefined ? error : this.#opened.scope.explained(error);
    }
  }

  #end() {
    this.#ended = true;
    this.#batch = [];
    this.#at = 0;
    this.#opened?.scope.end();
    this.#opened?.stop();
  }
}

module.exports = { Steps };
