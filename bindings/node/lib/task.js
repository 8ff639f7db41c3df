// Import tasks: refreshing and waiting.

"use strict";

const { boolean, callback, milliseconds, optional, string } = require("./arguments.js");
const { configurationError } = require("./failure.js");
const { Model } = require("./model.js");
const { Operation } = require("./operation.js");
const { withProgress } = require("./progress.js");

/** The base class of import tasks. */
class Task extends Model {
  #native;

  constructor(decoder) {
    super(decoder);
    this.#native = decoder.native;
  }

  refresh(options) {
    if (this.#native === undefined) return withoutClient();
    return refreshTask(this.#native, this.constructor, this, options);
  }

  wait(request, options) {
    if (this.#native === undefined) return withoutClient();
    return waitForTask(this.#native, this.constructor, this, request, options);
  }
}

/** Rejects a method of a task that no client has returned. */
async function withoutClient() {
  throw configurationError(
    "the task has no client, because its report was created from JSON; use `mistral.datasets.task`",
  );
}

/** Fetches the current state of a task. */
function refreshTask(native, TaskClass, { datasetId, id: taskId }, options) {
  const operation = new Operation("fetch_task", TaskClass, { datasetId: string, taskId: string });
  return operation.send(native, { datasetId, taskId }, options);
}

/** Waits for a task. */
function waitForTask(native, TaskClass, { datasetId, id }, request, options) {
  const operation = new Operation("wait", TaskClass, WAIT_OPTIONS);
  return startWait(operation, native, request, options, (native, values) =>
    native.prepareWait(datasetId, id, values),
  );
}

/** The validators of the options of a wait. */
const WAIT_OPTIONS = {
  timeoutMs: optional(milliseconds),
  pollIntervalMs: optional(milliseconds),
  onProgress: optional(callback),
};

/**
 * Starts a wait. The signal is accepted in both arguments, since most waits have no other options.
 *
 * @param operation Decodes the states.
 * @param prepare Prepares the native wait, given a native client and the values of the request.
 */
function startWait(operation, native, request, options, prepare) {
  let signal;
  if (typeof request === "object" && request !== null && "signal" in request) {
    ({ signal, ...request } = request);
  }
  return operation.call(
    native,
    request,
    signal === undefined ? options : { signal, ...options },
    async (native, { onProgress, ...values }) => {
      const wait = prepare(native, { ...values, trackProgress: onProgress !== undefined });
      return withProgress({
        run: wait.run(),
        next: () => wait.nextUpdate(),
        onUpdate: onProgress && ((state) => onProgress(operation.decode(state, native))),
        cancel: () => native.cancel(),
      });
    },
    { cancellable: true, multiple: true },
  );
}

/** An operation that starts a task and can wait for it. */
class TaskOperation extends Operation {
  constructor(id, ResponseClass, validators, bodyName) {
    const options = { wait: optional(boolean), waitTimeoutMs: optional(milliseconds) };
    super(id, ResponseClass, { ...validators, ...options }, bodyName);
  }

  send(native, request, options) {
    const invoke = async (native, values) => {
      const { wait = false, waitTimeoutMs: timeoutMs, ...rest } = values;
      const result = await this.invoke(native, rest);
      if (!wait || result.kind !== undefined) return result;
      const { datasetId, id } = this.decode(result, native);
      return native.prepareWait(datasetId, id, { timeoutMs, trackProgress: false }).run();
    };
    return this.call(native, request, options, invoke, { multiple: request?.wait === true });
  }
}

module.exports = { Task, TaskOperation, WAIT_OPTIONS, refreshTask, startWait, waitForTask };
