// Listeners of what takes long.

"use strict";

/**
 * Tells a listener what there is to tell until a run is over, and returns what that hands over. A listener that fails breaks
 * the run off, and its error is the run's.
 *
 * @param {{ run: Promise, next: () => Promise, tell?: Function, cancel: () => void }} of The run, what gives the next thing
 *   to tell and nothing at the end, the listener if there is one, and what breaks the run off.
 */
async function watched({ run, next, tell, cancel }) {
  if (tell === undefined) return run;
  try {
    for (let told; (told = await next());) await tell(told);
  } catch (error) {
    cancel();
    await run;
    throw error;
  }
  return run;
}

/** How far a transfer is, as listeners get it. */
function shown({ totalBytes = null, totalRecords = null, ...progress }) {
  return { ...progress, totalBytes, totalRecords };
}

module.exports = { shown, watched };
