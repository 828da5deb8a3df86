// SPDX-License-Identifier: MIT
import { SheError } from "../../../core/she/errors.ts";
import { dataPrimes, type SheProfile } from "../../../core/she/profiles.ts";
import { galoisElement } from "../../../core/she/modular.ts";

/** Part of a plan: sums of rotated, weighted slots, or a square. Data, so that it travels to worker threads. */
export type PlanStep =
  | {
      readonly kind: "linear";
      readonly name: string;
      /** Data primes before; one fewer behind. */
      readonly level: number;
      /** Rotations 0 to babies - 1 of the input, in `interleave` units, share one decomposition. */
      readonly babies: number;
      readonly giants: number;
      readonly folds: readonly number[];
      /** Index in the stage's weights of the diagonal of giant a, baby b at a · babies + b; -1: zero, left out. */
      readonly diagonals: readonly number[];
      /** Index of the bias plaintext. */
      readonly bias: number;
    }
  | { readonly kind: "square"; readonly name: string; readonly level: number };

export interface PlanKey {
  /** 0: relinearisation. */
  readonly galois: number;
  /** Highest level at which the stage uses it. */
  readonly level: number;
}

/** What one seat evaluates: it gets the weights and the keys of its stage, and no others. */
export interface PlanStage {
  readonly levelIn: number;
  readonly levelOut: number;
  readonly steps: readonly PlanStep[];
  readonly keys: readonly PlanKey[];
}

/** A SHE program without its weights: how a polynomial program runs on ciphertexts of one profile. */
export interface ShePlan {
  readonly profile: SheProfile;
  /** Samples in one ciphertext: slot = unit · interleave + sample. */
  readonly interleave: number;
  /** Input index of each unit, -1 for zero. */
  readonly slotMap: readonly number[];
  /** The slots carry x / inputScale, all boundaries at 2^boundaryScaleBits. */
  readonly inputScale: number;
  /** Unit of each output. */
  readonly outputUnits: readonly number[];
  /** An output slot holds accumulator / outputScale. */
  readonly outputScale: number;
  readonly stages: readonly PlanStage[];
}

/** Keys of a stage: every rotation and relinearisation once, at the highest level where it is used. */
export function keysOf(steps: readonly PlanStep[], profile: SheProfile, interleave: number): PlanKey[] {
  const levels = new Map<number, number>();
  const need = (galois: number, level: number) => levels.set(galois, Math.max(levels.get(galois) ?? 0, level));
  const rotate = (units: number, level: number) => need(galoisElement(units * interleave, profile.degree), level);
  for (const step of steps) {
    if (step.kind === "square") {
      need(0, step.level);
      continue;
    }
    for (let b = 1; b < step.babies; b++) if (isBabyUsed(step, b)) rotate(b, step.level);
    if (step.giants > 1) rotate(step.babies, step.level);
    for (const fold of step.folds) rotate(fold, step.level - profile.linearDrop);
  }
  return [...levels].map(([galois, level]) => ({ galois, level })).toSorted((a, b) => a.galois - b.galois);
}

export function isBabyUsed({ babies, giants, diagonals }: Extract<PlanStep, { kind: "linear" }>, b: number): boolean {
  for (let a = 0; a < giants; a++) if ((diagonals[a * babies + b] ?? -1) >= 0) return true;
  return false;
}

/** Keys of a whole job: the union of its stages'. */
export function jobKeys(plan: ShePlan): PlanKey[] {
  const levels = new Map<number, number>();
  for (const { galois, level } of plan.stages.flatMap(({ keys }) => keys))
    levels.set(galois, Math.max(levels.get(galois) ?? 0, level));
  return [...levels].map(([galois, level]) => ({ galois, level })).toSorted((a, b) => a.galois - b.galois);
}

/** Bytes of seeded keys, as a parcel holds them. */
export const keyBytesOf = (keys: readonly PlanKey[], { degree }: SheProfile): number =>
  keys.reduce((sum, { level }) => sum + 64 + level * (level + 1) * 4 * degree, 0);

export interface PlanSizes {
  readonly inputBytes: number;
  readonly outputBytes: number;
  /** All evaluation keys, seeded. */
  readonly keyBytes: number;
  readonly weightBytes: number;
}

/** Bytes on the wire: input and keys seeded, output full, weights compact. `plaintexts`: how many. */
export function planSizes(plan: ShePlan, plaintexts: number): PlanSizes {
  const row = 4 * plan.profile.degree;
  const [first, last] = [plan.stages[0], plan.stages.at(-1)];
  return {
    inputBytes: 64 + (first?.levelIn ?? dataPrimes(plan.profile)) * row,
    outputBytes: 32 + 2 * (last?.levelOut ?? 2) * row,
    keyBytes: keyBytesOf(jobKeys(plan), plan.profile),
    weightBytes: plaintexts * (32 + row * (plan.profile.boundaryScaleBits > 30 ? 2 : 1)),
  };
}

/**
 * The units of a batch as slots of an input: `samples` holds one list of inputs each, at most `interleave`. No value may be larger than
 * the program was proved for, or it could wrap. Errors: NO_SAMPLE (too many, none, or one too short), INPUT_OUT_OF_RANGE.
 */
export function packSlots(plan: ShePlan, samples: readonly ArrayLike<number>[]): Float64Array {
  const slots = new Float64Array(plan.profile.degree / 2);
  checkSamples(plan, samples);
  for (const [unit, index] of plan.slotMap.entries()) {
    if (index < 0) continue;
    for (const [sample, input] of samples.entries())
      slots[unit * plan.interleave + sample] = (input[index] ?? 0) / plan.inputScale;
  }
  return slots;
}

function checkSamples({ slotMap, interleave, inputScale }: ShePlan, samples: readonly ArrayLike<number>[]): void {
  const inputs = slotMap.reduce((most, index) => Math.max(most, index + 1), 0);
  if (samples.length === 0 || samples.length > interleave)
    throw new SheError("NO_SAMPLE", { sample: samples.length, samples: interleave });
  for (const [sample, input] of samples.entries()) {
    if (input.length < inputs) throw new SheError("NO_SAMPLE", { sample, samples: interleave });
    for (let index = 0; index < input.length; index++) {
      const value = input[index] ?? Number.NaN;
      if (!(Math.abs(value) <= inputScale))
        throw new SheError("INPUT_OUT_OF_RANGE", { index, sample, limit: inputScale });
    }
  }
}

/** Outputs of the samples, in units of the program's accumulator, from decrypted slots. */
export function unpackSlots(plan: ShePlan, slots: ArrayLike<number>, samples: number): number[][] {
  return Array.from({ length: samples }, (_, sample) =>
    plan.outputUnits.map((unit) => (slots[unit * plan.interleave + sample] ?? 0) * plan.outputScale),
  );
}
