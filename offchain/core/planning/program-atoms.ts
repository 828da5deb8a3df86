// SPDX-License-Identifier: MIT
import { elementsOf, type Analysis, type ValueInfo } from "../program/analyse.ts";
import { isBlock } from "../program/analyse-block.ts";
import { inputsOf, type Op, type Program } from "../program/types.ts";
import { OP_CLASSES, type OpClass } from "./types.ts";

/** A place where a program may be cut: one i8 tensor crosses it and nothing else that the program computed. */
export interface LegalCut {
  /** The last operator before the cut. */
  readonly afterOp: number;
  /** The value that crosses, as the program numbers it. */
  readonly value: number;
  readonly dims: readonly number[];
  readonly bytes: number;
}

/** What lies between two neighbouring legal cuts: a stage is one or more of these. */
export interface Atom {
  /** Operators [from, to). */
  readonly from: number;
  readonly to: number;
  readonly macs: Readonly<Record<OpClass, number>>;
  readonly weightBytes: number;
  readonly peakActivationBytes: number;
  /** Bytes of the program's own inputs that it reads. */
  readonly sourceBytes: number;
  readonly outputBytes: number;
}

const bytesOf = (value: ValueInfo | undefined): number =>
  value === undefined ? 0 : elementsOf(value.dims) * (value.dtype === "i8" ? 1 : 4);

const weightBytesOf = (op: Op): number =>
  op.kind === "forest"
    ? 2 * op.features.length + 4 * (op.thresholds.length + op.leaves.length)
    : "weights" in op
      ? op.weights.length
      : 0;

function classOf(op: Op): OpClass {
  if (op.kind === "dense" || op.kind === "conv") return op.kind;
  return isBlock(op) && op.kind !== "forest" && op.kind !== "argmax" ? "attention" : "other";
}

/** The places where `program` may be cut, in order. A residual block is crossed by two tensors, so it stays whole. */
export function legalCuts(program: Program, analysis: Analysis): LegalCut[] {
  const inputs = program.inputs.length;
  const lastUse = analysis.values.map(() => -1);
  program.ops.forEach((op, index) => {
    for (const value of inputsOf(op)) lastUse[value] = index;
  });
  lastUse[program.output] = program.ops.length;
  const cuts: LegalCut[] = [];
  for (let op = 0; op < program.ops.length - 1; op++) {
    const crossing: number[] = [];
    for (let value = inputs; value <= inputs + op; value++) if ((lastUse[value] ?? -1) > op) crossing.push(value);
    const [value] = crossing;
    const info = value === undefined ? undefined : analysis.values[value];
    if (crossing.length !== 1 || value === undefined || info?.dtype !== "i8") continue;
    cuts.push({ afterOp: op, value, dims: info.dims, bytes: bytesOf(info) });
  }
  return cuts;
}

/** The last operator that reads one of the program's own inputs: whoever is behind an earlier cut sees the input itself. */
export function lastInputUse({ inputs, ops }: Program): number {
  return ops.findLastIndex((op) => inputsOf(op).some((value) => value < inputs.length));
}

/** The program between its legal cuts, costs for a batch of one. The last atom's output is the program's. */
export function programAtoms(program: Program, analysis: Analysis): Atom[] {
  const ends = [...legalCuts(program, analysis).map(({ afterOp }) => afterOp + 1), program.ops.length];
  return ends.map((to, index) => {
    const from = ends[index - 1] ?? 0;
    const ops = program.ops.slice(from, to);
    const macs = Object.fromEntries(OP_CLASSES.map((name) => [name, 0])) as Record<OpClass, number>;
    ops.forEach((op, at) => {
      const info = analysis.ops[from + at];
      // What multiplies nothing still touches each element once.
      macs[classOf(op)] += Math.max(info?.macs ?? 0, elementsOf(info?.output.dims ?? []));
    });
    const touched = [...new Set(ops.flatMap((op) => [...inputsOf(op)]))];
    const values = [...touched, ...ops.map((_, at) => program.inputs.length + from + at)];
    const output = to === program.ops.length ? program.output : program.inputs.length + to - 1;
    return {
      from,
      to,
      macs,
      weightBytes: ops.reduce((sum, op) => sum + weightBytesOf(op), 0),
      peakActivationBytes: values.reduce((most, value) => Math.max(most, bytesOf(analysis.values[value])), 0),
      sourceBytes: touched.reduce(
        (sum, value) => (value < program.inputs.length ? sum + bytesOf(analysis.values[value]) : sum),
        0,
      ),
      outputBytes: bytesOf(analysis.values[output]),
    };
  });
}
