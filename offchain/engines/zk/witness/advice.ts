// SPDX-License-Identifier: GPL-3.0-or-later
import { elementsOf, type Analysis } from "../../../core/program/analyse.ts";
import {
  inputsOf,
  type LayerNormOp,
  type MatmulOp,
  type Op,
  type Program,
  type ScaledTable,
  type SoftmaxOp,
} from "../../../core/program/types.ts";
import { convProducts, denseProducts, type Elements } from "./private-advice.ts";
import { matmulAccumulate, matmulShape } from "../../../core/program/run/block.ts";

/** Inner values of one operator that are wires but not values of the program, in the order that its layer asks for them. */
export type Advice = Elements;

interface Frame {
  readonly x: ArrayLike<number>;
  readonly other: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  readonly inDims: readonly number[];
  readonly outDims: readonly number[];
}

function lookUp({ shift, lo, values }: ScaledTable, v: number): number {
  const rounded = shift === 0 ? v : Math.floor(v / 2 ** shift + 0.5);
  return values[Math.min(values.length - 1, Math.max(0, rounded - lo))] ?? 0;
}

/** Accumulators, in doubles: sums of attention stay far below 2^53. */
function matmul(op: MatmulOp, { x, other, inDims, outDims }: Frame): Advice {
  const acc = new Float64Array(elementsOf(outDims));
  const [a, b] = [Float64Array.from(x), Float64Array.from(other)];
  return matmulAccumulate(a, b, matmulShape(inDims, outDims), op.transposed, acc);
}

/** A row: the largest element, R, then every e. */
function softmax(op: SoftmaxOp, { x, inDims }: Frame): Advice {
  const width = inDims.at(-1) ?? 1;
  const out: number[] = [];
  for (let row = 0; row < x.length; row += width) {
    const cells = Array.from({ length: width }, (_, i) => x[row + i] ?? 0);
    const most = Math.max(...cells);
    const powers = cells.map((value) => op.exp[most - value] ?? 0);
    const sum = powers.reduce((total, e) => total + e, 0);
    out.push(most, lookUp(op.reciprocal, sum), ...powers);
  }
  return out;
}

/** A row: R. */
function layerNorm(op: LayerNormOp, { x }: Frame): Advice {
  const width = op.weights.length;
  const out: number[] = [];
  for (let row = 0; row < x.length; row += width) {
    const cells = Array.from({ length: width }, (_, i) => x[row + i] ?? 0);
    const total = cells.reduce((sum, value) => sum + value, 0);
    const variance = cells.reduce((sum, value) => sum + (width * value - total) ** 2, 0);
    out.push(lookUp(op.rsqrt, variance));
  }
  return out;
}

/** A row: for each index, whether it is the answer. */
function argmax({ x, y, inDims }: Frame): Advice {
  const width = inDims.at(-1) ?? 1;
  return Array.from({ length: x.length }, (_, e) => (y[Math.floor(e / width)] === e % width ? 1 : 0));
}

function adviceOf(op: Op, frame: Frame): Advice {
  if (op.kind === "matmul") return matmul(op, frame);
  if (op.kind === "softmax") return softmax(op, frame);
  if (op.kind === "layerNorm") return layerNorm(op, frame);
  return op.kind === "argmax" ? argmax(frame) : [];
}

/** Operators with advice of their own are quantised, but for those with private weights. */
const numbers = (values: Elements | undefined): ArrayLike<number> =>
  values === undefined || typeof values[0] === "bigint" ? [] : (values as ArrayLike<number>);

/** Advice by value number, computed when first asked for. */
export class LayerAdvice {
  readonly #program: Program;
  readonly #analysis: Analysis;
  readonly #values: readonly Elements[];
  readonly #known = new Map<number, Advice>();

  constructor(program: Program, analysis: Analysis, values: readonly Elements[]) {
    this.#program = program;
    this.#analysis = analysis;
    this.#values = values;
  }

  of(value: number): Advice {
    let advice = this.#known.get(value);
    if (advice === undefined) this.#known.set(value, (advice = this.#compute(value)));
    return advice;
  }

  #compute(value: number): Advice {
    const op = this.#program.ops[value - this.#program.inputs.length];
    if (op === undefined) return [];
    const [first = 0, second = first] = inputsOf(op);
    const inDims = this.#analysis.values[first]?.dims ?? [];
    // Asked for where weights are private.
    if (op.kind === "dense") return denseProducts(op, this.#values[first] ?? []);
    if (op.kind === "conv") return convProducts(op, this.#values[first] ?? [], inDims);
    return adviceOf(op, {
      x: numbers(this.#values[first]),
      other: numbers(this.#values[second]),
      y: numbers(this.#values[value]),
      inDims,
      outDims: this.#analysis.values[value]?.dims ?? [],
    });
  }
}
