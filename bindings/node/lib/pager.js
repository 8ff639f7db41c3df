// Pagers over listings. The native module prefetches the pages.

"use strict";

const { boolean, optional, size } = require("./arguments.js");
const { BatchIterator } = require("./batch-iterator.js");
const { Call } = require("./call.js");
const { CallScope, withCallScope } = require("./call-scope.js");
const { Decoder } = require("./decoder.js");
const { Operation } = require("./operation.js");
const { parseCallOptions } = require("./options.js");

const PAGER_OPTIONS = {
  pageSize: optional(size),
  prefetch: optional(size),
  limit: optional(size),
  strict: optional(boolean),
};

/** A paginated listing. */
class Listing {
  #method;
  #operation;
  #ItemClass;

  /**
   * @param {string} id The operation ID from the OpenAPI document.
   * @param {string} method The native method that creates a pager.
   * @param {Function} ItemClass The class of the items.
   * @param {Record<string, Function>} validators The validators of the arguments, without page number and size.
   */
  constructor(id, method, ItemClass, validators) {
    this.#operation = new Operation(id, null, { ...validators, ...PAGER_OPTIONS });
    this.#method = method;
    this.#ItemClass = ItemClass;
  }

  /** Creates a pager. */
  pager(native, request, options) {
    const { pageSize, prefetch, limit, strict, ...rest } = this.#operation.validate(request);
    const pagerOptions = { pageSize, prefetch, limit, strict };
    const open = (native) => native[this.#method](...Object.values(rest), pagerOptions);
    return new Pager(native, parseCallOptions(options), this, open);
  }

  unwrap(result, native) {
    return this.#operation.unwrap(result, native);
  }

  decodePage(response, native) {
    const decoder = new Decoder(response, native);
    const [number, count] = [decoder.number(), decoder.number()];
    return { number, count, results: decoder.array(() => new this.#ItemClass(decoder)) };
  }
}

/** All items of a listing. Each iteration starts from the first page. */
class Pager {
  #native;
  #options;
  #listing;
  #open;

  constructor(native, options, listing, open) {
    this.#native = native;
    this.#options = options;
    this.#listing = listing;
    this.#open = open;
  }

  [Symbol.asyncIterator]() {
    return this.#iterate((page) => page.results);
  }

  pages() {
    return { [Symbol.asyncIterator]: () => this.#iterate((page) => [page]) };
  }

  count() {
    return Call.startMultiple(() =>
      withCallScope(this.#native, this.#options, {}, async (native) =>
        this.#listing.unwrap(await this.#open(native).count(), native),
      ),
    );
  }

  /** Iterates over the values that `toBatch` returns for each page. */
  #iterate(toBatch) {
    return new BatchIterator(() => {
      const scope = new CallScope(this.#native, this.#options, { cancellable: true });
      const pager = this.#open(scope.native);
      const native = scope.detached;
      const next = async () => {
        const page = this.#listing.unwrap(await pager.next(), native);
        return page ? toBatch(this.#listing.decodePage(page, native)) : undefined;
      };
      return { next, stop: () => pager.stop(), scope };
    });
  }
}

module.exports = { Listing, Pager };
