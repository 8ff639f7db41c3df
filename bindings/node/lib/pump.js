// Pumps items from JavaScript into a native call, with backpressure.

"use strict";

/**
 * Pushes all items of a source into a native call while the call runs. Closes the source when the call ends early.
 *
 * @param sink The native call, with `ready`, `end` and `fail`.
 * @param source An iterable or async iterable.
 * @param {(item) => boolean} push Pushes an item; returns false if the next one has to wait.
 * @param {() => Promise} run Runs the call.
 * @returns The result of the call, and `{ cause }` as `sourceError` if the source failed.
 */
async function pump(sink, source, push, run) {
  let sourceError;
  pushAll(sink, source, push).catch((error) => {
    sourceError = { cause: error };
    sink.fail("the source failed");
  });
  const result = await run();
  // Wakes up `pushAll` if the call ended before the source was exhausted.
  sink.fail("the call has ended");
  return { result, sourceError };
}

/** Pushes all items of a source into a sink, and ends the sink. Stops early when the sink needs no more. */
async function pushAll(sink, source, push) {
  for await (const item of source) {
    if (!push(item) && !(await sink.ready())) return;
  }
  sink.end();
}

module.exports = { pump, pushAll };
