// SPDX-License-Identifier: GPL-3.0-or-later
import type {
  ArgmaxOp,
  ConcatOp,
  MaxPoolOp,
  ReshapeOp,
  SquareOp,
  TransposeOp,
  Window,
} from "../../../core/program/types.ts";

/** The real-valued network between ONNX and the integer program: same value numbering as `Program`, no batch in shapes. */
export interface FloatGraph {
  readonly inputDims: readonly number[];
  readonly ops: readonly FloatOp[];
  /** Dimensions of every value, the input first. */
  readonly dims: readonly (readonly number[])[];
  readonly output: number;
  /** The ONNX name of the output. */
  readonly outputName: string;
  /**
   * Not null if two classes share one score s, positive for the second: ONNX then gives two columns, made of s as the
   * name says. `probability`: ONNX compares s with 1/2, and the forest's bias already takes it off.
   */
  readonly binary: "signed" | "logistic" | "probability" | null;
}

export type Activation =
  | { readonly type: "relu" }
  | { readonly type: "clip"; readonly lo: number; readonly hi: number }
  | { readonly type: "sigmoid" }
  | { readonly type: "tanh" }
  | { readonly type: "gelu" };

export interface Weighted {
  readonly input: number;
  readonly outputs: number;
  readonly weights: Float64Array;
  readonly bias: Float64Array;
}

/** `name` is the ONNX node's, for messages and cut points. */
export type FloatOp = { readonly name: string } & (
  | ({ readonly kind: "dense" } & Weighted)
  | ({ readonly kind: "conv" } & Weighted & Window)
  | ({ readonly kind: "averagePool"; readonly input: number } & Window)
  | { readonly kind: "add"; readonly inputs: readonly [number, number] }
  | { readonly kind: "activation"; readonly input: number; readonly activation: Activation }
  /** `scale` multiplies the product. */
  | {
      readonly kind: "matmul";
      readonly inputs: readonly [number, number];
      readonly transposed: boolean;
      readonly scale: number;
    }
  /** Over the last dimension, of `scale` times the input. */
  | { readonly kind: "softmax"; readonly input: number; readonly scale: number }
  | {
      readonly kind: "layerNorm";
      readonly input: number;
      readonly weights: Float64Array;
      readonly bias: Float64Array;
      readonly epsilon: number;
    }
  /** As `ForestOp`, with real thresholds (Infinity pads shallow trees) and leaves. */
  | {
      readonly kind: "forest";
      readonly input: number;
      readonly outputs: number;
      readonly depth: number;
      readonly features: Uint16Array;
      readonly thresholds: Float64Array;
      readonly leaves: Float64Array;
      readonly bias: Float64Array;
    }
  | ArgmaxOp
  | MaxPoolOp
  | ConcatOp
  | ReshapeOp
  | TransposeOp
  | SquareOp
);

export function floatInputsOf(op: FloatOp): readonly number[] {
  return "inputs" in op ? op.inputs : [op.input];
}

/** How many operators read each value, the graph's output counting once more. */
export function useCounts(graph: Pick<FloatGraph, "ops" | "output">): number[] {
  const counts = Array.from({ length: graph.ops.length + 1 }, () => 0);
  for (const op of graph.ops) for (const value of floatInputsOf(op)) counts[value] = (counts[value] ?? 0) + 1;
  counts[graph.output] = (counts[graph.output] ?? 0) + 1;
  return counts;
}
