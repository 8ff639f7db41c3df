// Raw objects by themselves: JSON text in a response's bytes, which is parsed when somebody looks.

"use strict";

const { parse } = require("./late.js");

/** A raw object by itself. Of a model that is held by the thousand it is a member that is read late instead. */
class Raw {
  #bytes;
  #start;
  #end;
  #value;

  constructor(bytes, start, end) {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
  }

  get text() {
    return this.#bytes.toString("utf8", this.#start, this.#end);
  }

  get value() {
    return (this.#value ??= parse(this.text));
  }
}

module.exports = { Raw };
