// Pagers over whole listings: async iterables over the pages that the native module fetches ahead.

"use strict";

const { boolean, optional, size } = require("./arguments.js");
const { Operation } = require("./operation.js");
const { ofCall } = require("./options.js");
const { Reader } = require("./reader.js");
const { Scope, scoped } = require("./scope.js");
const { settled } = require("./settler.js");
const { Steps } = require("./steps.js");

/** How a pager goes, beside what is listed. */
const MANNER = {
  pageSize: optional(size),
  prefetch: optional(size),
  limit: optional(size),
  strict: optional(boolean),
};

/** A listing that can be collected over. */
class Listing {
  #method;
  #operation;
  #item;

  /**
   * @param {string} id The document's name for it.
   * @param {string} method The native method that begins a pager.
   * @param {Function} item The class of what it lists.
   * @param {Record<string, Function>} checks The checks of its arguments without those of single pages.
   */
  constructor(id, method, item, checks) {
    this.#operation = new Operation(id, null, { ...checks, ...MANNER });
    this.#method = method;
    this.#item = item;
  }

  /** A pager over what a request asks for. */
  pager(native, request, options) {
    const { pageSize, prefetch, limit, strict, ...what } = this.#operation.checked(request);
    const manner = { pageSize, prefetch, limit, strict };
    const begin = (native) => native[this.#method](...Object.values(what), manner);
    return new Pager(native, ofCall(options), this, begin);
  }

  received(outcome, native) {
    return this.#operation.received(outcome, native);
  }

  page(response, native) {
    const reader = new Reader(response, native);
    const [number, count] = [reader.number(), reader.number()];
    return { number, count, results: reader.list(() => new this.#item(reader)) };
  }
}

/** Everything that a listing lists. Every iteration begins anew. */
class Pager {
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
    return this.#steps((page) => page.results);
  }

  pages() {
    return { [Symbol.asyncIterator]: () => this.#steps((page) => [page]) };
  }

  count() {
    return scoped(this.#native, this.#options, {}, async (native) =>
      this.#listing.received(await this.#begin(native).count(), native),
    );
  }

  /** Goes through what is taken of every page. */
  #steps(taken) {
    return new Steps(() => {
      const scope = new Scope(this.#native, this.#options, { cancellable: true });
      const pager = this.#begin(scope.native);
      // What the pager yields outlives it.
      const owner = scope.lasting;
      const next = async () => {
        const outcome = await settled((call) => pager.next(call));
        const page = this.#listing.received(outcome, owner);
        return page ? taken(this.#listing.page(page, owner)) : undefined;
      };
      return { next, stop: () => pager.stop(), scope };
    });
  }
}

module.exports = { Listing, Pager };
