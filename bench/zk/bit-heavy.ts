// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD } from "../../offchain/core/poseidon-constants.ts";
import { hashR1cs } from "../../offchain/engines/zk/r1cs/hash-r1cs.ts";
import type { R1cs, SparseMatrix } from "../../offchain/engines/zk/r1cs/r1cs.ts";
import type { SetupCircuit } from "../../offchain/engines/zk/setup/setup-circuit.ts";
import { elementBytes } from "../../offchain/engines/zk/setup/field-arithmetic.ts";

const BITS = 32;
/** x, its bits, and ReLU(x). */
const WIRES_EACH = BITS + 2;
/** 1, the context, and one word each of a public input and output. */
const PUBLIC_WIRES = 4;
const WORD_BYTES = 31;

/** Rows in the order of their entries. */
class Rows {
  readonly #offsets = [0];
  readonly #wires: number[] = [];
  readonly #coefficients: number[] = [];

  add(...entries: readonly (readonly [wire: number, coefficient: number])[]): void {
    for (const [wire, coefficient] of entries) {
      this.#wires.push(wire);
      this.#coefficients.push(coefficient);
    }
    this.#offsets.push(this.#wires.length);
  }

  finish(): SparseMatrix {
    return {
      offsets: Uint32Array.from(this.#offsets),
      wires: Uint32Array.from(this.#wires),
      coefficients: Uint32Array.from(this.#coefficients),
    };
  }
}

/**
 * `count` ReLUs by bits, the way that circuits without lookups do them, 34 constraints each: what general provers are usually measured on.
 * One-round; the witness's wires are zeros, ones, and 24-bit numbers of both signs.
 */
export function bitHeavyCircuit(count: number): { readonly circuit: SetupCircuit; readonly values: Uint8Array } {
  // constants[k] = 2^k, then −1 and 2^31.
  const constants = [...Array.from({ length: BITS }, (_, k) => 1n << BigInt(k)), FIELD - 1n];
  const [one, minusOne, half] = [0, BITS, BITS - 1];
  const [a, b, c] = [new Rows(), new Rows(), new Rows()];
  const wires = PUBLIC_WIRES + count * WIRES_EACH;
  const values = new Uint8Array(wires * 32);
  values[0] = 1;
  let state = 12345;
  for (let i = 0; i < count; i++) {
    const x = PUBLIC_WIRES + i * WIRES_EACH;
    const bits = x + 1;
    const y = bits + BITS;
    for (let k = 0; k < BITS; k++) {
      a.add([bits + k, one]);
      b.add([0, minusOne], [bits + k, one]);
      c.add();
    }
    a.add(...Array.from({ length: BITS }, (_, k) => [bits + k, k] as const));
    b.add([0, one]);
    c.add([0, half], [x, one]);
    a.add([bits + BITS - 1, one]);
    b.add([x, one]);
    c.add([y, one]);

    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    const number = state >> 8;
    values.set(elementBytes(number < 0 ? FIELD + BigInt(number) : BigInt(number)), x * 32);
    const shifted = (number + 2 ** (BITS - 1)) >>> 0;
    for (let k = 0; k < BITS; k++) values[(bits + k) * 32] = (shifted >>> k) & 1;
    if (number > 0) values.set(elementBytes(BigInt(number)), y * 32);
  }
  const r1cs: R1cs = {
    wires,
    outputs: 0,
    publicInputs: PUBLIC_WIRES - 1,
    privateInputs: wires - PUBLIC_WIRES,
    constants,
    a: a.finish(),
    b: b.finish(),
    c: c.finish(),
  };
  const none = { from: 0, count: 0 };
  const circuit: SetupCircuit = {
    r1cs,
    groups: { weights: none, round1: none, round2: { from: PUBLIC_WIRES, count: wires - PUBLIC_WIRES } },
    circuitHash: hashR1cs(r1cs),
    boundaries: ([0, 1] as const).map((direction) => ({
      direction,
      kind: 0,
      dataLength: WORD_BYTES,
      header: new Uint8Array(8),
    })),
    options: { backend: "one-round" },
  };
  return { circuit, values };
}
