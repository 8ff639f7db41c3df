// The settings of one call beyond its arguments: options, an abort signal, and whether the raw response is wanted.

"use strict";

const { cancelledError, unwrap } = require("./failure.js");

/**
 * Runs a call with a native client that has the call's settings.
 *
 * @param native The native client of the resource.
 * @param call The call options as parsed by `options.js`, or undefined.
 * @param {{ raw?: boolean, cancellable?: boolean }} needs Whether the raw response is wanted, and whether the call must be
 *   able to cancel itself.
 * @param run Makes the call.
 */
async function withCallScope(native, call, needs, run) {
  if (call === undefined && !needs.raw && !needs.cancellable) return run(native);
  const scope = new CallScope(native, call, needs);
  try {
    return await run(scope.native);
  } catch (error) {
    throw scope.withAbortReason(error);
  } finally {
    scope.end();
  }
}

/** A native client for one call, connected to the call's abort signal. */
class CallScope {
  #signal;
  #onAbort;
  #base;
  #options;

  constructor(native, call, { raw = false, cancellable = false } = {}) {
    const { signal, options } = call ?? {};
    if (signal?.aborted) throw cancelledError(signal);
    cancellable ||= signal !== undefined;
    this.native = unwrap(native.forCall({ options, cancellable, raw }));
    this.#base = native;
    this.#options = options;
    if (signal === undefined) return;
    this.#signal = signal;
    this.#onAbort = () => this.native.cancel();
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** A native client with the call's options, for objects that outlive the call, such as tasks. */
  get detached() {
    if (this.#options === undefined) return this.#base;
    return unwrap(this.#base.forCall({ options: this.#options, cancellable: false, raw: false }));
  }

  /** Sets the abort reason as the cause of an error that the signal caused, and returns the error. */
  withAbortReason(error) {
    if (error?.kind === "cancelled" && this.#signal?.aborted && !Object.hasOwn(error, "cause")) {
      const cause = { value: this.#signal.reason, writable: true, configurable: true };
      Object.defineProperty(error, "cause", cause);
    }
    return error;
  }

  /** Removes the listener from the signal. */
  end() {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#onAbort = undefined;
  }
}

module.exports = { CallScope, withCallScope };
