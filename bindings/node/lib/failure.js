// Makes errors of failures: of those the native module reports, and of those found before it is asked.

"use strict";

const errors = require("./errors.js");

/** The error of a failure that the native module reports. */
function failed({ causes, ...failure }) {
  if (causes.length > 0) failure.cause = chain(causes);
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

/** The error of options with which no client can be set up. */
function misconfigured(message) {
  return new errors.ConfigurationError({ kind: "configuration", message });
}

module.exports = { classOf, failed, invalid, misconfigured };
