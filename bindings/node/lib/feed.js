// Feeding a call from what JavaScript has, no faster than it is taken.

"use strict";

/**
 * Puts everything that a source yields into a native call while that runs, and returns what it hands over and what the source
 * failed with, if it did. A source of which no more is wanted is closed.
 *
 * @param sink The native call.
 * @param source What yields items: an iterable, of either kind.
 * @param {(item) => boolean} push Puts an item in; false when the next has to wait.
 * @param {() => Promise} run Makes the call.
 */
async function fed(sink, source, push, run) {
  let problem;
  feed(sink, source, push).catch((error) => {
    problem = { cause: error };
    sink.fail("it yields no more");
  });
  const outcome = await run();
  // The call may have ended before everything was taken.
  sink.fail("no more is wanted");
  return { outcome, problem };
}

async function feed(sink, source, push) {
  for await (const item of source) {
    if (!push(item) && !(await sink.ready())) return;
  }
  sink.end();
}

module.exports = { fed };
