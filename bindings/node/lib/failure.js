// Makes errors of failures: of those the native module reports, and of those found before it is asked.

"use strict";

const errors = require("./errors.js");

/** What the native module hands over, unless it is a failure: that is thrown. */
function received(outcome, owner) {
  if (outcome?.kind === undefined) return outcome;
  throw failed(outcome, owner);
}

/**
 * The error of a failure that the native module reports.
 *
 * @param owner The native client with which its task can be looked after.
 */
function failed({ causes, task, report, ...failure }, owner) {
  if (causes.length > 0) failure.cause = chain(causes);
  if (task !== undefined) {
    // Only here, because models know tasks, and tasks know errors.
    const { ImportTask } = require("./generated/models.js");
    const { Reader } = require("./reader.js");
    failure.task = new ImportTask(new Reader(task, owner));
  }
  if (report !== undefined) failure.report = require("./report.js").reportOf(report, owner);
  return new (classOf(failure.kind))(failure);
}

/** The class of a kind: `not_found` is `NotFoundError`. */
function classOf(kind) {
  const name = kind.replace(/(?:^|_)([a-z])/g, (_, letter) => letter.toUpperCase());
  return errors[`${name}Error`] ?? errors.MistralError;
}

/** The causes as errors, each the cause of the one before. */
function chain(causes) {
  return causes.reduceRight((cause, message) => new Error(message, cause && { cause }), undefined);
}

/** The error of a request that breaks a rule. It carries the code with which the server would have answered. */
function invalid(operation, message, rest) {
  return new errors.ValidationError({
    kind: "validation",
    message,
    line: `${operation}: ${message} (VALIDATION_ERROR)`,
    operation,
    errorCode: "VALIDATION_ERROR",
    ...rest,
  });
}

/** The error of a call whose signal was aborted before it began. */
function cancelled({ reason }) {
  const message = "the call was cancelled before it began";
  return new errors.CancelledError({ kind: "cancelled", message, cause: reason });
}

/** The error of options with which no client can be set up. */
function misconfigured(message) {
  return new errors.ConfigurationError({ kind: "configuration", message });
}

module.exports = { cancelled, classOf, failed, invalid, misconfigured, received };
