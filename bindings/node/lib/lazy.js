// Lazily decoded values. A record keeps two numbers of its response per timestamp and JSON object, and creates the value on
// first access. Iterating over records without reading them therefore costs little.

"use strict";

const { DecodingError } = require("./errors.js");
const { Model, RECEIVED_TEXT } = require("./model.js");
const { rememberText } = require("./original-json.js");
const { Timestamp } = require("./timestamp.js");

/** Sets the offset of a model's first lazy property in the numbers of its response. */
let setOffset;

/** Returns the descriptor of a lazy property, given its index among those of its class. */
let timestampProperty, jsonProperty;

/** Returns the text of the JSON property with this index as it was received, or null. */
let receivedText;

/** Returns the received text of a JSON property that was neither read nor replaced, or undefined. */
let unreadText;

/**
 * The base class of models with lazy properties. These are own accessor properties, so that object spread, `structuredClone` and
 * test frameworks see them. All instances of a class share the accessors, because V8 then also shares the hidden class.
 */
class LazyModel extends Model {
  #properties;
  #source;
  #offset;
  /** The values that were read or assigned, by index. */
  #values;

  /** @param {Record<string, object>} properties The descriptors of the lazy properties by name. */
  constructor(decoder, properties) {
    super(decoder);
    this.#properties = properties;
    this.#source = decoder.source;
  }

  #text(index) {
    const { numbers, json } = this.#source;
    const offset = this.#offset + 2 * index;
    const start = numbers[offset];
    return Number.isNaN(start) ? null : json.toString("utf8", start, numbers[offset + 1]);
  }

  [RECEIVED_TEXT](name) {
    const property = this.#properties[name];
    return property === undefined ? undefined : this.#text(property.index);
  }

  #timestamp(index) {
    const { numbers } = this.#source;
    const offset = this.#offset + 2 * index;
    return new Timestamp(numbers[offset], numbers[offset + 1]);
  }

  #json(index) {
    const value = parse(this.#text(index));
    if (typeof value === "object" && value !== null) {
      rememberText(value, { text: () => this.#text(index) });
    }
    return value;
  }

  static {
    const property = (index, get) => ({
      get,
      set(value) {
        (this.#values ??= [])[index] = value;
      },
      enumerable: true,
      configurable: true,
      index,
    });
    setOffset = (model, offset) => {
      model.#offset = offset;
    };
    timestampProperty = (index) =>
      property(index, function () {
        const values = (this.#values ??= []);
        if (!(index in values)) values[index] = this.#timestamp(index);
        return values[index];
      });
    jsonProperty = (index) =>
      property(index, function () {
        const values = (this.#values ??= []);
        if (!(index in values)) values[index] = this.#json(index);
        return values[index];
      });
    receivedText = (model, index) => model.#text(index);
    unreadText = (model, name) => {
      const { index, get } = model.#properties[name];
      const wasAccessed = model.#values !== undefined && index in model.#values;
      // The property may also have been deleted or redefined.
      const isLazy = Object.getOwnPropertyDescriptor(model, name)?.get === get;
      return wasAccessed || !isLazy ? undefined : model.#text(index);
    };
  }
}

/** JSON that is parsed on first access. */
class LazyJson {
  #buffer;
  #start;
  #end;
  #value;

  constructor(buffer, start, end) {
    this.#buffer = buffer;
    this.#start = start;
    this.#end = end;
  }

  get text() {
    return this.#buffer.toString("utf8", this.#start, this.#end);
  }

  get value() {
    if (this.#value === undefined) {
      this.#value = parse(this.text);
      if (typeof this.#value === "object" && this.#value !== null) {
        rememberText(this.#value, { text: () => this.text });
      }
    }
    return this.#value;
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    // The message of the SyntaxError would quote the text.
    throw new DecodingError("the response contains invalid JSON");
  }
}

module.exports = {
  LazyJson,
  LazyModel,
  jsonProperty,
  receivedText,
  setOffset,
  timestampProperty,
  unreadText,
};
