// SPDX-License-Identifier: GPL-3.0-or-later
// Hand-made circuits for tests of setup and prover: small, but with everything that a compiled one has. y = a·x₀ + x₁ for every row,
// x and y below TABLE by LogUp, a public constant or a private weight.
import { toHex, type Hex } from "../../offchain/core/bytes.ts";
import { FIELD } from "../../offchain/core/poseidon-constants.ts";
import { toWords } from "../../offchain/core/poseidon.ts";
import { encodeTensor, type Tensor } from "../../offchain/core/tensor.ts";
import { hashR1cs } from "../../offchain/engines/zk/r1cs/hash-r1cs.ts";
import type { R1cs, SparseMatrix, WireGroups } from "../../offchain/engines/zk/r1cs/r1cs.ts";
import type { SetupCircuit } from "../../offchain/engines/zk/setup/setup-circuit.ts";

export const TABLE = 64;
const A = 3n;

type Row = ReadonlyMap<number, bigint>;
const row = (...entries: (readonly [number, bigint])[]): Row => {
  const sum = new Map<number, bigint>();
  for (const [wire, value] of entries) sum.set(wire, (((sum.get(wire) ?? 0n) + value) % FIELD) + FIELD);
  return new Map([...sum].map(([wire, value]) => [wire, value % FIELD] as const).filter(([, value]) => value !== 0n));
};

/** Rows of (A, B, C) as an R1cs. */
export function buildR1cs(
  shape: Pick<R1cs, "wires" | "outputs" | "publicInputs" | "privateInputs">,
  rows: readonly (readonly [Row, Row, Row])[],
): R1cs {
  const constants: bigint[] = [];
  const index = new Map<bigint, number>();
  const side = (n: 0 | 1 | 2): SparseMatrix => {
    const offsets = new Uint32Array(rows.length + 1);
    const [wires, coefficients]: [number[], number[]] = [[], []];
    rows.forEach((sides, i) => {
      for (const [wire, value] of [...sides[n]].toSorted(([a], [b]) => a - b)) {
        if (!index.has(value)) index.set(value, constants.push(value) - 1);
        wires.push(wire);
        coefficients.push(index.get(value) ?? 0);
      }
      offsets[i + 1] = wires.length;
    });
    return { offsets, wires: Uint32Array.from(wires), coefficients: Uint32Array.from(coefficients) };
  };
  return { ...shape, a: side(0), b: side(1), c: side(2), constants };
}

export interface ToyCircuit extends SetupCircuit {
  readonly circuitHash: Hex;
  readonly rows: number;
  readonly kind: "public" | "private" | "one-round";
}

const inverse = (value: bigint): bigint => {
  let [result, factor] = [1n, ((value % FIELD) + FIELD) % FIELD];
  for (let rest = FIELD - 2n; rest > 0n; rest >>= 1n, factor = (factor * factor) % FIELD)
    if ((rest & 1n) === 1n) result = (result * factor) % FIELD;
  return result;
};

const u8 = (data: readonly number[]): Tensor => ({ dtype: "u8", dims: [1, data.length], data: Uint8Array.from(data) });
const headerOf = (length: number): Uint8Array => {
  const bytes = encodeTensor(u8(Array.from({ length }, () => 0)));
  return bytes.slice(0, bytes.length - length);
};

/** Coefficients of bytes in the words of a PUBLIC boundary: [word, 256^(30 - position)]. */
const place = (i: number): readonly [number, bigint] => [Math.floor(i / 31), 256n ** BigInt(30 - (i % 31))];

/** Two inputs and one output a row, every boundary PUBLIC. */
export function toyCircuit(kind: ToyCircuit["kind"], rows = 4): ToyCircuit {
  const inputs = 2 * rows;
  const words = Math.ceil(inputs / 31) + Math.ceil(rows / 31);
  const publics = kind === "one-round" ? 1 + words : 3;
  let next = publics + 1;
  const range = (count: number) => {
    const from = next;
    next += count;
    return { from, count };
  };
  const weights = range(kind === "private" ? 1 : 0);
  const round1 = range(3 * rows + TABLE + (kind === "one-round" ? 1 : 0));
  const queries = 3 * rows;
  const round2 = range(kind === "one-round" ? 0 : queries + TABLE + words - 2);
  const x = (i: number) => round1.from + i;
  const y = (i: number) => round1.from + inputs + i;
  const multiplicity = (i: number) => round1.from + 3 * rows + i;
  const constraints: (readonly [Row, Row, Row])[] = [];
  for (let i = 0; i < rows; i++)
    constraints.push([
      kind === "private" ? row([weights.from, 1n]) : row([0, A]),
      row([x(2 * i), 1n]),
      row([y(i), 1n], [x(2 * i + 1), -1n]),
    ]);
  const wordRows = Array.from({ length: words }, (_, word) =>
    row(
      ...Array.from({ length: inputs }, (__, i) => [x(i), place(i)] as const)
        .filter(([, [at]]) => at === word)
        .map(([wire, [, power]]) => [wire, power] as const),
      ...Array.from({ length: rows }, (__, i) => [y(i), place(i)] as const)
        .filter(([, [at]]) => at + Math.ceil(inputs / 31) === word)
        .map(([wire, [, power]]) => [wire, power] as const),
    ),
  );
  if (kind === "one-round") {
    const square = round1.from + round1.count - 1;
    constraints.push([row([1, 1n]), row([1, 1n]), row([square, 1n])]);
    wordRows.forEach((word, i) => constraints.push([word, row([0, 1n]), row([2 + i, 1n])]));
  } else {
    const g = (i: number) => round2.from + i;
    const h = (i: number) => round2.from + queries + i;
    for (let i = 0; i < queries; i++)
      constraints.push([row([g(i), 1n]), row([2, 1n], [round1.from + i, -1n]), row([0, 1n])]);
    for (let i = 0; i < TABLE; i++)
      constraints.push([row([h(i), 1n]), row([2, 1n], [0, -BigInt(i)]), row([multiplicity(i), 1n])]);
    constraints.push([
      row(
        ...Array.from({ length: queries }, (_, i) => [g(i), 1n] as const),
        ...Array.from({ length: TABLE }, (_, i) => [h(i), -1n] as const),
      ),
      row([0, 1n]),
      row(),
    ]);
    // Horner: all partial sums but the last are wires, the last is v.
    const sum = (i: number) => (i === words - 2 ? 1 : round2.from + queries + TABLE + i);
    for (let i = 0; i + 1 < words; i++)
      constraints.push([
        i === 0 ? (wordRows[0] ?? row()) : row([sum(i - 1), 1n]),
        row([3, 1n]),
        row([sum(i), 1n], ...[...(wordRows[i + 1] ?? row())].map(([wire, value]) => [wire, -value] as const)),
      ]);
  }
  const r1cs = buildR1cs(
    {
      wires: next,
      outputs: kind === "one-round" ? 0 : 1,
      publicInputs: publics - (kind === "one-round" ? 0 : 1),
      privateInputs: inputs,
    },
    constraints,
  );
  const none = { from: publics + 1, count: 0 };
  const groups: WireGroups =
    kind === "one-round" ? { weights: none, round1: none, round2: round1 } : { weights, round1, round2 };
  const boundaries = [
    { direction: 0, kind: 0, dataLength: inputs, header: headerOf(inputs) },
    { direction: 1, kind: 0, dataLength: rows, header: headerOf(rows) },
  ] as const;
  const options = { backend: kind === "one-round" ? kind : "two-round" } as const;
  return { r1cs, groups, boundaries, options, circuitHash: hashR1cs(r1cs), rows, kind };
}

const put = (values: Uint8Array, wire: number, value: bigint): void => {
  let rest = ((value % FIELD) + FIELD) % FIELD;
  for (let i = 0; i < 32; i++, rest >>= 8n) values[wire * 32 + i] = Number(rest & 255n);
};
const get = (values: Uint8Array, wire: number): bigint =>
  BigInt(toHex(values.slice(wire * 32, wire * 32 + 32).toReversed()));

export interface ToyRun {
  readonly values: Uint8Array;
  readonly inTensor: Uint8Array;
  readonly outTensor: Uint8Array;
  readonly words: readonly bigint[];
}

/** All round-1 values; `x` defaults to something; `weight` is the private weight. */
export function runToy(circuit: ToyCircuit, x?: readonly number[], weight = A): ToyRun {
  const { groups, rows, kind, r1cs } = circuit;
  const inputs = x ?? Array.from({ length: 2 * rows }, (_, i) => (i * 7) % 13);
  const first = kind === "one-round" ? groups.round2.from : groups.round1.from;
  const values = new Uint8Array(r1cs.wires * 32);
  put(values, 0, 1n);
  if (kind === "private") put(values, groups.weights.from, weight);
  const outputs = Array.from(
    { length: rows },
    (_, i) => Number(weight) * (inputs[2 * i] ?? 0) + (inputs[2 * i + 1] ?? 0),
  );
  const counts = new Map<number, bigint>();
  [...inputs, ...outputs].forEach((value, i) => {
    put(values, first + i, BigInt(value));
    counts.set(value, (counts.get(value) ?? 0n) + 1n);
  });
  // A value outside the table has no row: no witness satisfies the constraints, see `patchMultiplicity`.
  for (const [value, count] of counts) if (value < TABLE) put(values, first + 3 * rows + value, count);
  const [inTensor, outTensor] = [encodeTensor(u8(inputs)), encodeTensor(u8(outputs))];
  const words = [...toWords(Uint8Array.from(inputs)), ...toWords(Uint8Array.from(outputs))];
  return { values, inTensor, outTensor, words };
}

/** The whole witness, once the challenge is known. */
export function finishToy(circuit: ToyCircuit, run: ToyRun, publicInputs: readonly bigint[]): Uint8Array {
  const values = run.values.slice();
  publicInputs.forEach((value, i) => put(values, 1 + i, value));
  if (circuit.kind === "one-round") {
    put(values, circuit.groups.round2.from + circuit.groups.round2.count - 1, (publicInputs[0] ?? 0n) ** 2n);
    return values;
  }
  const { rows, groups } = circuit;
  const { round1, round2 } = groups;
  const [, c = 0n, rho = 0n] = publicInputs;
  for (let i = 0; i < 3 * rows; i++) put(values, round2.from + i, inverse(c - get(values, round1.from + i)));
  for (let i = 0; i < TABLE; i++)
    put(values, round2.from + 3 * rows + i, get(values, round1.from + 3 * rows + i) * inverse(c - BigInt(i)));
  let sum = run.words[0] ?? 0n;
  run.words.slice(1, -1).forEach((word, i) => {
    sum = (sum * rho + word) % FIELD;
    put(values, round2.from + 3 * rows + TABLE + i, sum);
  });
  return values;
}

/**
 * What only someone who knows c can do: values outside the table get row 0's multiplicity to stand in for them, so that the lookup's sums
 * agree at this one c.
 */
export function patchMultiplicity(circuit: ToyCircuit, run: ToyRun, c: bigint): ToyRun {
  const { round1 } = circuit.groups;
  const values = run.values.slice();
  const first = round1.from + 3 * circuit.rows;
  let missing = 0n;
  for (let wire = round1.from; wire < first; wire++)
    if (get(values, wire) >= BigInt(TABLE)) missing += inverse(c - get(values, wire));
  put(values, first, get(values, first) + missing * c);
  return { ...run, values };
}
