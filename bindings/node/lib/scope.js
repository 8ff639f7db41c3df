// What one call has beyond its arguments: options of its own, a signal that breaks it off, a wish for the raw response.

"use strict";

const { cancelled, received } = require("./failure.js");

/**
 * Lets a call use a native client of its own.
 *
 * @param native The client's.
 * @param call The call's options as `options.js` reads them, if it has any.
 * @param {{ raw?: boolean, cancellable?: boolean }} needs Whether the raw response is wanted, and whether the call has to be
 *   able to break itself off.
 * @param use Makes the call.
 */
async function scoped(native, call, needs, use) {
  if (call === undefined && !needs.raw && !needs.cancellable) return use(native);
  const scope = new Scope(native, call, needs);
  try {
    return await use(scope.native);
  } catch (error) {
    throw scope.explained(error);
  } finally {
    scope.end();
  }
}

/** A native client for one use, and what listens to the signal meanwhile. */
class Scope {
  #signal;
  #abort;
  #base;
  #options;

  constructor(native, call, { raw = false, cancellable = false } = {}) {
    const { signal, options } = call ?? {};
    if (signal?.aborted) throw cancelled(signal);
    cancellable ||= signal !== undefined;
    this.native = received(native.scoped({ options, cancellable, raw }));
    this.#base = native;
    this.#options = options;
    if (signal === undefined) return;
    this.#signal = signal;
    this.#abort = () => this.native.cancel();
    signal.addEventListener("abort", this.#abort, { once: true });
  }

  /** The native client of what outlives the call, such as the tasks that it yields: with its options, but never broken off. */
  get lasting() {
    if (this.#options === undefined) return this.#base;
    const needs = { options: this.#options, cancellable: false, raw: false };
    return received(this.#base.scoped(needs));
  }

  /** An error, with the reason of the signal if that was what caused it. */
  explained(error) {
    if (error?.kind === "cancelled" && this.#signal?.aborted && !Object.hasOwn(error, "cause")) {
      const cause = { value: this.#signal.reason, writable: true, configurable: true };
      Object.defineProperty(error, "cause", cause);
    }
    return error;
  }

  /** Stops listening to the signal. */
  end() {
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#abort = undefined;
  }
}

module.exports = { Scope, scoped };
