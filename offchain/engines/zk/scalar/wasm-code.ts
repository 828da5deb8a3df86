// SPDX-License-Identifier: GPL-3.0-or-later

/** The opcodes of WebAssembly 1.0 that are used here (core specification, section 5.4). */
export const OP = {
  end: 0x0b,
  localGet: 0x20,
  localSet: 0x21,
  i64Load: 0x29,
  i64Store: 0x37,
  i64Const: 0x42,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64Mul: 0x7e,
  i64And: 0x83,
  i64Or: 0x84,
  i64Xor: 0x85,
  i64Shl: 0x86,
  i64ShrS: 0x87,
  i64ShrU: 0x88,
} as const;

const MAGIC_AND_VERSION = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const TYPE_I32 = 0x7f;
const TYPE_I64 = 0x7e;
const TYPE_FUNCTION = 0x60;
const IMPORT_MEMORY = 0x02;
const EXPORT_FUNCTION = 0x00;
/** log2 of the alignment that loads and stores promise: 8 bytes. */
const ALIGN_64 = 3;

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const more = rest >= 0x80 ? 0x80 : 0;
    bytes.push((rest & 0x7f) | more);
    rest >>>= 7;
  } while (rest > 0);
  return bytes;
}

function signed(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    const done = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

const text = (value: string): number[] => [value.length, ...Array.from(value, (letter) => letter.charCodeAt(0))];
const section = (id: number, body: readonly number[]): number[] => [id, ...unsigned(body.length), ...body];

/** Body of one function on addresses (i32 parameters) with locals of 64 bits, written straight onto the stack machine. */
export class FunctionCode {
  readonly #parameters: number;
  #locals = 0;
  readonly #bytes: number[] = [];

  constructor(parameters: number) {
    this.#parameters = parameters;
  }

  /** Numbers of `count` fresh locals; below 128 in all, so that each is a byte. */
  locals(count: number): number[] {
    const first = this.#parameters + this.#locals;
    this.#locals += count;
    return Array.from({ length: count }, (_, i) => first + i);
  }

  op(...codes: readonly number[]): this {
    this.#bytes.push(...codes);
    return this;
  }

  get(local: number): this {
    this.#bytes.push(OP.localGet, local);
    return this;
  }

  set(local: number): this {
    this.#bytes.push(OP.localSet, local);
    return this;
  }

  constant(value: bigint): this {
    return this.op(OP.i64Const, ...signed(value));
  }

  /** The 64 bits at a parameter's address and `offset` bytes. */
  load(parameter: number, offset: number): this {
    return this.get(parameter).op(OP.i64Load, ALIGN_64, ...unsigned(offset));
  }

  /** Takes the value from `local`. */
  store(parameter: number, offset: number, local: number): this {
    return this.get(parameter)
      .get(local)
      .op(OP.i64Store, ALIGN_64, ...unsigned(offset));
  }

  get parameters(): number {
    return this.#parameters;
  }

  encode(): number[] {
    const body = [1, ...unsigned(this.#locals), TYPE_I64, ...this.#bytes, OP.end];
    return [...unsigned(body.length), ...body];
  }
}

/** A module of functions without results over the memory `env.memory`. */
export function encodeModule(functions: Readonly<Record<string, FunctionCode>>): Uint8Array {
  const entries = Object.entries(functions);
  const count = unsigned(entries.length);
  const types = entries.flatMap(([, { parameters }]) => [
    TYPE_FUNCTION,
    parameters,
    ...Array.from({ length: parameters }, () => TYPE_I32),
    0,
  ]);
  const exports = entries.flatMap(([name], i) => [...text(name), EXPORT_FUNCTION, i]);
  return Uint8Array.from([
    ...MAGIC_AND_VERSION,
    ...section(1, [...count, ...types]),
    ...section(2, [1, ...text("env"), ...text("memory"), IMPORT_MEMORY, 0, 1]),
    ...section(3, [...count, ...entries.map((_, i) => i)]),
    ...section(7, [...count, ...exports]),
    ...section(10, [...count, ...entries.flatMap(([, code]) => code.encode())]),
  ]);
}
