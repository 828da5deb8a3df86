// SPDX-License-Identifier: MIT
import type { Tensor } from "../tensor.ts";
import { elementsOf } from "./analyse.ts";
import { ProgramError } from "./errors.ts";

/**
 * How raw features become the integer input: x = (raw − offset)·scale, q = clamp(floor(x / step + ½), lo, hi).
 * Four IEEE-754 double operations in this order, so every machine gets the same integers.
 */
export interface Preprocess {
  /** Shape of one input, without the batch. */
  readonly dims: readonly number[];
  /** One number for all features, or one per feature. */
  readonly offset: number | readonly number[];
  readonly scale: number | readonly number[];
  /** Real value of one integer step; a power of two, so dividing by it is exact. */
  readonly step: number;
  readonly lo: number;
  readonly hi: number;
}

export type Decision =
  | { readonly kind: "argmax" }
  /** The second label if the first output is at least `at`. */
  | { readonly kind: "threshold"; readonly at: number };

/** What the integers of the output mean. */
export interface OutputMeaning {
  readonly labels: readonly string[];
  readonly decision: Decision;
  /** Real value of one output step. */
  readonly step: number;
}

const at = (value: number | readonly number[], index: number) =>
  typeof value === "number" ? value : (value[index] ?? 0);

/** The real numbers a float model takes, before rounding. Error: RAW_INPUT_INVALID. */
export function standardise(spec: Preprocess, raw: ArrayLike<number>): Float64Array {
  const size = elementsOf(spec.dims);
  if (raw.length === 0 || raw.length % size !== 0) {
    throw new ProgramError("RAW_INPUT_INVALID", { reason: `${size} numbers per input expected, got ${raw.length}` });
  }
  return Float64Array.from(raw, (value, i) => {
    if (!Number.isFinite(value)) throw new ProgramError("RAW_INPUT_INVALID", { reason: `number ${i} is not finite` });
    return (value - at(spec.offset, i % size)) * at(spec.scale, i % size);
  });
}

/** Raw features of one or more inputs, row after row, to the program's input tensor. Error: RAW_INPUT_INVALID. */
export function prepareInput(spec: Preprocess, raw: ArrayLike<number>): Tensor {
  const reals = standardise(spec, raw);
  const data = Int8Array.from(reals, (x) => Math.max(spec.lo, Math.min(spec.hi, Math.floor(x / spec.step + 0.5))));
  return { dtype: "i8", dims: [reals.length / elementsOf(spec.dims), ...spec.dims], data };
}

export interface Answer {
  readonly label: string;
  /** Position of the label. */
  readonly index: number;
  /** Real values of the output row. */
  readonly scores: readonly number[];
}

/** Index of the largest value; the lowest wins a tie, as in the circuits. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}

/** Reads the answers out of a result tensor, one per row of the batch. */
export function interpretOutput(meaning: OutputMeaning, output: Tensor): Answer[] {
  const batch = output.dims[0] ?? 1;
  const width = output.data.length / batch;
  return Array.from({ length: batch }, (_, row) => {
    const values = Array.from(output.data.subarray(row * width, (row + 1) * width));
    const { decision } = meaning;
    const index = decision.kind === "argmax" ? argmax(values) : (values[0] ?? 0) >= decision.at ? 1 : 0;
    return { label: meaning.labels[index] ?? `${index}`, index, scores: values.map((value) => value * meaning.step) };
  });
}
