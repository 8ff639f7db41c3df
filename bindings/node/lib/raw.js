// Raw objects: JSON text in a reply's bytes, which is parsed when somebody looks.

"use strict";

/** The text between two places of a reply's bytes. */
function textOf(bytes, start, end) {
  return bytes.toString("utf8", start, end);
}

/** What the text between two places says. */
function parsed(bytes, start, end) {
  return JSON.parse(textOf(bytes, start, end));
}

/** A raw object by itself. What has some as members holds their places instead, which takes less room. */
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
    return textOf(this.#bytes, this.#start, this.#end);
  }

  get value() {
    return (this.#value ??= parsed(this.#bytes, this.#start, this.#end));
  }

  get size() {
    return this.#end - this.#start;
  }
}

module.exports = { Raw, parsed, textOf };
