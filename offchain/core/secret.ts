// SPDX-License-Identifier: MIT

const MASK = "[secret]";
const INSPECT = Symbol.for("nodejs.util.inspect.custom");

/** A value that must not be printed. String conversion, JSON and Node's inspect all give `[secret]`. */
export class Secret<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The only way to the value: keep calls to it few and easy to find. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [Symbol.toPrimitive](): string {
    return MASK;
  }

  [INSPECT](): string {
    return MASK;
  }
}
