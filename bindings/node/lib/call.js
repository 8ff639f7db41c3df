// What every method returns: a promise that can also give the response as the server sent it.

"use strict";

/** A call under way: a promise of what it returns. */
class Call extends Promise {
  #wish;

  /** What is made of a call is any promise. */
  static get [Symbol.species]() {
    return Promise;
  }

  /**
   * Begins a call, once whoever made it has had the time to say that the raw response is wanted: asking for it always would
   * cost every call.
   *
   * @param {(wish: { raw: boolean, response?: object }) => Promise} send Sends it; notes the raw response if it is wanted.
   */
  static begin(send) {
    const wish = { raw: false, begun: false };
    const call = new Call((resolve) => {
      queueMicrotask(() => {
        wish.begun = true;
        resolve(send(wish));
      });
    });
    call.#wish = wish;
    return call;
  }

  withResponse() {
    const wish = this.#wish;
    // Without a wish, the call failed before there was anything to send.
    if (wish !== undefined) {
      if (wish.begun) {
        throw new TypeError("withResponse() comes too late: write it directly behind the call");
      }
      wish.raw = true;
    }
    return this.then((value) => ({ value, response: wish.response }));
  }
}

/** The raw response as the caller gets it. */
function rawResponse({ headers, ...response }) {
  const pairs = [];
  for (let index = 0; index < headers.length; index += 2) {
    pairs.push([headers[index], headers[index + 1]]);
  }
  return { ...response, requestId: response.requestId ?? null, headers: new Headers(pairs) };
}

module.exports = { Call, rawResponse };
