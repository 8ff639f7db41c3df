"use strict";

const { Call } = require("./call.js");
const { Mistral } = require("./client.js");
const { reportOf } = require("./error-report.js");
const { ExportedRecord } = require("./export.js");
const { FilterExpression, field } = require("./filter.js");
const { Model } = require("./model.js");
const { RawJson } = require("./raw-json.js");
const { CreateReport, ImportReport, SpanImportReport } = require("./report.js");
const { expression } = require("./search-expression.js");
const { TaskHandle } = require("./task-handle.js");
const { Timestamp } = require("./timestamp.js");
const { Download } = require("./transfer.js");
const { UnknownVariant } = require("./unknown-variant.js");
const { FeedPager, Pager } = require("./pager.js");

const api = {
  Mistral,
  Call,
  CreateReport,
  Download,
  ExportedRecord,
  FeedPager,
  FilterExpression,
  ImportReport,
  Model,
  RawJson,
  SpanImportReport,
  TaskHandle,
  Timestamp,
  Pager,
  UnknownVariant,
  expression,
  field,
  reportOf,
  ...require("./errors.js"),
  ...require("./generated/models.js"),
  ...require("./generated/resources.js"),
};

// Assigned as a variable, so that Node.js does not scan all modules for named exports on `import`. index.mjs lists the names.
module.exports = api;
