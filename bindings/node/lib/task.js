// Import tasks: looking after them, and waiting for their end.

"use strict";

const { boolean, listener, milliseconds, optional, text } = require("./arguments.js");
const { Model } = require("./model.js");
const { Operation } = require("./operation.js");
const { watched } = require("./progress.js");

/** What an import task of a response can do besides being read. */
class Task extends Model {
  #native;

  constructor(reader) {
    super(reader);
    this.#native = reader.owner;
  }

  refresh(options) {
    return refresh(this.#native, this, options);
  }

  wait(options) {
    return wait(this.#native, this, options);
  }
}

/** A task by its ids alone. */
class TaskHandle {
  #native;

  constructor(native, { datasetId, taskId }) {
    this.#native = native;
    this.datasetId = datasetId;
    this.id = taskId;
  }

  refresh(options) {
    return refresh(this.#native, this, options);
  }

  wait(options) {
    return wait(this.#native, this, options);
  }
}

const IDS = new Operation("task", null, { datasetId: text, taskId: text });

/** The handle of the task that a request names. */
function task(native, request) {
  return new TaskHandle(native, IDS.checked(request));
}

function refresh(native, { datasetId, id: taskId }, options) {
  // Only here, because resources know models, and models know tasks.
  const { Datasets } = require("./generated/resources.js");
  return new Datasets(native).fetchTask({ datasetId, taskId }, options);
}

let waiting;

/** The operation that waits. It is made late, because its response is a model, and models know tasks. */
function waitOperation() {
  const { ImportTask } = require("./generated/models.js");
  return (waiting ??= new Operation("wait", ImportTask, {
    timeoutMs: optional(milliseconds),
    pollIntervalMs: optional(milliseconds),
    onProgress: optional(listener),
  }));
}

function wait(native, { datasetId, id }, { signal, ...manner } = {}) {
  const operation = waitOperation();
  return operation.call(
    native,
    manner,
    { signal },
    async (native, { onProgress, ...values }) => {
      const wait = native.prepareWait(datasetId, id, { ...values, watched: Boolean(onProgress) });
      return watched({
        run: wait.run(),
        next: () => wait.look(),
        tell: onProgress && ((response) => onProgress(operation.response(response, native))),
        cancel: () => native.cancel(),
      });
    },
    { cancellable: true },
  );
}

/** An operation that starts a task, and can wait for the end of it. */
class TaskOperation extends Operation {
  constructor(id, response, checks) {
    super(id, response, {
      ...checks,
      wait: optional(boolean),
      waitTimeoutMs: optional(milliseconds),
    });
  }

  send(native, request, options) {
    return this.call(native, request, options, async (native, values) => {
      const { wait: waits = false, waitTimeoutMs: timeoutMs, ...rest } = values;
      const outcome = await this.exchange(native, rest);
      if (!waits || outcome.kind !== undefined) return outcome;
      const { datasetId, id } = this.response(outcome, native);
      const options = { timeoutMs, watched: false };
      return native.prepareWait(datasetId, id, options).run();
    });
  }
}

module.exports = { Task, TaskHandle, TaskOperation, task };
