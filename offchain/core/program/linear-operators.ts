// SPDX-License-Identifier: MIT
import { analyseProgram, elementsOf, type Analysis } from "./analyse.ts";
import { inputsOf, type Program } from "./types.ts";

/** A dense or conv operator as one matrix over integers, convolutions and batches unrolled, both sides in row-major order. */
export interface LinearOperator {
  /** Number of the operator in its program. */
  readonly op: number;
  /** Accumulators: the length of r. */
  readonly rows: number;
  /** Elements of its input: the length of r^T W. */
  readonly columns: number;
  /** Weights that its matrix is made of: fewer than its entries where a convolution or batch repeats them. */
  readonly weights: number;
}

/** The operators of a program that have weights, in order. Shapes only: they are the same for every training. */
export function linearOperators(program: Program, { values }: Analysis = analyseProgram(program)): LinearOperator[] {
  return program.ops.flatMap((op, at): LinearOperator[] => {
    if (op.kind !== "dense" && op.kind !== "conv") return [];
    const [from = 0] = inputsOf(op);
    const rows = elementsOf(values[program.inputs.length + at]?.dims ?? []);
    return [{ op: at, rows, columns: elementsOf(values[from]?.dims ?? []), weights: op.weights.length }];
  });
}
