// Walks over whole listings: async iterables over the pages that the native module fetches ahead.

"use strict";

const { boolean, optional, size } = require("./arguments.js");
const { Operation } = require("./operation.js");
const { ofCall } = require("./options.js");
const { Reader } = require("./reader.js");
const { Scope, scoped } = require("./scope.js");

/** How a walk goes, beside what is listed. */
const MANNER = {
  pageSize: optional(size),
  window: optional(size),
  limit: optional(size),
  strict: optional(boolean),
};

/** A listing that can be walked over. */
class Listing {
  #method;
  #operation;
  #item;

  /**
   * @param {string} id The document's name for it.
   * @param {string} method The native method that begins a walk.
   * @param {Function} item The class of what it lists.
   * @param {Record<string, Function>} checks The checks of its arguments without those of single pages.
   */
  constructor(id, method, item, checks) {
    this.#operation = new Operation(id, null, { ...checks, ...MANNER });
    this.#method = method;
    this.#item = item;
  }

  /** A walk over what a request asks for. */
  walk(native, request, options) {
    const { pageSize, window, limit, strict, ...what } = this.#operation.checked(request);
    const manner = { pageSize, window, limit, strict };
    const begin = (native) => native[this.#method](...Object.values(what), manner);
    return new Walk(native, ofCall(options), this, begin);
  }

  received(outcome, native) {
    return this.#operation.received(outcome, native);
  }

  page(reply, native) {
    const reader = new Reader(reply, native);
    const [number, count] = [reader.number(), reader.number()];
    return { number, count, results: reader.list(() => new this.#item(reader)) };
  }
}

/** Everything that a listing lists. Every iteration begins anew. */
class Walk {
  #native;
  #options;
  #listing;
  #begin;

  constructor(native, options, listing, begin) {
    this.#native = native;
    this.#options = options;
    this.#listing = listing;
    this.#begin = begin;
  }

  [Symbol.asyncIterator]() {
    return new Items(this.#pages());
  }

  pages() {
    return { [Symbol.asyncIterator]: () => this.#pages() };
  }

  count() {
    return scoped(this.#native, this.#options, {}, async (native) =>
      this.#listing.received(await this.#begin(native).count(), native),
    );
  }

  #pages() {
    return new Pages(() => {
      const scope = new Scope(this.#native, this.#options, { cancellable: true });
      return { scope, owner: scope.lasting, walk: this.#begin(scope.native) };
    }, this.#listing);
  }
}

/** What the iterators have in common: one step at a time, and nothing after the end. */
class Steps {
  #last = Promise.resolve();

  /** Takes a step when those before it are done. */
  inTurn(step) {
    const turn = this.#last.then(step);
    // Whoever asked for a step learns of its failure; the next finds the end.
    this.#last = turn.catch(() => {});
    return turn;
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}

/** A walk page by page. */
class Pages extends Steps {
  #open;
  #listing;
  #walk;
  #scope;
  #owner;
  #ended = false;

  constructor(open, listing) {
    super();
    this.#open = open;
    this.#listing = listing;
  }

  next() {
    return this.inTurn(() => this.#step());
  }

  async return(value) {
    this.#end();
    return { done: true, value };
  }

  async #step() {
    if (this.#ended) return { done: true, value: undefined };
    try {
      // Nothing is set up, and no signal is listened to, before the first page is asked for.
      if (this.#walk === undefined) {
        ({ walk: this.#walk, scope: this.#scope, owner: this.#owner } = this.#open());
      }
      const outcome = await this.#walk.next();
      if (this.#ended) return { done: true, value: undefined };
      const page = this.#listing.received(outcome, this.#owner);
      if (page) return { done: false, value: this.#listing.page(page, this.#owner) };
    } catch (error) {
      this.#end();
      throw this.#scope === undefined ? error : this.#scope.explained(error);
    }
    this.#end();
    return { done: true, value: undefined };
  }

  #end() {
    if (this.#ended) return;
    this.#ended = true;
    this.#scope?.end();
    this.#walk?.stop();
  }
}

/** A walk item by item. */
class Items extends Steps {
  #pages;
  #page = [];
  #at = 0;
  #waiting = 0;

  constructor(pages) {
    super();
    this.#pages = pages;
  }

  next() {
    // What is here already waits for nothing, unless somebody asked before who still waits.
    if (this.#waiting === 0 && this.#at < this.#page.length) return Promise.resolve(this.#take());
    this.#waiting += 1;
    return this.inTurn(() => this.#step()).finally(() => (this.#waiting -= 1));
  }

  async return(value) {
    this.#page = [];
    this.#at = 0;
    return this.#pages.return(value);
  }

  #take() {
    return { done: false, value: this.#page[this.#at++] };
  }

  async #step() {
    while (this.#at >= this.#page.length) {
      const { done, value } = await this.#pages.next();
      if (done) return { done: true, value: undefined };
      this.#page = value.results;
      this.#at = 0;
    }
    return this.#take();
  }
}

module.exports = { Listing, Walk };
