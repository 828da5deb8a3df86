// SPDX-License-Identifier: MIT
import { treeDepth } from "../../../core/she/digest.ts";
import { SheError } from "../../../core/she/errors.ts";
import { galoisElement } from "../../../core/she/modular.ts";
import type { SheProfile } from "../../../core/she/profiles.ts";
import { NO_OPERATION, type RowOperation, type RowReference } from "../../../core/she/row-operation.ts";
import { isBabyUsed, type PlanKey, type PlanStep, type ShePlan } from "../compile/plan.ts";
import { keyList, keyPlace } from "./key-list.ts";
import { RowWriter, type Row } from "./row-writer.ts";

type LinearStep = Extract<PlanStep, { kind: "linear" }>;
/** Rows of a polynomial: data primes first, extended ones with the special prime's last. */
type Rows = readonly Row[];
type Pair = readonly [Rows, Rows];

export interface LoweredStage {
  /** 2^depth operations; the output's rows are copied into the last aligned block, so that its root is in the tree. */
  readonly operations: readonly RowOperation[];
  readonly depth: number;
  /** Rows that are computed, without padding and copies. */
  readonly rows: number;
}

/**
 * A stage as row operations, each checkable at one coordinate: what a dispute is about, and a second way to evaluate it. The order
 * of steps is that of `StageRunner`; `weights`: whether each of the stage's plaintexts has a row of the special prime, and at which
 * level it is. Error: PROGRAM_TOO_LARGE.
 */
export function lowerStage(plan: ShePlan, stage: number): LoweredStage {
  return new Lowering(plan, stage).run();
}

/** Level of each plaintext of a stage, and whether it has a row of the special prime. */
export function weightShapes(
  steps: readonly PlanStep[],
  { linearDrop }: SheProfile,
): { level: number; special: boolean }[] {
  return steps.flatMap((step) => {
    if (step.kind === "square") return [];
    const diagonals = step.diagonals.filter((index) => index >= 0);
    return [
      ...diagonals.map(() => ({ level: step.level, special: true })),
      { level: step.level - linearDrop, special: false },
    ];
  });
}

/** A referee descends 6 levels a move, three times. */
const MAX_DEPTH = 18;

class Lowering {
  readonly #plan: ShePlan;
  readonly #stage: ShePlan["stages"][number];
  readonly #keys: readonly PlanKey[];
  readonly #shapes: readonly { readonly level: number; readonly special: boolean }[];
  readonly #writer: RowWriter;
  readonly #special: number;

  constructor(plan: ShePlan, stage: number) {
    const found = plan.stages[stage];
    if (found === undefined) throw new SheError("PROGRAM_TOO_LARGE", { reason: `there is no stage ${stage}` });
    this.#plan = plan;
    this.#stage = found;
    this.#keys = keyList(plan);
    this.#shapes = weightShapes(found.steps, plan.profile);
    this.#writer = new RowWriter(plan.profile);
    this.#special = this.#writer.special;
  }

  run(): LoweredStage {
    const { levelIn, levelOut, steps } = this.#stage;
    const depthIn = treeDepth(2 * levelIn);
    const input = (half: number): Rows =>
      Array.from({ length: levelIn }, (_, i) => ({ source: "input", depth: depthIn, position: half * levelIn + i }));
    let value: Pair = [input(0), input(1)];
    for (const step of steps) value = step.kind === "square" ? this.#square(value) : this.#linear(step, value);
    const writer = this.#writer;
    const outputs = value.flat().map((row, i) => ({ prime: i % levelOut, row: row ?? this.#zero(i % levelOut) }));
    const block = 2 ** treeDepth(outputs.length);
    const depth = treeDepth(writer.length + block);
    if (depth > MAX_DEPTH) throw new SheError("PROGRAM_TOO_LARGE", { reason: `a trace of ${writer.length} rows` });
    const rows = writer.length;
    const operations = writer.finish(depth);
    while (operations.length < 2 ** depth - block) operations.push(NO_OPERATION);
    for (const { prime, row } of outputs)
      operations.push({
        ...NO_OPERATION,
        op: "copy",
        prime,
        a: row.source === "trace" ? { ...row, depth } : row,
      });
    while (operations.length < 2 ** depth) operations.push(NO_OPERATION);
    return { operations, depth, rows };
  }

  #zero(prime: number): RowReference {
    const a: RowReference = { source: "input", depth: treeDepth(2 * this.#stage.levelIn), position: prime };
    return this.#writer.write({ op: "scale", prime, a, factor: 0 });
  }

  /** Index of the prime of each row: extended polynomials end with the special one. */
  #primes(level: number, extended: boolean): number[] {
    const data = Array.from({ length: level }, (_, i) => i);
    return extended ? [...data, this.#special] : data;
  }

  #key(galois: number): PlanKey {
    const key = this.#stage.keys.find((own) => own.galois === galois);
    if (key === undefined) throw new SheError("KEY_MISSING", { galois, level: 0 });
    return key;
  }

  #rotation(units: number): PlanKey {
    return this.#key(galoisElement(units * this.#plan.interleave, this.#plan.profile.degree));
  }

  /** Row of the prime at `position` of a weight plaintext, used at `level`. */
  #weight(index: number, position: number, level: number): RowReference {
    const { level: own, special } = this.#shapes[index] ?? { level: 0, special: false };
    const rowDepth = treeDepth(own + (special ? 1 : 0));
    const row = position === level ? own : position;
    return {
      source: "weights",
      depth: treeDepth(this.#shapes.length) + rowDepth,
      position: index * 2 ** rowDepth + row,
    };
  }

  // --- What Evaluator does ---------------------------------------------------------------------------------------------

  #add(a: Rows, b: Rows, level: number, extended = false): Rows {
    return this.#primes(level, extended).map((prime, i) => this.#writer.add(a[i], b[i], prime));
  }

  #permute(a: Rows, galois: number, level: number, extended = false): Rows {
    return this.#primes(level, extended).map((prime, i) => this.#writer.permute(a[i], galois, prime));
  }

  #extend(a: Rows, level: number): Rows {
    const { primes } = this.#plan.profile;
    const scaled = this.#primes(level, false).map((prime, i) =>
      this.#writer.scale(a[i], (primes[this.#special] ?? 0) % (primes[prime] ?? 1), prime),
    );
    return [...scaled, undefined];
  }

  /** Digit j of prime i at [j][i]; extended. */
  #decompose(a: Rows, level: number): Rows[] {
    const coefficients = this.#primes(level, false).map((prime, i) => this.#writer.inverse(a[i], prime));
    return coefficients.map((row, digit) =>
      this.#primes(level, true).map((prime) => (prime === digit ? a[digit] : this.#writer.lifted(row, digit, prime))),
    );
  }

  #applyKey(digits: readonly Rows[], key: PlanKey, level: number): Pair {
    const { depth, first } = keyPlace(this.#keys, key);
    const half = (part: number): Rows =>
      this.#primes(level, true).map((prime, i) =>
        digits.reduce<Row>((sum, digit, j) => {
          const row = i === level ? key.level : i;
          const position = first + (2 * j + part) * (key.level + 1) + row;
          return this.#writer.mac(digit[i], { source: "keys", depth, position }, sum, prime);
        }, undefined),
      );
    return [half(0), half(1)];
  }

  /** `source` has the dropped prime's row behind its `level` rows. */
  #divideBy(dropped: number, source: Rows, level: number, addend?: Rows): Rows {
    const remainder = this.#writer.inverse(source[level], dropped);
    return this.#primes(level, false).map((prime, i) => {
      const lifted = this.#writer.lifted(remainder, dropped, prime);
      return this.#writer.divide(source[i], lifted, dropped, addend?.[i], prime);
    });
  }

  #rescale(value: Pair): Pair {
    const level = value[0].length - 1;
    return [this.#divideBy(level, value[0], level), this.#divideBy(level, value[1], level)];
  }

  // --- What StageRunner does -------------------------------------------------------------------------------------------

  #square([c0, c1]: Pair): Pair {
    const level = c0.length;
    const product = (a: Rows, b: Rows, sum?: Rows): Rows =>
      this.#primes(level, false).map((prime, i) => {
        const [x, y] = [a[i], b[i]];
        return x === undefined || y === undefined ? sum?.[i] : this.#writer.mac(x, y, sum?.[i], prime);
      });
    const r0 = product(c0, c0);
    const r1 = product(c0, c1, product(c0, c1));
    const r2 = product(c1, c1);
    const [q0, q1] = this.#applyKey(this.#decompose(r2, level), this.#key(0), level);
    return this.#rescale([this.#divideBy(this.#special, q0, level, r0), this.#divideBy(this.#special, q1, level, r1)]);
  }

  #linear(step: LinearStep, value: Pair): Pair {
    const { level } = step;
    const dot = (rows: Rows) =>
      this.#primes(level, false).map((prime, i) =>
        this.#writer.mac(rows[i], this.#weight(step.diagonals[0] ?? 0, i, level), undefined, prime),
      );
    const sums: Pair = step.babies * step.giants === 1 ? [dot(value[0]), dot(value[1])] : this.#diagonals(step, value);
    let result = this.#rescale(sums);
    if (this.#plan.profile.linearDrop === 2) result = this.#rescale(result);
    const below = level - this.#plan.profile.linearDrop;
    for (const fold of step.folds) {
      const key = this.#rotation(fold);
      const [q0, q1] = this.#applyKey(this.#decompose(result[1], below), key, below);
      const r0 = this.#divideBy(this.#special, q0, below, result[0]);
      const r1 = this.#divideBy(this.#special, q1, below);
      result = [
        this.#add(result[0], this.#permute(r0, key.galois, below), below),
        this.#add(result[1], this.#permute(r1, key.galois, below), below),
      ];
    }
    const bias = this.#primes(below, false).map((_, i) => this.#weight(step.bias, i, below));
    return [this.#add(result[0], bias, below), result[1]];
  }

  #diagonals(step: LinearStep, value: Pair): Pair {
    const { level, babies, giants } = step;
    const digits = babies > 1 ? this.#decompose(value[1], level) : [];
    const first: Pair = [this.#extend(value[0], level), this.#extend(value[1], level)];
    const rotated = new Map<number, Pair>([[0, first]]);
    for (let b = 1; b < babies; b++) {
      if (!isBabyUsed(step, b)) continue;
      const key = this.#rotation(b);
      const [q0, q1] = this.#applyKey(digits, key, level);
      rotated.set(b, [
        this.#permute(this.#add(q0, first[0], level, true), key.galois, level, true),
        this.#permute(q1, key.galois, level, true),
      ]);
    }
    let [s0, s1] = this.#innerSum(step, rotated, giants - 1);
    for (let a = giants - 2; a >= 0; a--) {
      const key = this.#rotation(babies);
      const r0 = this.#divideBy(this.#special, s1, level);
      const [q0, q1] = this.#applyKey(this.#decompose(r0, level), key, level);
      s0 = this.#permute(this.#add(q0, s0, level, true), key.galois, level, true);
      s1 = this.#permute(q1, key.galois, level, true);
      const [t0, t1] = this.#innerSum(step, rotated, a);
      s0 = this.#add(s0, t0, level, true);
      s1 = this.#add(s1, t1, level, true);
    }
    return [this.#divideBy(this.#special, s0, level), this.#divideBy(this.#special, s1, level)];
  }

  #innerSum(step: LinearStep, rotated: ReadonlyMap<number, Pair>, a: number): Pair {
    const half = (part: 0 | 1): Rows =>
      this.#primes(step.level, true).map((prime, i) => {
        let sum: Row;
        for (let b = 0; b < step.babies; b++) {
          const weight = step.diagonals[a * step.babies + b] ?? -1;
          const rows = rotated.get(b)?.[part];
          if (weight < 0 || rows === undefined) continue;
          sum = this.#writer.mac(rows[i], this.#weight(weight, i, step.level), sum, prime);
        }
        return sum;
      });
    return [half(0), half(1)];
  }
}
