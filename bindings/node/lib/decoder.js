// Decodes responses from the native module. src/encode.rs describes the format.

"use strict";

const { LazyJson } = require("./lazy.js");
const { Timestamp } = require("./timestamp.js");

/** Reads a response once, from start to end. */
class Decoder {
  #strings;
  #numbers;
  #last = [];
  #stringOffset = 0;
  #numberOffset = 0;

  /**
   * @param {{ strings: string, numbers: Float64Array, json?: Buffer }} response
   * @param native The native client for decoded objects that send requests, such as tasks.
   */
  constructor({ strings, numbers, json }, native) {
    this.#strings = strings;
    this.#numbers = numbers;
    /** The data that lazy properties refer to. */
    this.source = { numbers, json };
    this.native = native;
  }

  number() {
    return this.#numbers[this.#numberOffset++];
  }

  boolean() {
    return this.number() === 1;
  }

  /** Whether an optional value is present and follows next. */
  isPresent() {
    return this.boolean();
  }

  string() {
    return this.#string(this.number());
  }

  /** Reads a string that is likely equal to the previous one of the same slot. The length -1 means that it is. */
  repeated(slot) {
    const length = this.number();
    if (length < 0) return this.#last[slot];
    return (this.#last[slot] = this.#string(length));
  }

  timestamp() {
    return new Timestamp(this.number(), this.number());
  }

  json() {
    return new LazyJson(this.source.json, this.number(), this.number());
  }

  /** Skips numbers, which lazy properties read later, and returns their offset. */
  skipNumbers(count) {
    const offset = this.#numberOffset;
    this.#numberOffset += count;
    return offset;
  }

  array(decodeItem) {
    const length = this.number();
    const array = [];
    for (let index = 0; index < length; index++) array.push(decodeItem());
    return array;
  }

  /** Reads a value of a union type, given a decoder function for each variant. */
  union(...variants) {
    return variants[this.number()]();
  }

  #string(length) {
    const start = this.#stringOffset;
    return this.#strings.slice(start, (this.#stringOffset = start + length));
  }
}

module.exports = { Decoder };
