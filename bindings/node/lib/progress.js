// Progress callbacks.

"use strict";

/**
 * Passes updates to a callback while a call runs. If the callback throws, the call is cancelled and the error rethrown.
 *
 * @param {{ run: Promise, next: () => Promise, onUpdate?: Function, cancel: () => void }} options The running call, a function
 *   that returns the next update or undefined at the end, the callback, and a function that cancels the call.
 * @returns The result of the call.
 */
async function withProgress({ run, next, onUpdate, cancel }) {
  if (onUpdate === undefined) return run;
  try {
    for (let update; (update = await next());) await onUpdate(update);
  } catch (error) {
    cancel();
    await run;
    throw error;
  }
  return run;
}

/** Converts the progress of a transfer for callbacks. */
function toProgress({ totalBytes = null, totalRecords = null, ...progress }) {
  return { ...progress, totalBytes, totalRecords };
}

module.exports = { toProgress, withProgress };
