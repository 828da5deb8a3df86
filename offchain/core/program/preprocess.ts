// SPDX-License-Identifier: MIT
import type { Tensor } from "../tensor.ts";
import { elementsOf } from "./analyse.ts";
import { ProgramError } from "./errors.ts";
import { embed, tokenise, type TokenTable } from "./tokens.ts";

/**
 * How raw features become the integer input: x = (raw − offset)·scale, q = clamp(floor(x / step + ½), lo, hi).
 * Four IEEE-754 double operations in this order, so every machine gets the same integers.
 */
export interface NumberPreprocess {
  readonly kind?: "numbers" | undefined;
  /** Shape of one input, without the batch. */
  readonly dims: readonly number[];
  /** One number for all features, or one per feature. */
  readonly offset: number | readonly number[];
  readonly scale: number | readonly number[];
  /** Real value of one integer step; a power of two, so dividing by it is exact. */
  readonly step: number;
  /** Within ±127 the input is i8, else i32. */
  readonly lo: number;
  readonly hi: number;
}

/** How a text becomes the integer input [tokens, width]: a table of integers per word and place (`tokens.ts`). */
export interface TokenPreprocess {
  readonly kind: "tokens";
  readonly dims: readonly number[];
  readonly step: number;
  readonly lo: number;
  readonly hi: number;
  readonly table: TokenTable;
}

/** Raw features are real numbers, or the rows that `tokenise` finds for a text. */
export type Preprocess = NumberPreprocess | TokenPreprocess;

/** Type of an input with values in [lo, hi]. */
export const integerType = (lo: number, hi: number): "i8" | "i32" => (lo >= -127 && hi <= 127 ? "i8" : "i32");

/** Raw numbers of one input. */
export const rawWidth = (spec: Preprocess): number =>
  spec.kind === "tokens" ? spec.table.length : elementsOf(spec.dims);

export type Decision =
  | { readonly kind: "argmax" }
  /** The output is the label's position: the program ends with argmax itself. */
  | { readonly kind: "index" }
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

function checkLength(spec: Preprocess, raw: ArrayLike<number>): number {
  const size = rawWidth(spec);
  if (raw.length === 0 || raw.length % size !== 0) {
    throw new ProgramError("RAW_INPUT_INVALID", { reason: `${size} numbers per input expected, got ${raw.length}` });
  }
  return size;
}

/** The real numbers a float model takes, before rounding. Error: RAW_INPUT_INVALID. */
export function standardise(spec: Preprocess, raw: ArrayLike<number>): Float64Array {
  const size = checkLength(spec, raw);
  if (spec.kind === "tokens") return Float64Array.from(embed(spec.table, raw, spec.lo, spec.hi), (x) => x * spec.step);
  return Float64Array.from(raw, (value, i) => {
    if (!Number.isFinite(value)) throw new ProgramError("RAW_INPUT_INVALID", { reason: `number ${i} is not finite` });
    return (value - at(spec.offset, i % size)) * at(spec.scale, i % size);
  });
}

/** Raw features of one or more inputs, row after row, to the program's input tensor. Error: RAW_INPUT_INVALID. */
export function prepareInput(spec: Preprocess, raw: ArrayLike<number>): Tensor {
  const dims = [raw.length / checkLength(spec, raw), ...spec.dims];
  const { lo, hi, step } = spec;
  if (spec.kind === "tokens") return { dtype: "i8", dims, data: embed(spec.table, raw, lo, hi) };
  const integers = standardise(spec, raw).map((x) => Math.max(lo, Math.min(hi, Math.floor(x / step + 0.5))));
  const dtype = integerType(lo, hi);
  return { dtype, dims, data: dtype === "i8" ? Int8Array.from(integers) : Int32Array.from(integers) };
}

/** A text to the program's input tensor. Error: RAW_INPUT_INVALID, also for a model of numbers. */
export function prepareText(spec: Preprocess, text: string): Tensor {
  if (spec.kind !== "tokens")
    throw new ProgramError("RAW_INPUT_INVALID", { reason: "the model takes numbers, not text" });
  return prepareInput(spec, tokenise(spec.table, text));
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

function indexOf(decision: Decision, values: readonly number[]): number {
  if (decision.kind === "argmax") return argmax(values);
  const first = values[0] ?? 0;
  return decision.kind === "index" ? first : first >= decision.at ? 1 : 0;
}

/** Reads the answers out of a result tensor, one per row of the batch. */
export function interpretOutput(meaning: OutputMeaning, output: Tensor): Answer[] {
  const batch = output.dims[0] ?? 1;
  const width = output.data.length / batch;
  return Array.from({ length: batch }, (_, row) => {
    const values = Array.from(output.data.subarray(row * width, (row + 1) * width));
    const { decision } = meaning;
    const index = indexOf(decision, values);
    return { label: meaning.labels[index] ?? `${index}`, index, scores: values.map((value) => value * meaning.step) };
  });
}
