// Creates errors: from failures that the native module returns, and for invalid arguments and options.

"use strict";

const errors = require("./errors.js");

/**
 * Decoders of the objects that an error may carry. report.js sets them, because the classes depend on this module: tasks and
 * reports send requests, which may fail.
 */
const decoders = { task: undefined, report: undefined };

/** Returns the value of a native call, or throws its failure. */
function unwrap(result, native) {
  if (result?.kind === undefined) return result;
  throw toError(result, native);
}

/**
 * Converts a failure to an error.
 *
 * @param native The native client for the task that the error may carry.
 */
function toError({ causes, task, report, line, ...details }, native) {
  if (causes.length > 0) details.cause = causeChain(causes);
  if (task !== undefined) details.task = decoders.task(task, native);
  if (report !== undefined) details.report = decoders.report(report, native);
  return new (errorClass(details.kind))(line, details);
}

/** Returns the class of an error kind: `NotFoundError` for `not_found`. */
function errorClass(kind) {
  const name = kind.replace(/(?:^|_)([a-z])/g, (_, letter) => letter.toUpperCase());
  return errors[`${name}Error`] ?? errors.MistralError;
}

/** Converts messages to errors, each the cause of the previous one. */
function causeChain(messages) {
  return messages.reduceRight(
    (cause, message) => new Error(message, cause && { cause }),
    undefined,
  );
}

/** Returns an error for invalid arguments, with the server's code for them. */
function validationError(operation, problem, rest) {
  const errorCode = "VALIDATION_ERROR";
  const message = `${operation}: ${problem} (${errorCode})`;
  return new errors.ValidationError(message, { operation, errorCode, ...rest });
}

/** Returns an error for a call whose signal was aborted before it started. */
function cancelledError({ reason }) {
  return new errors.CancelledError("the call was cancelled before it started", { cause: reason });
}

/** Returns an error for invalid options. */
function configurationError(message) {
  return new errors.ConfigurationError(message);
}

module.exports = {
  cancelledError,
  configurationError,
  decoders,
  errorClass,
  toError,
  unwrap,
  validationError,
};
