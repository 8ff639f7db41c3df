// Handles to import tasks, given their IDs.

"use strict";

const { string } = require("./arguments.js");
const { ImportTask } = require("./generated/models.js");
const { Operation } = require("./operation.js");
const { refreshTask, waitForTask } = require("./task.js");

/** A handle to an import task. */
class TaskHandle {
  #native;

  constructor(native, { datasetId, taskId }) {
    this.#native = native;
    this.datasetId = datasetId;
    this.id = taskId;
  }

  refresh(options) {
    return refreshTask(this.#native, ImportTask, this, options);
  }

  wait(request, options) {
    return waitForTask(this.#native, ImportTask, this, request, options);
  }
}

const TASK = new Operation("task", null, { datasetId: string, taskId: string });

/** Returns a handle for the task with the given IDs. */
function task(native, request) {
  return new TaskHandle(native, TASK.validate(request));
}

module.exports = { TaskHandle, task };
