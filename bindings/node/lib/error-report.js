// The partial reports of failed bulk calls, by error. The error may be an exception of the caller's source.

"use strict";

const REPORTS = new WeakMap();

function setReport(error, report) {
  // A source may throw a primitive value.
  if (Object(error) === error) REPORTS.set(error, report);
}

function reportOf(error) {
  return REPORTS.get(error) ?? null;
}

module.exports = { reportOf, setReport };
