// SPDX-License-Identifier: MIT
import { fromHex } from "../bytes.ts";
import { taggedHash, toWord, type Word } from "../tagged-hash.ts";
import type { Tensor } from "../tensor.ts";
import { elementsOf } from "./analyse.ts";
import { ProgramError } from "./errors.ts";
import { argmax, type Answer } from "./preprocess.ts";

/** How raw features become the input of a float model: x = fround((raw − offset)·scale). */
export interface RealPreprocess {
  readonly kind: "reals";
  /** Shape of one input, without the batch. */
  readonly dims: readonly number[];
  /** One number for all features, or one per feature. */
  readonly offset: number | readonly number[];
  readonly scale: number | readonly number[];
  /**
   * Of a seeded model: how many of the input's last numbers are noise. The best of scores + noise is then one draw from
   * the distribution that the scores stand for (Gumbel), and nothing in the network is random.
   */
  readonly noise?: number | undefined;
  /**
   * Least and largest input, one number for all elements or one per element, noise included. A tolerance is calibrated
   * within them: beyond, a requester could look for inputs on which honest machines differ, so seats abstain.
   */
  readonly lo: number | readonly number[];
  readonly hi: number | readonly number[];
}

/** What the reals of a float model's output mean. */
export interface RealMeaning {
  readonly labels: readonly string[];
  /** `threshold`: the second label if the first output is at least `value`. */
  readonly decision: { readonly kind: "argmax" } | { readonly kind: "threshold"; readonly value: number };
}

const at = (value: number | readonly number[], index: number) =>
  typeof value === "number" ? value : (value[index] ?? 0);

/** Place of the first element that is outside its range, or no number; -1 if there is none. */
export function firstOutside(
  { dims, lo, hi }: Pick<RealPreprocess, "dims" | "lo" | "hi">,
  data: ArrayLike<number>,
): number {
  const size = elementsOf(dims);
  for (let i = 0; i < data.length; i++) {
    const value = data[i] ?? Number.NaN;
    if (!(value >= at(lo, i % size) && value <= at(hi, i % size))) return i;
  }
  return -1;
}

/** Raw numbers of one input: noise is not among them. */
export const rawReals = ({ dims, noise = 0 }: RealPreprocess): number => elementsOf(dims) - noise;

/**
 * Standard Gumbel numbers of a seed: −ln(−ln u_i), u_i from the first 52 bits of keccak256(abi.encode("assay.v1.noise",
 * seed, i)).
 */
export function seedNoise(seed: Word, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    const view = new DataView(fromHex(taggedHash("assay.v1.noise", [seed, toWord(i)]), 32).buffer);
    return -Math.log(-Math.log((Number(view.getBigUint64(0) >> 12n) + 0.5) / 2 ** 52));
  });
}

/**
 * Raw features of one or more inputs, row after row, to the model's f32 tensor. `seed` is the noise's, of every row;
 * without one there is none, and the answer is the likeliest. Error: RAW_INPUT_INVALID, also for a seed without a use.
 */
export function prepareReals(spec: RealPreprocess, raw: ArrayLike<number>, seed?: Word): Tensor {
  const { dims, noise = 0 } = spec;
  const size = rawReals(spec);
  const invalid = (reason: string) => new ProgramError("RAW_INPUT_INVALID", { reason });
  if (raw.length === 0 || raw.length % size !== 0)
    throw invalid(`${size} numbers per input expected, got ${raw.length}`);
  if (seed !== undefined && noise === 0) throw invalid("this model takes no seed");
  const rows = raw.length / size;
  const data = new Float32Array(rows * (size + noise));
  const drawn = seed === undefined ? new Float64Array(noise) : seedNoise(seed, noise);
  for (let row = 0; row < rows; row++) {
    const from = row * (size + noise);
    for (let i = 0; i < size; i++)
      data[from + i] = ((raw[row * size + i] ?? 0) - at(spec.offset, i)) * at(spec.scale, i);
    data.set(drawn, from + size);
  }
  const bad = firstOutside(spec, data);
  if (bad !== -1) throw invalid(`number ${bad} is not within the model's range`);
  return { dtype: "f32", dims: [rows, ...dims], data };
}

/** Reads the answers out of a float model's output, one per row of the batch. */
export function interpretReals({ labels, decision }: RealMeaning, output: Tensor): Answer[] {
  const batch = output.dims[0] ?? 1;
  const width = output.data.length / batch;
  return Array.from({ length: batch }, (_, row) => {
    const scores = Array.from(output.data.subarray(row * width, (row + 1) * width));
    const index = decision.kind === "argmax" ? argmax(scores) : (scores[0] ?? 0) >= decision.value ? 1 : 0;
    return { label: labels[index] ?? `${index}`, index, scores };
  });
}
