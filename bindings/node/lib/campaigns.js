// The handwritten methods of `campaigns`.

"use strict";

const { string } = require("./arguments.js");
const { Decoder } = require("./decoder.js");
const { Operation } = require("./operation.js");
const { WAIT_OPTIONS, startWait } = require("./task.js");

/** Waits, whose states are statuses. */
class WaitOperation extends Operation {
  decode(response) {
    return new Decoder(response).string();
  }
}

const WAIT = new WaitOperation("wait", null, { campaignId: string, ...WAIT_OPTIONS });

/** The base class of the generated `Campaigns` class. */
class CampaignsBase {
  #native;

  constructor(native) {
    this.#native = native;
  }

  wait(request, options) {
    return startWait(WAIT, this.#native, request, options, (native, { campaignId, ...values }) =>
      native.prepareCampaignWait(campaignId, values),
    );
  }
}

module.exports = { CampaignsBase };
