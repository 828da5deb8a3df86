// SPDX-License-Identifier: MIT
import { SheError } from "../../../core/she/errors.ts";
import type { CompactPlaintext, SheObject } from "../../../core/she/object.ts";
import type { SheProfile } from "../../../core/she/profiles.ts";
import { isBabyUsed, type PlanStage, type PlanStep } from "../compile/plan.ts";
import { coefficientsToRow } from "../encoding/residues.ts";
import { galoisElement } from "../../../core/she/modular.ts";
import type { Ring } from "../kernel/ring.ts";
import { Evaluator, type Cipher, type SwitchingKey } from "./evaluator.ts";
import { SINGLE_LANE, type Lane } from "./lane.ts";
import { allocateScratch, foldRotation, squareRelinearise, type Scratch } from "./operations.ts";

type LinearStep = Extract<PlanStep, { kind: "linear" }>;

/** Bytes of kernel memory that a stage's evaluation takes, with room for the lanes' lists. */
export function stageMemoryBytes(profile: SheProfile, stage: PlanStage, weights: readonly CompactPlaintext[]): number {
  const levels = profile.primes.length - 1;
  const extended = levels + 1;
  const maps = stage.keys.length;
  const keys = stage.keys.reduce((sum, { level }) => sum + 2 * level * (level + 1), 0);
  const plaintexts = weights.reduce((sum, { header }) => sum + header.level + (header.special ? 1 : 0), 0);
  const babies = 2 * extended * Math.max(1, ...stage.steps.map((step) => (step.kind === "linear" ? step.babies : 1)));
  const rows = 4 * extended + extended * extended + keys + plaintexts + babies + maps + 26 * extended + 8;
  return rows * 4 * profile.degree + 2 ** 18;
}

/**
 * Evaluates one stage of a plan: holds its weights and the job's keys for it in the kernel's memory. Every lane makes one, over the
 * same memory, and calls the same methods; lane 0 does the loading. No secret, no randomness: every honest node gets the same bytes.
 */
export class StageRunner {
  readonly #stage: PlanStage;
  readonly #interleave: number;
  readonly #evaluator: Evaluator;
  readonly #lane: Lane;
  readonly #scratch: Scratch;
  readonly #keys: ReadonlyMap<number, SwitchingKey>;
  readonly #weights: readonly { readonly rows: number; readonly level: number }[];
  readonly #babies: readonly (readonly [number, number])[];
  readonly #value: readonly [number, number];
  readonly #other: readonly [number, number];
  readonly #sum: readonly [number, number];
  readonly #plain: readonly CompactPlaintext[];

  constructor(
    ring: Ring,
    stage: PlanStage,
    interleave: number,
    weights: readonly CompactPlaintext[],
    lane: Lane = SINGLE_LANE,
  ) {
    this.#stage = stage;
    this.#interleave = interleave;
    this.#lane = lane;
    this.#plain = weights;
    this.#evaluator = new Evaluator(ring, lane);
    this.#scratch = allocateScratch(this.#evaluator);
    const pair = (): [number, number] => [ring.allocate(ring.levels + 1), ring.allocate(ring.levels + 1)];
    [this.#value, this.#other, this.#sum] = [pair(), pair(), pair()];
    const most = Math.max(1, ...stage.steps.map((step) => (step.kind === "linear" ? step.babies : 1)));
    this.#babies = Array.from({ length: most }, pair);
    this.#keys = new Map(
      stage.keys.map(({ galois, level }) => {
        if (galois !== 0) ring.map(galois);
        return [galois, this.#evaluator.allocateKey(galois, level)];
      }),
    );
    this.#weights = weights.map(({ header }) => ({
      level: header.level,
      rows: ring.allocate(header.level + (header.special ? 1 : 0)),
    }));
  }

  /** Transforms the weights: once a stage. Each lane does its share. */
  loadWeights(): void {
    const { ring } = this.#evaluator;
    for (const [i, { header, coefficients }] of this.#plain.entries()) {
      if (i % this.#lane.count !== this.#lane.index) continue;
      const { rows, level } = this.#weights[i] ?? { rows: 0, level: 0 };
      for (let position = 0; position < level + (header.special ? 1 : 0); position++)
        coefficientsToRow(
          ring,
          coefficients,
          this.#evaluator.primeAt(position, level),
          rows + position * ring.rowBytes,
        );
    }
    this.#evaluator.meet();
  }

  /** Canonical rows of a weight plaintext, as digests cover them; after `loadWeights`. */
  weightObject(index: number): SheObject {
    const { ring } = this.#evaluator;
    const header = this.#plain[index]?.header;
    const { rows, level } = this.#weights[index] ?? { rows: 0, level: 0 };
    if (header === undefined) throw new SheError("WEIGHTS_MISMATCH", { have: this.#plain.length, wanted: index + 1 });
    const words = (level + (header.special ? 1 : 0)) * ring.degree;
    return { header: { ...header, compact: false }, rows: ring.memory.words(rows, words).slice() };
  }

  /** One job's keys, in any order, exactly those of the stage. Lane 0 only. Errors: KEY_MISSING, LEVEL_MISMATCH. */
  loadKeys(keys: readonly SheObject[]): void {
    for (const [galois, place] of this.#keys) {
      const key = keys.find(({ header }) => header.kind === "key" && header.galois === galois);
      if (key === undefined) throw new SheError("KEY_MISSING", { galois, level: place.level });
      this.#evaluator.loadKey(key, place);
    }
  }

  /** The evaluation. `input` matters on lane 0 only; the result is complete on every lane when it returns. */
  run(input: SheObject | undefined): SheObject {
    const [c0, c1] = this.#value;
    if (this.#lane.index === 0 && input !== undefined)
      this.#evaluator.loadCipher(input, { c0, c1, level: this.#stage.levelIn });
    this.#evaluator.meet();
    let value: Cipher = { c0, c1, level: this.#stage.levelIn };
    for (const step of this.#stage.steps)
      value = step.kind === "square" ? this.#square(value) : this.#linear(step, value);
    this.#evaluator.meet();
    return this.#evaluator.storeCipher(value);
  }

  #key(galois: number): SwitchingKey {
    const key = this.#keys.get(galois);
    if (key === undefined) throw new SheError("KEY_MISSING", { galois, level: 0 });
    return key;
  }

  #rotation(units: number): SwitchingKey {
    return this.#key(galoisElement(units * this.#interleave, this.#evaluator.ring.degree));
  }

  /** The pair that `value` is not in. */
  #free(value: Cipher): readonly [number, number] {
    return value.c0 === this.#value[0] ? this.#other : this.#value;
  }

  #square(value: Cipher): Cipher {
    const { level } = value;
    squareRelinearise(this.#evaluator, value, this.#key(0), value, this.#scratch);
    return this.#rescale(value, level);
  }

  #rescale(value: Cipher, level: number): Cipher {
    const [c0, c1] = this.#free(value);
    const lower = { c0, c1, level: level - 1 };
    this.#evaluator.rescale({ ...value, level }, lower);
    return lower;
  }

  #linear(step: LinearStep, value: Cipher): Cipher {
    const evaluator = this.#evaluator;
    const { level } = step;
    if (value.level !== level)
      throw new SheError("LEVEL_MISMATCH", { what: step.name, level: value.level, wanted: level });
    const [s0, s1] = this.#sum;
    if (step.babies * step.giants === 1) {
      const rows = this.#weights[step.diagonals[0] ?? -1]?.rows ?? 0;
      evaluator.dot([[value.c0, rows]], s0, level);
      evaluator.dot([[value.c1, rows]], s1, level);
    } else this.#diagonals(step, value);
    let result = this.#rescale({ c0: s0, c1: s1, level }, level);
    if (evaluator.ring.profile.linearDrop === 2) result = this.#rescale(result, result.level);
    for (const fold of step.folds) foldRotation(evaluator, result, this.#rotation(fold), this.#scratch);
    evaluator.add(result.c0, this.#weights[step.bias]?.rows ?? 0, result.c0, result.level);
    return result;
  }

  /** Sums over baby rotations stay extended: one division by the special prime for each giant step and one at the end. */
  #diagonals(step: LinearStep, value: Cipher): void {
    const evaluator = this.#evaluator;
    const { ring } = evaluator;
    const { level, babies, giants } = step;
    const [q0, q1, r0] = this.#scratch.p;
    const [s0, s1] = this.#sum;
    const [first] = this.#babies;
    if (babies > 1) evaluator.decompose(value.c1, level);
    evaluator.extend(value.c0, first?.[0] ?? 0, level);
    evaluator.extend(value.c1, first?.[1] ?? 0, level);
    for (let b = 1; b < babies; b++) {
      if (!isBabyUsed(step, b)) continue;
      const key = this.#rotation(b);
      const [b0, b1] = this.#babies[b] ?? [0, 0];
      evaluator.applyKey(key, q0, q1);
      evaluator.add(q0, first?.[0] ?? 0, q0, level, true);
      evaluator.permute(q0, b0, key.galois, level + 1);
      evaluator.permute(q1, b1, key.galois, level + 1);
    }
    const into = this.#other;
    this.#innerSum(step, giants - 1, s0, s1);
    for (let a = giants - 2; a >= 0; a--) {
      const key = this.#rotation(babies);
      evaluator.divideBy(ring.levels, level, [{ source: s1, target: r0, addend: 0 }]);
      evaluator.decompose(r0, level);
      evaluator.applyKey(key, q0, q1);
      evaluator.add(q0, s0, q0, level, true);
      evaluator.permute(q0, s0, key.galois, level + 1);
      evaluator.permute(q1, s1, key.galois, level + 1);
      if (!this.#innerSum(step, a, into[0], into[1])) continue;
      evaluator.add(s0, into[0], s0, level, true);
      evaluator.add(s1, into[1], s1, level, true);
    }
    evaluator.divideBy(ring.levels, level, [
      { source: s0, target: s0, addend: 0 },
      { source: s1, target: s1, addend: 0 },
    ]);
  }

  /** Sum of baby rotations times diagonals of one giant step; zeros and false if it has none. */
  #innerSum(step: LinearStep, a: number, out0: number, out1: number): boolean {
    const used = Array.from({ length: step.babies }, (_, b) => ({
      pair: this.#babies[b] ?? ([0, 0] as const),
      weight: this.#weights[step.diagonals[a * step.babies + b] ?? -1],
    })).flatMap(({ pair, weight }) => (weight === undefined ? [] : [{ pair, rows: weight.rows }]));
    for (const [half, out] of [
      [0, out0],
      [1, out1],
    ] as const)
      if (used.length === 0) this.#evaluator.clear(out, step.level + 1);
      else
        this.#evaluator.dot(
          used.map(({ pair, rows }) => [pair[half], rows]),
          out,
          step.level,
          true,
        );
    return used.length > 0;
  }
}
