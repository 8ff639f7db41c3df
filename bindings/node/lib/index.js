"use strict";

const { Mistral } = require("./client.js");
const { Model } = require("./model.js");
const { RawJson } = require("./raw-json.js");
const { Timestamp } = require("./timestamp.js");
const { Download } = require("./transfer.js");

// Written so that Node.js finds the names without running this, for `import`.
module.exports = {
  Mistral,
  Download,
  Model,
  RawJson,
  Timestamp,
  ...require("./errors.js"),
  ...require("./generated/models.js"),
  ...require("./generated/resources.js"),
};
