// The promise that most methods return. It also gives access to the raw response.

"use strict";

/** A promise of a call's value. */
class Call extends Promise {
  #state;

  /** Derived promises, such as those of `then`, are plain promises. */
  static get [Symbol.species]() {
    return Promise;
  }

  /**
   * Starts a call in the next microtask. Until then the caller can ask for the raw response, which is copied only on demand.
   *
   * @param {(state: { raw: boolean, response?: object }) => Promise} send Sends the request, and sets `state.response` if
   *   `state.raw` is true.
   */
  static start(send) {
    const state = { raw: false, started: false };
    const call = new Call((resolve) => {
      queueMicrotask(() => {
        state.started = true;
        resolve(send(state));
      });
    });
    call.#state = state;
    return call;
  }

  /** Starts a call that has no single response. It rejects without sending anything if the raw response is wanted. */
  static startMultiple(send) {
    return Call.start(async (state) => {
      if (!state.raw) return send();
      throw new TypeError(
        "withResponse() is supported for calls that send a single request; bulk calls, imports, exports, downloads, " +
          "counts and waits have no single response",
      );
    });
  }

  withResponse() {
    const state = this.#state;
    // A call with invalid arguments is rejected immediately and has no state.
    if (state !== undefined) {
      if (state.started) {
        throw new TypeError("withResponse() must be called directly on the call, before any await");
      }
      state.raw = true;
    }
    return this.then((value) => ({ value, response: state.response }));
  }
}

/** Converts a raw response from the native module. */
function toRawResponse({ headers, ...response }) {
  const pairs = [];
  for (let index = 0; index < headers.length; index += 2) {
    pairs.push([headers[index], headers[index + 1]]);
  }
  return { ...response, requestId: response.requestId ?? null, headers: new Headers(pairs) };
}

module.exports = { Call, toRawResponse };
