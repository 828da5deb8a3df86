// SPDX-License-Identifier: MIT
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
}

/** What the reals of a float model's output mean. */
export interface RealMeaning {
  readonly labels: readonly string[];
  /** `threshold`: the second label if the first output is at least `value`. */
  readonly decision: { readonly kind: "argmax" } | { readonly kind: "threshold"; readonly value: number };
}

const at = (value: number | readonly number[], index: number) =>
  typeof value === "number" ? value : (value[index] ?? 0);

/** Raw features of one or more inputs, row after row, to the model's f32 tensor. Error: RAW_INPUT_INVALID. */
export function prepareReals(spec: RealPreprocess, raw: ArrayLike<number>): Tensor {
  const size = elementsOf(spec.dims);
  if (raw.length === 0 || raw.length % size !== 0) {
    throw new ProgramError("RAW_INPUT_INVALID", { reason: `${size} numbers per input expected, got ${raw.length}` });
  }
  const data = Float32Array.from(raw, (value, i) => (value - at(spec.offset, i % size)) * at(spec.scale, i % size));
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad !== -1) throw new ProgramError("RAW_INPUT_INVALID", { reason: `number ${bad} is not a finite f32` });
  return { dtype: "f32", dims: [raw.length / size, ...spec.dims], data };
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
