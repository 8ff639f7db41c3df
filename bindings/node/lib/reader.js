// Reads what the native module hands over of a reply: all its text, all its numbers, and the JSON of all its raw objects. The
// generated classes read their members in the order in which the native module wrote them; both follow the document.

"use strict";

const { Timestamp } = require("./timestamp.js");

/** Goes through a reply once, from the beginning to the end. */
class Reader {
  #text;
  #numbers;
  #raw;
  #textAt = 0;
  #numberAt = 0;
  #rawAt = 0;

  /**
   * @param {{ text: string, numbers: Float64Array, raw?: Buffer }} reply
   * @param owner The native client that it came from, for what can do something about itself.
   */
  constructor({ text, numbers, raw }, owner) {
    this.#text = text;
    this.#numbers = numbers;
    this.#raw = raw;
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

  time() {
    return new Timestamp(this.number(), this.number());
  }

  /** A time for `Timestamp.at`: microseconds since 1970 as one number, where that can be exact. */
  instant() {
    const milliseconds = this.number();
    const beyond = this.number();
    const microseconds = milliseconds * 1000 + beyond;
    return Number.isSafeInteger(microseconds) ? microseconds : new Timestamp(milliseconds, beyond);
  }

  raw() {
    const start = this.#rawAt;
    return new Raw(this.#raw, start, (this.#rawAt = start + this.number()));
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

/** A raw object: JSON text in a reply's bytes, which is parsed when somebody looks. */
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
    return (this.#value ??= JSON.parse(this.text));
  }

  get size() {
    return this.#end - this.#start;
  }
}

module.exports = { Reader };
