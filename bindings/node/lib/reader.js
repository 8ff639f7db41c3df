// Reads what the native module hands over of a response: all its text, all its numbers, and the JSON of all its raw objects. The
// generated classes read their members in the order in which the native module wrote them; both follow the document.

"use strict";

const { Raw } = require("./raw.js");
const { Timestamp } = require("./timestamp.js");

/** Goes through a response once, from the beginning to the end. */
class Reader {
  #text;
  #numbers;
  #last = [];
  #textAt = 0;
  #numberAt = 0;

  /**
   * @param {{ text: string, numbers: Float64Array, raw?: Buffer }} response
   * @param owner The native client that it came from, for what can do something about itself.
   */
  constructor({ text, numbers, raw }, owner) {
    this.#text = text;
    this.#numbers = numbers;
    /** What outlives the reading. */
    this.response = { numbers, bytes: raw };
    this.owner = owner;
  }

  number() {
    return this.#numbers[this.#numberAt++];
  }

  boolean() {
    return this.number() === 1;
  }

  /** Whether what may be missing is there, and comes next. */
  present() {
    return this.boolean();
  }

  text() {
    const start = this.#textAt;
    return this.#text.slice(start, (this.#textAt = start + this.number()));
  }

  /** Text that is likely the same as the last with this number; a length below zero says that it is. */
  repeated(number) {
    const start = this.#textAt;
    const length = this.number();
    if (length < 0) return this.#last[number];
    return (this.#last[number] = this.#text.slice(start, (this.#textAt = start + length)));
  }

  time() {
    return new Timestamp(this.number(), this.number());
  }

  raw() {
    return new Raw(this.response.bytes, this.number(), this.number());
  }

  /** Passes over so many numbers, which `late.js` reads when somebody looks, and returns where they begin. */
  pass(count) {
    const at = this.#numberAt;
    this.#numberAt += count;
    return at;
  }

  list(read) {
    const length = this.number();
    const list = [];
    for (let index = 0; index < length; index++) list.push(read());
    return list;
  }

  /** A value of one of several types, each with what reads it. */
  variant(...readers) {
    return readers[this.number()]();
  }
}

module.exports = { Reader };
