// Builds filters of chat completion events.

"use strict";

const { string } = require("./arguments.js");
const { ValidationError } = require("./errors.js");

/** Names a field, to compare it with a value. */
function field(name) {
  const { problem } = string(name);
  if (problem !== undefined) throw new ValidationError(`field: ${problem}`);
  return new FieldCondition(name);
}

/** A field that is about to be compared. */
class FieldCondition {
  #name;

  constructor(name) {
    this.#name = name;
  }

  eq(value) {
    return this.#compare("eq", value);
  }

  neq(value) {
    return this.#compare("neq", value);
  }

  lt(value) {
    return this.#compare("lt", value);
  }

  lte(value) {
    return this.#compare("lte", value);
  }

  gt(value) {
    return this.#compare("gt", value);
  }

  gte(value) {
    return this.#compare("gte", value);
  }

  contains(value) {
    return this.#compare("contains", value);
  }

  notcontains(value) {
    return this.#compare("notcontains", value);
  }

  icontains(value) {
    return this.#compare("icontains", value);
  }

  inotcontains(value) {
    return this.#compare("inotcontains", value);
  }

  startswith(value) {
    return this.#compare("startswith", value);
  }

  istartswith(value) {
    return this.#compare("istartswith", value);
  }

  endswith(value) {
    return this.#compare("endswith", value);
  }

  iendswith(value) {
    return this.#compare("iendswith", value);
  }

  matches(value) {
    return this.#compare("matches", value);
  }

  includes(value) {
    return this.#compare("includes", value);
  }

  excludes(value) {
    return this.#compare("excludes", value);
  }

  lenEq(length) {
    return this.#compare("len_eq", length);
  }

  isnull(isNull = true) {
    return this.#compare("isnull", isNull);
  }

  #compare(op, value) {
    return new FilterExpression({ field: this.#name, op, value });
  }
}

/** A filter, which is accepted wherever a filter payload is. */
class FilterExpression {
  constructor(filters) {
    this.filters = filters;
  }

  and(...others) {
    return combine("and", [this, ...others]);
  }

  or(...others) {
    return combine("or", [this, ...others]);
  }
}

/** Combines filters. Chains become one group. */
function combine(name, filters) {
  const combined = filters.flatMap((filter) => {
    const inner = filter instanceof FilterExpression ? filter.filters : filter;
    const names = typeof inner === "object" && inner !== null ? Object.keys(inner) : [];
    const isSameGroup = names.length === 1 && names[0] === name && Array.isArray(inner[name]);
    return isSameGroup ? inner[name] : [inner];
  });
  return new FilterExpression({ [name]: combined });
}

module.exports = { FieldCondition, FilterExpression, field };
