// Pagers over listings. The native module prefetches the pages.

"use strict";

const { boolean, optional, size } = require("./arguments.js");
const { BatchIterator } = require("./batch-iterator.js");
const { Call } = require("./call.js");
const { CallScope, withCallScope } = require("./call-scope.js");
const { Decoder } = require("./decoder.js");
const { Operation } = require("./operation.js");
const { parseCallOptions } = require("./options.js");

/** What a pager needs to know of its operation. */
class PagedOperation {
  #method;
  #operation;
  #ItemClass;
  #optionNames;

  /**
   * @param {string} id The operation ID from the OpenAPI document.
   * @param {string} method The native method that creates a pager.
   * @param {Function} ItemClass The class of the items.
   * @param {Record<string, Function>} validators The validators of the arguments, without page number and size.
   * @param {string} bodyName The property that has the fields of the body in requests of the official SDK, if there is one.
   * @param {Record<string, Function>} options The validators of the pager's options.
   */
  constructor(id, method, ItemClass, validators, bodyName, options) {
    this.#operation = new Operation(id, null, { ...validators, ...options }, bodyName);
    this.#method = method;
    this.#ItemClass = ItemClass;
    this.#optionNames = Object.keys(options);
  }

  /** Validates a request, and returns a function that creates a native pager. */
  opener(request) {
    const values = this.#operation.validate(request);
    const options = {};
    for (const name of this.#optionNames) {
      options[name] = values[name];
      delete values[name];
    }
    return (native) => native[this.#method](...Object.values(values), options);
  }

  unwrap(result, native) {
    return this.#operation.unwrap(result, native);
  }

  /** Decodes what the pages of all pagers have. */
  decode(response, native) {
    const decoder = new Decoder(response, native);
    const number = decoder.number();
    const count = decoder.isPresent() ? decoder.number() : null;
    const nextCursor = decoder.isPresent() ? decoder.string() : null;
    const results = decoder.array(() => new this.#ItemClass(decoder));
    return { number, count, nextCursor, results };
  }
}

/** A listing with numbered pages. */
class Listing extends PagedOperation {
  constructor(id, method, ItemClass, validators, bodyName) {
    super(id, method, ItemClass, validators, bodyName, {
      pageSize: optional(size),
      prefetch: optional(size),
      limit: optional(size),
      strict: optional(boolean),
    });
  }

  pager(native, request, options) {
    return new Pager(native, parseCallOptions(options), this, this.opener(request));
  }

  decodePage(response, native) {
    const { number, count, results } = this.decode(response, native);
    return { number, count, results };
  }
}

/** A listing whose pages have the cursor of the next one. */
class Feed extends PagedOperation {
  constructor(id, method, ItemClass, validators, bodyName) {
    super(id, method, ItemClass, validators, bodyName, {
      pageSize: optional(size),
      limit: optional(size),
    });
  }

  pager(native, request, options) {
    return new FeedPager(native, parseCallOptions(options), this, this.opener(request));
  }

  decodePage(response, native) {
    const { number, nextCursor, results } = this.decode(response, native);
    return { number, nextCursor, results };
  }
}

/** All items of a feed. Each iteration starts from the first page. */
class FeedPager {
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

  /** Iterates over the values that `toBatch` returns for each page. */
  #iterate(toBatch) {
    return iterate(this.#native, this.#options, this.#listing, this.#open, toBatch);
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
    return iterate(this.#native, this.#options, this.#listing, this.#open, toBatch);
  }
}

/** Iterates over the values that `toBatch` returns for each page. */
function iterate(native, options, listing, open, toBatch) {
  return new BatchIterator(() => {
    const scope = new CallScope(native, options, { cancellable: true });
    const pager = open(scope.native);
    const { detached } = scope;
    const next = async () => {
      const page = listing.unwrap(await pager.next(), detached);
      return page ? toBatch(listing.decodePage(page, detached)) : undefined;
    };
    return { next, stop: () => pager.stop(), scope };
  });
}

module.exports = { Feed, FeedPager, Listing, Pager };
