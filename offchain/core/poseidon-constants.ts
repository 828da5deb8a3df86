// SPDX-License-Identifier: MIT

/** Order r of BN254's scalar field. */
export const FIELD = 0x30644e72e131a029b85045b68181585d2833e84879b97091_43e1f593f0000001n;

const FIELD_BITS = 254;
const FULL_ROUNDS = 8;
/** Partial rounds for t = 2..17 (Poseidon paper, x^5 over a 254-bit prime, 128-bit security with margin). */
const PARTIAL_ROUNDS = [56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68];

export const mod = (value: bigint): bigint => {
  const rest = value % FIELD;
  return rest < 0n ? rest + FIELD : rest;
};

/**
 * The Grain LFSR in self-shrinking mode that the Poseidon paper (appendix F) prescribes for constants: state b0..b79, feedback
 * b62^b51^b38^b23^b13^b0, 160 steps thrown away, then of each bit pair the second counts if the first is 1.
 */
class Grain {
  readonly #state = new Uint8Array(80);
  #at = 0;

  constructor(t: number, partialRounds: number) {
    const fields: readonly [value: number, bits: number][] = [
      [1, 2], // prime field
      [0, 4], // S-box x^alpha
      [FIELD_BITS, 12],
      [t, 12],
      [FULL_ROUNDS, 10],
      [partialRounds, 10],
      [2 ** 30 - 1, 30],
    ];
    let i = 0;
    for (const [value, bits] of fields)
      for (let bit = bits - 1; bit >= 0; bit--) this.#state[i++] = Math.floor(value / 2 ** bit) & 1;
    for (let step = 0; step < 160; step++) this.#step();
  }

  #tap(offset: number): number {
    const index = this.#at + offset;
    return this.#state[index >= 80 ? index - 80 : index] ?? 0;
  }

  #step(): number {
    const bit = this.#tap(62) ^ this.#tap(51) ^ this.#tap(38) ^ this.#tap(23) ^ this.#tap(13) ^ this.#tap(0);
    this.#state[this.#at] = bit;
    this.#at = this.#at === 79 ? 0 : this.#at + 1;
    return bit;
  }

  /** 254 bits, most significant first. */
  #number(): bigint {
    let hex = "";
    for (let i = 0, digit = 0; i < FIELD_BITS; i++) {
      while (this.#step() === 0) this.#step();
      digit = digit * 2 + this.#step();
      // 254 = 2 + 63·4: the first digit has two bits.
      if (i % 4 === 1) {
        hex += digit.toString(16);
        digit = 0;
      }
    }
    return BigInt(`0x${hex}`);
  }

  /** Round constants: numbers not below r are thrown away. */
  element(): bigint {
    let value = this.#number();
    while (value >= FIELD) value = this.#number();
    return value;
  }

  /** Matrix seeds: numbers are reduced. */
  reduced(): bigint {
    return this.#number() % FIELD;
  }
}

function inverse(value: bigint): bigint {
  let [r0, r1, s0, s1] = [FIELD, mod(value), 0n, 1n];
  while (r1 !== 0n) {
    const quotient = r0 / r1;
    [r0, r1] = [r1, r0 - quotient * r1];
    [s0, s1] = [s1, s0 - quotient * s1];
  }
  return mod(s0);
}

export type Vector = readonly bigint[];
export type Matrix = readonly Vector[];

export const dot = (a: Vector, b: Vector): bigint => mod(a.reduce((sum, value, i) => sum + value * (b[i] ?? 0n), 0n));
const column = (m: Matrix, i: number): Vector => m.map((row) => row[i] ?? 0n);
const timesVector = (m: Matrix, v: Vector): Vector => m.map((row) => dot(row, v));
const transpose = (m: Matrix): Matrix => (m[0] ?? []).map((_, i) => column(m, i));

function times(a: Matrix, b: Matrix): Matrix {
  const columns = transpose(b);
  return a.map((row) => columns.map((col) => dot(row, col)));
}

function invert(m: Matrix): Matrix {
  const n = m.length;
  const rows = m.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1n : 0n))]);
  for (let i = 0; i < n; i++) {
    const pivot = rows.findIndex((row, r) => r >= i && row[i] !== 0n);
    const swapped = rows[i] ?? [];
    rows[i] = rows[pivot] ?? [];
    if (pivot !== i) rows[pivot] = swapped;
    const scale = inverse(rows[i]?.[i] ?? 0n);
    const main = (rows[i] ?? []).map((value) => mod(value * scale));
    rows[i] = main;
    for (let r = 0; r < n; r++) {
      const factor = rows[r]?.[i] ?? 0n;
      if (r !== i && factor !== 0n) rows[r] = (rows[r] ?? []).map((value, c) => mod(value - factor * (main[c] ?? 0n)));
    }
  }
  return rows.map((row) => row.slice(n));
}

/** One partial round after optimisation: out0 = first·x0 + row·x, x_i += column_i·x0. */
export interface SparseRound {
  readonly constant: bigint;
  readonly row: Vector;
  readonly column: Vector;
}

export interface PoseidonConstants {
  readonly t: number;
  readonly matrix: Matrix;
  /** Matrix of the last full round before the partial ones: it has absorbed what made those sparse. */
  readonly bridge: Matrix;
  readonly first: bigint;
  /** Added at the start of each of the 8 full rounds. */
  readonly fullConstants: readonly Vector[];
  readonly partial: readonly SparseRound[];
}

/**
 * Two rewritings that change no output. Constants: an addition to lanes 1.. before a partial S-box passes it unchanged, so it moves
 * through the matrix into the next round; one scalar a round remains. Matrices: with M = [[m, v], [w, N]], diag(1, N) commutes with
 * the partial S-box, so it moves to the previous round; k rounds before the end [[m, v·N^-k], [N^(k-1)·w, 1]] remains.
 */
function optimise(t: number, matrix: Matrix, rounds: readonly Vector[]): PoseidonConstants {
  const half = FULL_ROUNDS / 2;
  const partialRounds = rounds.length - FULL_ROUNDS;
  const scalars: bigint[] = [];
  let carried: Vector = rounds[half] ?? [];
  for (let r = 0; r < partialRounds; r++) {
    scalars.push(carried[0] ?? 0n);
    const moved = timesVector(matrix, [0n, ...carried.slice(1)]);
    carried = (rounds[half + r + 1] ?? []).map((value, i) => mod(value + (moved[i] ?? 0n)));
  }
  const inner = matrix.slice(1).map((row) => row.slice(1));
  const innerInverse = transpose(invert(inner));
  const partial: SparseRound[] = [];
  let row: Vector = (matrix[0] ?? []).slice(1);
  let col: Vector = column(matrix, 0).slice(1);
  for (let r = partialRounds - 1; r >= 0; r--) {
    row = timesVector(innerInverse, row);
    partial.unshift({ constant: scalars[r] ?? 0n, row, column: col });
    col = timesVector(inner, col);
  }
  let power: Matrix = inner.map((values, i) => values.map((_, j) => (i === j ? 1n : 0n)));
  for (const bit of partialRounds.toString(2)) {
    power = times(power, power);
    if (bit === "1") power = times(power, inner);
  }
  return {
    t,
    matrix,
    bridge: [matrix[0] ?? [], ...times(power, matrix.slice(1))],
    first: matrix[0]?.[0] ?? 0n,
    fullConstants: [...rounds.slice(0, half), carried, ...rounds.slice(half + partialRounds + 1)],
    partial,
  };
}

const cache = new Map<number, PoseidonConstants>();

/** Constants of circomlib's Poseidon for `t` = inputs + 1 (2 to 17), generated on first use. */
export function poseidonConstants(t: number): PoseidonConstants {
  const known = cache.get(t);
  if (known !== undefined) return known;
  const partialRounds = PARTIAL_ROUNDS[t - 2] ?? 0;
  const grain = new Grain(t, partialRounds);
  const rounds = Array.from({ length: FULL_ROUNDS + partialRounds }, () =>
    Array.from({ length: t }, () => grain.element()),
  );
  const xs = Array.from({ length: t }, () => grain.reduced());
  const ys = Array.from({ length: t }, () => grain.reduced());
  // Cauchy matrix. circomlib multiplies the state from the left, so entry (i, j) is 1 / (x_i + y_j).
  const matrix = xs.map((x) => ys.map((y) => inverse(x + y)));
  const constants = optimise(t, matrix, rounds);
  cache.set(t, constants);
  return constants;
}
